"""Addresses as people choose them: providers by their share, names, and what is written before the @.

Names are made of syllables: nobody is meant.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from benchmarks.fraud.chance import DIGITS, LETTERS, Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

FREE = {
    "gmail.com": 0.55, "outlook.com": 0.08, "hotmail.com": 0.07, "yahoo.com": 0.07, "icloud.com": 0.09, "gmx.de": 0.03,
    "web.de": 0.03, "proton.me": 0.02, "gmx.net": 0.01, "live.com": 0.01, "orange.fr": 0.01, "libero.it": 0.01,
    "comcast.net": 0.01, "aol.com": 0.01,
}  # fmt: skip
EASY = {"gmail.com": 0.4, "outlook.com": 0.3, "gmx.net": 0.08, "proton.me": 0.08, "mail.com": 0.07, "yahoo.com": 0.07}
"""Where one gets a further mailbox in minutes, or buys a hundred."""
KINDS = {"free": 0.8, "company": 0.15, "own": 0.035, "relay": 0.015}
"""What kind of address ordinary people sign up with."""
RELAYS = {"privaterelay.appleid.com": 0.55, "duck.com": 0.15, "mozmail.com": 0.15, "simplelogin.com": 0.15}
DISPOSABLE = (
    "mailinator.com", "guerrillamail.com", "yopmail.com", "10minutemail.com", "temp-mail.org", "sharklasers.com",
    "trashmail.com", "getnada.com", "dispostable.com", "maildrop.cc", "mailnesia.com", "mintemail.com",
    "throwawaymail.com", "fakeinbox.com", "tempmail.com", "mohmal.com", "emailondeck.com", "moakt.com",
    "spamgourmet.com", "mailcatch.com", "grr.la", "guerrillamail.info", "tempail.com", "discard.email",
    "burnermail.io", "inboxkitten.com", "trbvm.com", "mytemp.email", "tmpmail.org", "emltmp.com",
)  # fmt: skip
"""What somebody finds who searches for a mailbox of ten minutes."""
SYLLABLES = (
    "ba", "be", "bi", "da", "do", "fe", "ga", "ha", "he", "jo", "ka", "ke", "la", "le", "li", "lo", "lu",
    "ma", "me", "mi", "na", "ne", "ni", "no", "ra", "re", "ri", "ro", "sa", "se", "si", "ta", "te", "ti",
    "to", "va", "ve", "vi", "wi", "za", "ze",
)  # fmt: skip
ENDINGS = ("n", "l", "r", "s", "", "", "ck", "th", "nd", "m")
WORDS = (
    "blue", "quick", "stone", "pixel", "north", "river", "lucky", "silver", "green", "cloud", "tiny", "happy", "night",
    "fox", "wolf", "panda", "rider", "maker", "gamer", "cook", "coder", "runner", "tiger", "moon",
)  # fmt: skip
SUFFIXES = {"com": 0.55, "de": 0.1, "io": 0.07, "net": 0.06, "co.uk": 0.06, "fr": 0.05, "org": 0.05, "eu": 0.06}
LARGER = 0.4
"""Share of people with an address at work whose employer is one of 400 larger ones."""
CHEAP = {"xyz": 0.3, "top": 0.15, "site": 0.1, "online": 0.1, "shop": 0.1, "com": 0.15, "click": 0.05, "info": 0.05}
"""Where a domain costs a coin: those of fresh disposable services."""


@cache
def _names(kind: str, count: int) -> tuple[str, ...]:
    chance = Chance(0, "names", kind)
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(chance.of(SYLLABLES) for _ in range(chance.whole(2, 3))) + chance.of(ENDINGS)] = None
    return tuple(made)


def first_names() -> Sequence[str]:
    """Given names, the common ones first."""
    return _names("first", 500)


def last_names() -> Sequence[str]:
    """Family names, the common ones first."""
    return _names("last", 4000)


class Name:
    """What somebody is called."""

    def __init__(self, chance: Chance, last: str | None = None) -> None:
        self.first = chance.common(first_names())
        self.last = last or chance.common(last_names())

    @property
    def display(self) -> str:
        """As one writes it into a form."""
        return f"{self.first.title()} {self.last.title()}"


def local(chance: Chance, name: Name) -> str:
    """What somebody has before the @ of a free provider."""
    year, digits = str(chance.whole(62, 99)), chance.text(DIGITS, chance.whole(1, 4))
    nick = chance.of(WORDS) + chance.of(WORDS)
    styles = {
        f"{name.first}.{name.last}": 0.2,
        f"{name.first}{name.last}": 0.14,
        f"{name.first}.{name.last}{digits}": 0.14,
        f"{name.first}{name.last}{digits}": 0.14,
        f"{name.first[0]}{name.last}{digits}": 0.1,
        f"{name.first}{year}": 0.06,
        f"{name.last}.{name.first}{year}": 0.08,
        f"{nick}{digits}": 0.14,
    }
    return chance.by_share(styles)


def free(chance: Chance, name: Name, domains: dict[str, float] = FREE) -> str:
    """An address of a free provider."""
    return f"{local(chance, name)}@{chance.by_share(domains)}"


def domain(chance: Chance, suffixes: dict[str, float] = SUFFIXES) -> str:
    """A domain that stands on no list."""
    return f"{chance.common(last_names())}{chance.of((*WORDS, chance.of(SYLLABLES)))}.{chance.by_share(suffixes)}"


@cache
def _pool(kind: str, count: int) -> tuple[str, ...]:
    chance = Chance(0, "domains", kind)
    return tuple(domain(chance, CHEAP if kind == "fresh" else SUFFIXES) for _ in range(count))


def company(chance: Chance) -> str:
    """An employer's domain: one of the larger ones, whose people come again and again, or any other."""
    return chance.common(_pool("companies", 400)) if chance.happens(LARGER) else domain(chance)


def fresh_disposable(chance: Chance) -> str:
    """A domain of a disposable service that no list has yet: several operators find the same ones."""
    return chance.common(_pool("fresh", 150))


def staff(chance: Chance, name: Name, company: str) -> str:
    """An address at work."""
    styles = {f"{name.first}.{name.last}": 0.7, f"{name.first[0]}.{name.last}": 0.2, f"{name.first}": 0.1}
    return f"{chance.by_share(styles)}@{company}"


def relayed(chance: Chance) -> str:
    """An address that hides another one, made by its service."""
    relay = chance.by_share(RELAYS)
    if relay == "privaterelay.appleid.com":
        return f"{chance.text(LETTERS + DIGITS, 10)}@{relay}"
    return f"{chance.of(WORDS)}-{chance.of(WORDS)}-{chance.text(LETTERS + DIGITS, 4)}@{relay}"


def noise(chance: Chance) -> str:
    """What a program puts before the @."""
    return chance.text(LETTERS, chance.whole(6, 9)) + chance.text(DIGITS, chance.whole(0, 4))


def dotted(chance: Chance, local_part: str) -> str:
    """The same mailbox at Gmail, with dots elsewhere."""
    letters = local_part.replace(".", "")
    inner = "".join(letter + "." * chance.happens(0.3) for letter in letters[:-1])
    return inner + letters[-1]
