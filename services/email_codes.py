"""The challenge of a letter: whoever acts for an address shows that they read its mail, with an account or without.

A code is for one action and one address, from whichever network: telephones change theirs while a letter is read. The
network that asked for the letter has tries of its own, which nobody elsewhere can use up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from adapters.limits import Allowance
from core.errors import RateLimited
from core.networks import network_of
from models.accounts import User
from models.jobs import Job
from models.one_time_tokens import OneTimeToken, Purpose
from services import jobs, notifications, one_time_codes, one_time_tokens
from services.challenges import ChallengeKind, ChallengeRequired
from services.languages import phrase
from services.notifications import Delivery, Draft, Letter, Topic
from services.one_time_codes import DIGITS

if TYPE_CHECKING:
    from core.emails import Email
    from services.app import App
    from services.sessions import Client

LETTER = "email_code"
CODE = "email-code"
"""What codes are hashed as."""
LIFETIME = timedelta(minutes=10)
ATTEMPTS = 5
"""Tries at one code from the network that asked for it, and as many from all others together.

With `ANYWHERE`, these are 150 a day against a million codes.
"""
DEDUPLICATED = 60
"""Seconds in which a second letter for one action to one address is not sent."""

HOUR, DAY = 3_600.0, 86_400.0
HERE = Allowance(limit=5, window=DAY)
"""Letters to one mailbox that one network asks for. It cannot use up `ANYWHERE` alone, so shuts nobody out."""
ANYWHERE = Allowance(limit=15, window=DAY)
"""Letters to one mailbox, under whichever of its spellings."""
NETWORK = Allowance(limit=20, window=HOUR)
"""Letters that one network asks for, to whomever."""


async def require(app: App, action: str, *, client: Client, address: Email, answer: str | None) -> None:
    """Let pass who brings the code of a letter to this address for this action. It is spent by this.

    Otherwise a letter is sent, unless one is on its way or its code may still be tried. What is no six digits is no
    try, as the answer to another challenge. Not inside a transaction, which the refusal would undo.
    Raises ChallengeRequired, and RateLimited when too many letters were asked for.
    """
    subject = _subject(action, address.key)
    kept = await one_time_codes.kept(app, CODE, subject)
    if kept is not None and answer is not None and _is_code(answer):
        left = await one_time_tokens.attempt(app, kept, ATTEMPTS, elsewhere=_elsewhere(app, kept, client))
        if left is not None and one_time_codes.is_right(app, kept, CODE, subject, answer):
            if await one_time_tokens.spend(app, kept):
                return
        elif left:
            raise _required(address, kept.expires_at, left)
        kept = await one_time_codes.kept(app, CODE, subject)
    if await _ask_for_letter(app, action, client, address):
        raise _required(address, app.clock.now() + LIFETIME, ATTEMPTS)
    raise _of_present(app, address, kept, client)


async def asked(app: App, action: str, address: Email) -> bool:
    """Whether a code may be tried: who guesses without having been asked for one sends no letter."""
    return await one_time_codes.kept(app, CODE, _subject(action, address.key)) is not None


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """A new code, which ends the one before."""
    payload = delivery.payload
    action, address = payload["action"], payload["address"]
    subject, asker = _subject(action, address), {"asker": payload.get("asker")}
    code = await one_time_codes.keep(
        app, Purpose.EMAIL_CODE, CODE, subject, delivery, address=address, lifetime=LIFETIME, data=asker
    )
    if code is None:
        return None
    return Draft(
        user=await _reader(payload["written"], address),
        template="code",
        subject=phrase("Your code"),
        values={
            "code": code,
            "valid_for": LIFETIME,
        },
    )


async def _reader(written: str, address: str) -> User:
    """Who reads the mailbox. Whether there is an account is nobody's business, but its language is its reader's."""
    known = await User.get_or_none(email_key=address)
    return User(email=written, email_key=address, locale=known and known.locale)


async def _ask_for_letter(app: App, action: str, client: Client, address: Email) -> bool:
    """Write the job of a letter; False when this minute's has been asked for already. Raises RateLimited."""
    who = app.keys.identity("letter", _subject(action, address.key))[:32]
    dedup_key = f"mail.{LETTER}:{who}:{_minute(app.clock.now())}"
    if await Job.exists(dedup_key=dedup_key):
        return False
    await _count_letter(app, client, address)
    payload = {
        "action": action,
        "address": address.key,
        "written": address.written,
        "asker": _asker(app, client),
    }
    await notifications.enqueue_letter(app, LETTER, payload, dedup_key=dedup_key)
    await jobs.wake(app)
    return True


async def _count_letter(app: App, client: Client, address: Email) -> None:
    """By mailbox, so that tags (`ada+1@`) make no cannon. Raises RateLimited."""
    if not app.settings.rate_limits:
        return
    network = network_of(client.ip)
    counted = await app.limits.count(
        {
            f"email-code:here:{network}:{address.person}": HERE,
            f"email-code:anywhere:{address.person}": ANYWHERE,
            f"email-code:network:{network}": NETWORK,
        }
    )
    if counted.wait:
        raise RateLimited(counted.wait)


def _asker(app: App, client: Client) -> str:
    """What is kept of the network that asks for a letter."""
    return app.keys.identity("email-code-asker", network_of(client.ip))[:32]


def _elsewhere(app: App, kept: OneTimeToken, client: Client) -> bool:
    return bool(kept.data.get("asker") != _asker(app, client))


def _of_present(app: App, address: Email, kept: OneTimeToken | None, client: Client) -> ChallengeRequired:
    """What is said of a letter of this minute. Its code is not there before the job has run."""
    now = app.clock.now()
    if kept is None or _minute(kept.created_at) < _minute(now):
        return _required(address, now + LIFETIME, ATTEMPTS)
    tried = kept.attempts_elsewhere if _elsewhere(app, kept, client) else kept.attempts
    left = 0 if kept.used_at else max(0, ATTEMPTS - tried)
    return _required(address, kept.expires_at, left)


def _required(address: Email, expires_at: datetime, left: int) -> ChallengeRequired:
    parameters = {
        "sentTo": masked(address.written),
        "expiresAt": expires_at.isoformat(),
        "digits": DIGITS,
        "attemptsLeft": left,
    }
    return ChallengeRequired(ChallengeKind.EMAIL_CODE, parameters)


def masked(written: str) -> str:
    """An address that its owner recognises and nobody can write to: `a•••@example.com`."""
    local, _, domain = written.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}•••@{domain}"


def _is_code(answer: str) -> bool:
    code = one_time_codes.typed(answer)
    return len(code) == DIGITS and code.isascii() and code.isdecimal()


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // DEDUPLICATED


def _subject(action: str, address: str) -> str:
    return f"{action}\n{address}"


CODES = Letter(LETTER, Topic.SECURITY, _compose)
