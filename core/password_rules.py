"""What a new password must be: long enough, hard to guess, not known, and not about its owner."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from core.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LENGTH = 256
"""Characters, never cut off: ASVS 5.0 6.2.8, 6.2.9."""
JUDGED = 72
"""Characters that zxcvbn takes; it is asked about no more of a longer password."""
JUDGED_WHEN_DEAR = 16
"""Characters of a password in which digits and signs may stand for letters in many ways: 72 of them took 1.7 s."""
DEAR = 6
"""Ways to read digits and signs as letters, above which a password counts as dear to judge."""
LONGEST_SUFFIX = 4
"""Digits and signs behind a well-known password that make it no other one."""
SHORTEST_WORD = 3
"""Characters of a context word: a shorter one would stand in half of all passwords."""
OWN_WORDS = ("porchlight",)

_judging = Lock()


@dataclass(frozen=True)
class Rule:
    """The least that a password has: characters, and zxcvbn's score (0 to 4)."""

    length: int
    score: int


ALONE = Rule(length=15, score=3)
"""When it is the only factor: NIST SP 800-63B-4, section 3.1.1.2. Score 3 is 10^8 guesses and more."""
WITH_FACTOR = Rule(length=8, score=2)
"""Beside a second factor. Eight random characters have score 2."""


class InvalidPassword(Refusal):
    """The new password does not meet the rules. `reasons` holds codes, each of them a key of SENTENCES."""

    def __init__(self, reasons: list[str], *, rule: Rule = ALONE) -> None:
        super().__init__(" ".join(SENTENCES[reason].format(rule=rule) for reason in reasons))
        self.reasons = reasons


SENTENCES = {
    "TOO_SHORT": "The password needs {rule.length} characters or more.",
    "TOO_LONG": f"The password may have {MAX_LENGTH} characters at most.",
    "TOO_COMMON": "Many people use this password, so it is among the first that are tried.",
    "TOO_EASY": "The password is easy to guess. A few words that do not belong together are hard to guess.",
    "CONTEXT": "The password is easy to guess for somebody who knows your name, your address or ours.",
    "UNCHANGED": "This is the password that you have now.",
}


def normalised(password: str) -> str:
    """One spelling of a password, whichever keyboard it came from: NIST SP 800-63B-4, section 3.1.1.2 (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def measured(password: str, rule: Rule) -> str:
    """A new password in its normalised form, if its length is right. Raises InvalidPassword."""
    if len(password) > MAX_LENGTH:
        raise InvalidPassword(["TOO_LONG"])
    normal = normalised(password)
    if len(normal) < rule.length:
        raise InvalidPassword(["TOO_SHORT"], rule=rule)
    if len(normal) > MAX_LENGTH:
        raise InvalidPassword(["TOO_LONG"])
    return normal


def context_words(email: str, name: str | None) -> tuple[str, ...]:
    """What a guesser who knows the person, or us, would begin with: ASVS 5.0 6.2.11."""
    local, _, domain = email.casefold().partition("@")
    called = (name or "").casefold()
    pieces = [*re.split(r"\W+|_", local), *domain.split("."), *called.split()]
    words = [email.casefold(), local, domain, called, called.replace(" ", ""), *pieces, *OWN_WORDS]
    return tuple(dict.fromkeys(word for word in words if len(word) >= SHORTEST_WORD))


def weaknesses(password: str, rule: Rule, words: Iterable[str]) -> list[str]:
    """Why a password would be guessed, as codes; empty for a good one. It takes up to 0.1 s of one processor."""
    words = list(words)
    if _is_common(password):
        return ["TOO_COMMON"]
    if _own_part(password, words) < rule.length // 2:
        return ["CONTEXT"]
    if _score(password, words) >= rule.score:
        return []
    return ["CONTEXT" if _score(password, ()) >= rule.score else "TOO_EASY"]


def _own_part(password: str, words: Iterable[str]) -> int:
    """Letters and digits of a password that are no part of a context word; zxcvbn is content with `Ada-2026-Ada`."""
    folded = rest = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(folded) if rest == folded else sum(map(str.isalnum, rest))


def _is_common(password: str) -> bool:
    """Whether it stands in zxcvbn's list of 30,000, in any case and with up to four digits or signs behind it."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # ruff: ignore[import-outside-top-level] -- start time

    known = RANKED_DICTIONARIES["passwords"]
    folded = password.casefold()
    bare = re.sub(rf"[\W\d_]{{1,{LONGEST_SUFFIX}}}$", "", folded)
    return folded in known or bare in known


def _score(password: str, words: Iterable[str]) -> int:
    """Zxcvbn's score of the password, or of as much of it as can be judged in time.

    zxcvbn keeps the words of its caller in a global: one call at a time, and nothing of a person stays there.
    """
    from zxcvbn import matching, zxcvbn  # ruff: ignore[import-outside-top-level] -- start time

    head = password[:JUDGED]
    readings = matching.enumerate_l33t_subs(matching.relevant_l33t_subtable(head, matching.L33T_TABLE))
    if len(readings) > DEAR:
        head = head[:JUDGED_WHEN_DEAR]
    with _judging:
        try:
            return int(zxcvbn(head, user_inputs=list(words))["score"])
        finally:
            matching.RANKED_DICTIONARIES.pop("user_inputs", None)
