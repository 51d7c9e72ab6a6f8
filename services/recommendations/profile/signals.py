"""Behaviour: what somebody's deeds say of each item, weighed by kind and by how recently. Pure.

How fast a signal fades is measured by the evaluation, which runs the same function (docs/evaluation.md).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.recommendations import InteractionKind
from services.recommendations.recency import recency

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

HISTORY = 200
"""Signals that are kept of one person: those beyond count a twentieth of what the newest does."""
LIKED = {
    InteractionKind.COMPLETE: 1.0,
    InteractionKind.SAVE: 0.8,
    InteractionKind.CLICK: 0.4,
    InteractionKind.VIEW: 0.1,
}
"""How much each kind speaks for an item."""
DISLIKED = {InteractionKind.DISLIKE: 1.0, InteractionKind.DISMISS: 0.5}
"""How much each kind speaks against what an item is about."""
WANTED = frozenset({InteractionKind.SAVE, InteractionKind.COMPLETE})
"""What takes an earlier refusal back: nobody keeps or finishes by accident what they do not want."""


@dataclass(frozen=True, slots=True)
class Deed:
    """All that somebody did of one kind with one item: when last, and how often."""

    item_id: int
    kind: InteractionKind
    at: datetime
    times: int


@dataclass(frozen=True)
class Past:
    """All that somebody did, so far as it matters: whole deeds for the newest items alone, of all others their ids.

    `newest` has every deed with the `HISTORY` items that were liked last, and with as many that were refused last.
    """

    newest: tuple[Deed, ...]
    met: frozenset[int]
    refused: frozenset[int]
    finished: frozenset[int]

    def __iter__(self) -> Iterator[Deed]:
        return iter(self.newest)


@dataclass(frozen=True, slots=True)
class Signal:
    """What somebody's deeds say of one item: the strongest kind, the last moment, and a weight that fades by rank."""

    item_id: int
    weight: float
    kind: InteractionKind
    at: datetime


@dataclass(frozen=True)
class Story:
    """What the deeds say together. `history` speaks for its items, `refusals` against; both have the newest first."""

    history: tuple[Signal, ...]
    refusals: tuple[Signal, ...]
    met: frozenset[int]
    refused: frozenset[int]
    finished: frozenset[int]


def told(deeds: Iterable[Deed] | Past) -> Story:
    """The story of these deeds, in whatever order they come: only their moments count.

    A refusal stands until the item is saved or completed later; while it stands, nothing speaks for the item. A `Past`
    tells the story of all its deeds.
    """
    items: dict[int, list[Deed]] = defaultdict(list)
    for deed in deeds:
        items[deed.item_id].append(deed)
    liked, disliked = [], []
    for item_id, of_item in items.items():
        against = [deed for deed in of_item if deed.kind in DISLIKED]
        wanted = [deed.at for deed in of_item if deed.kind in WANTED]
        if against and (not wanted or max(deed.at for deed in against) >= max(wanted)):
            disliked.append(_signal(item_id, against))
        else:
            liked.append(_signal(item_id, [deed for deed in of_item if deed.kind in LIKED]))
    refused = frozenset(signal.item_id for signal in disliked)
    finished = frozenset(
        item_id for item_id, of_item in items.items() if any(deed.kind is InteractionKind.COMPLETE for deed in of_item)
    )
    story = Story(_faded(liked), _faded(disliked), frozenset(items), refused, finished)
    if isinstance(deeds, Past):
        return replace(story, met=deeds.met, refused=deeds.refused, finished=deeds.finished)
    return story


def _signal(item_id: int, deeds: list[Deed]) -> Signal:
    strongest = max(deeds, key=lambda deed: (_strength(deed), deed.kind))
    return Signal(item_id, _strength(strongest), strongest.kind, max(deed.at for deed in deeds))


def _strength(deed: Deed) -> float:
    """Who looks at something again and again dwells on it; still, that is no more than opening it."""
    if deed.kind is InteractionKind.VIEW:
        return min(LIKED[deed.kind] * (1 + math.log2(deed.times)), LIKED[InteractionKind.CLICK])
    return LIKED.get(deed.kind) or DISLIKED[deed.kind]


def _faded(signals: list[Signal]) -> tuple[Signal, ...]:
    """The newest signals, each the weaker the more are newer."""
    newest = sorted(signals, key=lambda signal: (signal.at, signal.item_id), reverse=True)[:HISTORY]
    return tuple(
        Signal(signal.item_id, signal.weight * recency(rank), signal.kind, signal.at)
        for rank, signal in enumerate(newest)
    )
