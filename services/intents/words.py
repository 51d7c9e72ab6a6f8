"""Words that tell of intervals, days and topics, in English and German, and a little French and Spanish.

All of them take text in one spelling: NFKC, without case. What is told twice and differently is not told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTERVALS = {
    "YEAR": r"year\w*|annual\w*|annum|jahr\w*|jährlich\w*|annuel\w*|anual\w*",
    "MONTH": r"month\w*|monat\w*|mensuel\w*|mensual\w*",
}
_LEFT = r"\b(?:from|von|vom)\b.*?\b(?:to|auf|zu|zum|nach)\b|\b(?:instead of|rather than|statt|anstelle)\b.*$"
"""What somebody comes from, or does not want."""
_NUMBERS = (
    {"a": 1, "an": 1, "another": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
    | {"eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fourteen": 14, "thirty": 30}
    | {"ein": 1, "eine": 1, "einen": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7}
    | {"acht": 8, "neun": 9, "zehn": 10, "zwölf": 12, "vierzehn": 14, "dreissig": 30}
)
_UNITS = {"day": 1, "tag": 1, "jour": 1, "día": 1, "week": 7, "woche": 7, "semaine": 7, "semana": 7}
_DAYS = re.compile(
    rf"(?<![\w.,-])([0-9]{{1,6}}|{'|'.join(_NUMBERS)})\s+"
    r"(?:(?:more|extra|additional|further|weitere|zusätzliche)\s+)?"
    rf"({'|'.join(_UNITS)})(?:s|e|en|n)?\b"
)
_FORTNIGHT = re.compile(r"\bfortnight\b")
_TOPICS = [
    re.compile(pattern)
    for pattern in (
        r"\b(?:teach me|learn|study|lerne)\s+(?:more\s+)?(?:about\s+|how to\s+|to\s+)?(.+)",
        r"\b(?:interested in|passion for|care for|care about|keen on|fond of)\s+(.+)",
        r"\b(?:interests|hobbies|interest|hobby)\s+(?:are|is)\s+(.+)",
        r"\b(?:courses?|guides?|lessons?|tutorials?|something|anything|material|more) (?:in|on|about|for|to|of) (.+)",
        r"\bi(?:'m| am)?\s+(?:really\s+)?(?:like|love|enjoy|into)\s+(.+)",
        r"\binteressiere mich (?:sehr )?für\s+(.+)",
        r"\b(?:kurse?|kurs|etwas|mehr|was)\s+(?:über|zum thema|zum|zu|in|für)\s+(.+)",
        r"\bzum thema\s+(.+)",
        r"\bich\s+(?:will|möchte|würde gern)\s+(.+?)\s+lernen",
        r"\bm'intéresse (?:à la|à l'|au|aux|à)\s*(.+)",
        r"\b(?:cours de|curso de|interesa la|interesa el)\s+(.+)",
    )
]
_TAIL = re.compile(r"(?:(?:^|[\s.!?…,;:]+)(?:please|bitte|lernen|these days|next|now|today)(?!\w))*[\s.!?…,;:]*$")


def only(values: Iterable[str]) -> str | None:
    """The one value; None when there are none or several."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def stands_in(name: str, said: str) -> bool:
    """Whether the words of a name stand in what is said."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None


def wanted(said: str) -> str:
    """What is said without what somebody comes from: `from pro to free` wants `free`."""
    return re.sub(_LEFT, " ", said)


def interval(said: str) -> str | None:
    """`MONTH` or `YEAR`, when one of them is told."""
    return only(key for key, pattern in _INTERVALS.items() if re.search(rf"\b(?:{pattern})\b", said))


def days(said: str) -> str | None:
    """A number of days in digits; weeks have seven."""
    told = [str((_NUMBERS.get(number) or int(number)) * _UNITS[unit]) for number, unit in _DAYS.findall(said)]
    return only([*told, *("14" for _ in _FORTNIGHT.findall(said))])


def topic(said: str) -> str | None:
    """What somebody wants to know of, in their own words."""
    for pattern in _TOPICS:
        if match := pattern.search(said):
            return _TAIL.sub("", match[1]) or None
    return None
