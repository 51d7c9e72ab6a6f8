"""Why an item is in a list: a ground, computed from evidence and never written by a model, and its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.recommendations import InteractionKind


class GroundKind(StrEnum):
    """What speaks for an item."""

    INTEREST = "INTEREST"
    SAVED = "SAVED"
    COMPLETED = "COMPLETED"
    OPENED = "OPENED"
    SEEN = "SEEN"
    REQUEST = "REQUEST"
    POPULAR = "POPULAR"
    NEW = "NEW"
    START = "START"


@dataclass(frozen=True)
class Ground:
    """What speaks for an item: a topic, another item by its number, or neither."""

    kind: GroundKind
    topic: str | None = None
    item_id: int | None = None


DONE = {
    InteractionKind.SAVE: GroundKind.SAVED,
    InteractionKind.COMPLETE: GroundKind.COMPLETED,
    InteractionKind.CLICK: GroundKind.OPENED,
    InteractionKind.VIEW: GroundKind.SEEN,
}
"""The ground that a deed with an item gives to others."""
_SENTENCES = {
    GroundKind.INTEREST: "Because you are interested in {topic}",
    GroundKind.SAVED: "Because you saved {title}",
    GroundKind.COMPLETED: "Because you finished {title}",
    GroundKind.OPENED: "Because you opened {title}",
    GroundKind.SEEN: "Because you looked at {title}",
    GroundKind.REQUEST: "Because you asked for it",
    GroundKind.POPULAR: "Popular of late",
    GroundKind.NEW: "New in {category}",
    GroundKind.START: "A start in {category}",
}


def reason(ground: Ground, *, title: str | None, category: str) -> str:
    """The sentence of a ground. `title` is that of the item it is about, `category` that of the recommended one."""
    shown = category.replace("-", " ")
    return _SENTENCES[ground.kind].format(topic=ground.topic, title=title, category=shown)
