"""What an address tells without asking anybody: the kind of its domain, and the shape of its local part."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from enum import Enum
from functools import cache, lru_cache
from itertools import groupby, pairwise
from string import ascii_lowercase
from typing import TYPE_CHECKING

from services.fraud.mail_domains import PROVIDERS, RELAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publicsuffixlist import PublicSuffixList

REMEMBERED = 4_096
"""Domains whose kind is kept. Few domains make up most sign-ups."""

DIGITS = re.compile(r"\d+")
MARKER = "#"
"""What stands for digits in a skeleton. No written number looks like it."""
WORD = re.compile(r"[a-z]+")
VOWELS = frozenset("aeiouy")

PEOPLE = -1.5
"""Log-odds of a machine's hand before anything is looked at."""
PAIR, MOST_OF_A_PAIR = 0.75, 1.5
"""How much of a pair's evidence counts, because pairs lean on each other; and the most that one may say."""
ISLAND = 1.0
"""Log-odds of digits between letters, each time: `x7k2m9`, where people add a year to the end."""
LONG_NUMBER, DIGIT, MOST_OF_DIGITS = 4, 0.25, 1.5
"""Digits that a year or a birthday explains, log-odds of each further one, and the most of them: a telephone number
makes nobody a machine."""
LONG_RUN, CONSONANT = 5, 0.8
"""Consonants in a row that languages know, and log-odds of each further one."""


class DomainKind(Enum):
    """What kind of domain an address belongs to."""

    PROVIDER = "provider"
    RELAY = "relay"
    """It protects its users' own address. Never disposable: letters arrive for as long as they are wanted."""
    DISPOSABLE = "disposable"
    """Anybody reads a mailbox there for some minutes."""
    OTHER = "other"


@lru_cache(REMEMBERED)
def domain_kind(domain: str) -> DomainKind:
    """The kind of a domain in ASCII and lower case, as `parse_email` gives it. Its subdomains are of its kind.

    The list of disposable domains knows one in twenty of all there are: OTHER is no recommendation.
    """
    lineage = _lineage(domain)
    if not PROVIDERS.isdisjoint(lineage):
        return DomainKind.PROVIDER
    if not RELAYS.isdisjoint(lineage):
        return DomainKind.RELAY
    return DomainKind.OTHER if _disposable().isdisjoint(lineage) else DomainKind.DISPOSABLE


@lru_cache(REMEMBERED)
def registrable(domain: str) -> str:
    """The part of a domain that one owner registers, by the public suffix list; a public suffix is itself."""
    owned = _public_suffixes().privatesuffix(domain)
    return domain if owned is None else str(owned)


def skeleton(local: str) -> str:
    """The shape of a local part: digits, however many, are one marker. `ada12` has the shape of `ada7`."""
    return DIGITS.sub(MARKER, local)


@lru_cache(REMEMBERED)
def randomness(local: str) -> float:
    """How much a local part looks like made by a machine, 0 to 1; below a half for what says little, as initials do.

    Its pairs of letters are compared with those in names of places all over the world, letters of other scripts are
    passed over, and digits count where no year explains them.
    """
    latin = unicodedata.normalize("NFKD", local.casefold())
    latin = "".join(sign for sign in latin if not unicodedata.combining(sign))
    odds = PEOPLE + _of_pairs(latin) + _of_digits(latin) + _of_consonants(latin)
    return 1 / (1 + math.exp(-odds))


def _lineage(domain: str) -> frozenset[str]:
    """The domain and those above it, down to the one that is registered."""
    owned, labels = registrable(domain), domain.split(".")
    depth = len(labels) - owned.count(".")
    return frozenset(".".join(labels[start:]) for start in range(depth))


def _of_pairs(text: str) -> float:
    """Each pair counts once: names repeat what their language is fond of."""
    table = _pairs()
    told = (table[pair] for pair in dict.fromkeys(pair for word in WORD.findall(text) for pair in pairwise(word)))
    return -PAIR * sum(max(-MOST_OF_A_PAIR, min(MOST_OF_A_PAIR, each)) for each in told)


def _of_digits(text: str) -> float:
    islands = len(re.findall(r"(?<=[^\W\d_])\d+(?=[^\W\d_])", text))
    longest = max(map(len, DIGITS.findall(text)), default=0)
    return ISLAND * islands + min(MOST_OF_DIGITS, DIGIT * max(0, longest - LONG_NUMBER))


def _of_consonants(text: str) -> float:
    runs = (run for word in WORD.findall(text) for vowel, run in groupby(word, VOWELS.__contains__) if not vowel)
    return CONSONANT * sum(max(0, len(list(run)) - LONG_RUN) for run in runs)


@cache
def _pairs() -> dict[tuple[str, str], float]:
    """How much likelier a letter follows another in names than by chance, as a logarithm."""
    seen: Counter[tuple[str, str]] = Counter()
    for name in set(_names()):
        seen.update(pairwise(name))
    begun = Counter(dict.fromkeys(ascii_lowercase, 0))
    for (first, _), count in seen.items():
        begun[first] += count
    letters = len(ascii_lowercase)
    return {
        (first, second): math.log(letters * (seen[first, second] + 1) / (begun[first] + letters))
        for first in ascii_lowercase
        for second in ascii_lowercase
    }


def _names() -> Iterator[str]:
    """Words in the names of the world's time zones and countries: several hundred, of many languages."""
    from importlib.resources import files  # ruff: ignore[import-outside-top-level] -- start time

    places = files("tzdata")
    for table in (places.joinpath("zones"), places.joinpath("zoneinfo", "iso3166.tab")):
        yield from WORD.findall(table.read_text(encoding="utf-8").casefold())


@cache
def _disposable() -> frozenset[str]:
    from disposable_email_domains import blocklist  # ruff: ignore[import-outside-top-level] -- start time

    return frozenset(blocklist)


@cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # ruff: ignore[import-outside-top-level] -- start time

    return PublicSuffixList()
