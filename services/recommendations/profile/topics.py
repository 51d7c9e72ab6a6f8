"""Topics: how they are spelled, and which evidence has the row of one. Pure."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.recommendations import InterestSource
from services.recommendations.catalogue import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.recommendations import Interest

MAX_TOPICS = 20
"""Topics of one source that a person has at most."""
LONGEST_TOPIC = 100
LONGEST_KEY = 200
"""What a row holds of a key. Without case some letters are three: only of such topics is a key longer than this."""


def cleaned(topics: Sequence[str]) -> dict[str, str]:
    """Topics in NFKC and trimmed, each once, by their keys. Raises BadUserInput."""
    if len(topics) > MAX_TOPICS:
        raise BadUserInput(f"There are at most {MAX_TOPICS} topics.")
    found: dict[str, str] = {}
    for topic in topics:
        text = spelled(topic)
        if text is None:
            lengths = f"from 1 to {LONGEST_TOPIC} characters, at most {LONGEST_KEY} without case"
            raise BadUserInput(f"A topic has {lengths}, all of them printable.")
        found.setdefault(key_of(text), text)
    return found


def spelled(topic: str) -> str | None:
    """A topic in NFKC with single spaces; None when it is empty, unprintable, or too long, also without case."""
    text = " ".join(unicodedata.normalize("NFKC", topic[: LONGEST_TOPIC * 4]).split())
    fits = len(text) <= LONGEST_TOPIC and len(key_of(text)) <= LONGEST_KEY
    return text if text and fits and text.isprintable() else None


def key_of(topic: str) -> str:
    """What must be unique for a person: without case, and with one spelling for a category's key and its name."""
    return normalised(topic).replace("-", " ")


def category_of(key: str) -> str:
    """The key that a category of the catalogue has if this topic is one."""
    return "-".join(key.split())


def strongest(topics: Iterable[tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """Spelling and weight of what may be learnt, by key: weights from 0 to 1, the strongest of each, few in all.

    What cannot be a topic is left out: it comes from images and models, not from a form that could be filled in anew.
    """
    found: dict[str, tuple[str, float]] = {}
    for topic, weight in topics:
        text = spelled(topic)
        if text is None or not weight > 0:
            continue
        key = key_of(text)
        if key not in found or weight > found[key][1]:
            found[key] = (text, min(weight, 1.0) if math.isfinite(weight) else 1.0)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1][1], pair[0]))[:MAX_TOPICS])


def may_take(row: Interest | None, weight: float, source: InterestSource) -> bool:
    """Whether what is learnt now has the row of its topic.

    What a person stated, weighed or erased is theirs. Of what is learnt the stronger evidence has the row, and a
    source may always say anew what it said.
    """
    if row is None:
        return True
    if row.erased_at is not None or row.corrected_at is not None or row.source is InterestSource.STATED:
        return False
    return row.source is source or weight > row.weight
