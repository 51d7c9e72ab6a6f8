"""What a person may be shown at all: the hard filters, over what is known in memory and, at the end, over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadUserInput
from services import entitlements

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from services.app import App
    from services.recommendations.item_rows import ItemRow

LONGEST_FILTER = 50


@dataclass(frozen=True)
class Filter:
    """What a client wants to see alone. `exclude_seen` leaves out what the person has met in any way."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_seen: bool = False

    def __post_init__(self) -> None:
        if len(self.categories) > LONGEST_FILTER or len(self.tags) > LONGEST_FILTER:
            raise BadUserInput(f"A filter has at most {LONGEST_FILTER} categories and tags.")


@dataclass(frozen=True)
class Deeds:
    """Items that the person has met: in any way, refused, or finished."""

    met: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    finished: frozenset[int] = frozenset()

    def hidden(self, wanted: Filter) -> frozenset[int]:
        """What the person is not shown: what they refused or finished, and with `exclude_seen` whatever they met."""
        return self.refused | (self.met if wanted.exclude_seen else self.finished)


@dataclass(frozen=True)
class Rules:
    """All of the filters at one moment. `lacking` are features that the person's plan does not include."""

    wanted: Filter
    hidden: frozenset[int]
    lacking: frozenset[str]
    now: datetime

    def admit(self, row: ItemRow) -> bool:
        """Whether the item of this row may be shown, as the row is now."""
        return (
            row.retired_at is None
            and row.id not in self.hidden
            and row.requires not in self.lacking
            and (row.available_from is None or row.available_from <= self.now)
            and (row.available_until is None or self.now < row.available_until)
            and (not self.wanted.categories or row.category in self.wanted.categories)
            and (not self.wanted.tags or not set(self.wanted.tags).isdisjoint(row.tags))
        )


class Entitlement:
    """What one person's plan includes, asked at most once: two statements, and only where some plan lacks something."""

    def __init__(self, app: App, user_id: int | None) -> None:
        self._app = app
        self._user_id = user_id
        self._held = entitlements.Held(None) if user_id is None else None

    async def lacking(self, features: Collection[str]) -> frozenset[str]:
        """Which of these features the plan does not include now."""
        some = [each for each in features if not entitlements.always_includes(self._app, each)]
        if not some:
            return frozenset()
        if self._held is None and self._user_id is not None:
            self._held = await entitlements.held_by(self._user_id)
        grant = entitlements.plan_of(self._app, self._held or entitlements.Held(None), self._app.clock.now())
        return frozenset(each for each in some if not grant.includes(each))
