"""E-mail addresses: as written, as what makes an account unique, and as what makes a person unique."""

import re
import unicodedata
from dataclasses import dataclass

from core.errors import Refusal

MAX_LENGTH = 254
"""Characters of an address that SMTP can carry: RFC 5321, section 4.5.3.1.3, less its angle brackets."""

DOTS_IGNORED = frozenset({"gmail.com"})
SAME_MAILBOX = {
    "googlemail.com": "gmail.com",
    "pm.me": "proton.me",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
TAGGED_BY_HYPHEN = re.compile(r"^yahoo\.|^ymail\.com$|^rocketmail\.com$")


class InvalidEmail(Refusal):
    """The text is no e-mail address that mail could reach."""

    message = "This is not an e-mail address that we can write to."


@dataclass(frozen=True)
class Email:
    """One address in its three forms."""

    written: str
    """As the person wrote it, normalised to NFKC and trimmed."""
    key: str
    """What is unique among users: case and the spelling of the domain (IDN) do not count."""
    person: str
    """What is unique among trials: dots, tags and twin domains do not count where the provider ignores them."""


def parse_email(text: str) -> Email:
    """Normalise first, then judge (so that no look-alike passes the check and changes afterwards).

    Raises InvalidEmail.
    """
    from email_validator import EmailNotValidError, validate_email  # ruff: ignore[import-outside-top-level] -- start time

    if len(text) > MAX_LENGTH:
        raise InvalidEmail
    written = unicodedata.normalize("NFKC", text).strip()
    try:
        valid = validate_email(written, check_deliverability=False)
    except EmailNotValidError as error:
        raise InvalidEmail from error
    local, domain = valid.local_part.casefold(), (valid.ascii_domain or valid.domain).lower()
    key = f"{unicodedata.normalize('NFKC', local)}@{domain}"
    if len(key) > MAX_LENGTH:
        raise InvalidEmail
    return Email(written=written, key=key, person=_person_key(local, domain))


def email_key(text: str) -> str:
    """The account key of an address, or of a text that is none: for looking up and for counting tries."""
    try:
        return parse_email(text).key
    except InvalidEmail:
        folded = unicodedata.normalize("NFKC", text[:MAX_LENGTH]).replace("\0", "").strip().casefold()
        return folded[:MAX_LENGTH]  # folding makes some signs longer


def _person_key(local: str, domain: str) -> str:
    domain = SAME_MAILBOX.get(domain, domain)
    mark = "-" if TAGGED_BY_HYPHEN.search(domain) else "+"
    mailbox = local.split(mark, 1)[0] or local
    if domain in DOTS_IGNORED:
        mailbox = mailbox.replace(".", "")
    return f"{mailbox}@{domain}"
