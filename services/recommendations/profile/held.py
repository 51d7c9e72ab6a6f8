"""The rows of one person, read and written while the person's row is held, so that edits take turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.database import rows
from core.errors import Unauthenticated
from models.accounts import User
from models.recommendations import Interest, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANGE = """
UPDATE users SET taste = taste + 1 WHERE id = $1 RETURNING personalization, personalization_epoch
"""
CHANGING = ["topic", "category", "weight", "source", "evidence", "created_at", "corrected_at", "erased_at"]


async def hold(user_id: int) -> User:
    """The user, whom others wait for until the caller's transaction ends. Raises Unauthenticated for who has gone.

    Rows that refer to the user can be written meanwhile: only who holds it too waits.
    """
    user = await User.filter(id=user_id).select_for_update(no_key=True).first()
    if user is None:
        raise Unauthenticated
    return user


@dataclass(frozen=True)
class Owner:
    """Whose profile is being changed, whether what they do is used, and how often they have said otherwise."""

    id: int
    personalization: bool
    personalization_epoch: int


async def change(user_id: int) -> Owner:
    """Hold the user as `hold` does, and let no list be shown again that was made of what was known until now.

    It is the first statement of a transaction that changes what is known of the user. Raises Unauthenticated for who
    has gone.
    """
    found = await rows(_CHANGE, [user_id])
    if not found:
        raise Unauthenticated
    return Owner(user_id, bool(found[0]["personalization"]), found[0]["personalization_epoch"])


async def rows_of(user_id: int) -> dict[str, Interest]:
    """All rows of the user by their keys, what was erased among them; the strongest first."""
    return {row.topic_key: row for row in await Interest.filter(user_id=user_id).order_by("-weight", "id")}


async def put(rows: Sequence[Interest]) -> None:
    """Write rows, each in place of the one that its topic has."""
    if rows:
        await Interest.bulk_create(rows, on_conflict=["user_id", "topic_key"], update_fields=CHANGING)


async def categories() -> set[str]:
    """The categories of the catalogue."""
    known: Any = await Item.filter(retired_at=None).distinct().values_list("category", flat=True)
    return set(known)
