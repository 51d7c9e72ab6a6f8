"""How every process learns that items or their vectors have changed: one number, raised by each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.recommendations import CatalogueRevision

if TYPE_CHECKING:
    from adapters.database import Database

CHANNEL = "items.embedded"
"""Where those who follow the rows are told to look now; without it they look every few seconds."""

_RAISE = """
INSERT INTO catalogue_revisions (id, number) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET number = catalogue_revisions.number + 1
RETURNING number
"""


async def raised(database: Database) -> int:
    """The number that this transaction marks its rows with. It is the transaction's first statement."""
    return int((await database.rows(_RAISE))[0]["number"])


async def present() -> int:
    """The number of the last change; 0 before the first. One statement."""
    found = await CatalogueRevision.all().values_list("number", flat=True)
    return int(found[0]) if found else 0  # type: ignore[call-overload]
