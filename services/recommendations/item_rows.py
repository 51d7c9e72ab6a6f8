"""Rows of items as pages show them, kept in memory for as long as the catalogue is what it was when they were read."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection

    from adapters.database import Database, Record

MOST = 100_000
"""Items that are kept at most: about 1 kB each, with what is made of them for answers."""

_READ = """
SELECT COALESCE((SELECT number FROM catalogue_revisions WHERE id = 1), 0),
    id, key, category, title, summary, tags, url, image_url, requires, available_from, available_until, retired_at
FROM items WHERE id {among}
"""
_STATEMENTS = {
    "postgres": _READ.format(among="= ANY($1::int[])"),
    "sqlite": _READ.format(among="IN (SELECT value FROM json_each($1))"),
}


@dataclass(slots=True, eq=False)
class ItemRow:
    """What is shown of an item, and what decides whether it is. Nobody changes it: requests share it.

    `view` is what the schema has made of it, once for all of them.
    """

    id: int
    key: str
    category: str
    title: str
    summary: str
    tags: list[str]
    url: str | None
    image_url: str | None
    requires: str | None
    available_from: datetime | None
    available_until: datetime | None
    retired_at: datetime | None
    view: Any = None


class ItemRows:
    """Items by their numbers, as they are in the database.

    Who asks tells the number of the catalogue's last change, read in this request. While it is the one that these rows
    were read with, they are what the database has: whatever changes an item raises it in the same transaction.
    """

    def __init__(self) -> None:
        self._catalogue: int | None = None
        self._rows: OrderedDict[int, ItemRow] = OrderedDict()

    async def of(self, database: Database, ids: Collection[int], catalogue: int | None) -> dict[int, ItemRow]:
        """The items that there are of these. One statement, for those that are not in memory."""
        kept = self._rows if catalogue is not None and catalogue == self._catalogue else {}
        found = {item_id: kept[item_id] for item_id in ids if item_id in kept}
        if len(found) < len(ids):
            found |= await self._read(database, [item_id for item_id in ids if item_id not in found])
        return found

    async def _read(self, database: Database, ids: list[int]) -> dict[int, ItemRow]:
        sought: Any = ids if database.dialect == "postgres" else orjson.dumps(ids).decode()
        records = await database.records(_STATEMENTS[database.dialect], [sought])
        read = {row.id: row for row in map(_row, records)}
        if records:
            self._keep(records[0][0], read)
        return read

    def _keep(self, catalogue: int, read: dict[int, ItemRow]) -> None:
        """Remember rows that were read together with this number. Those of another one are of no use any more."""
        if catalogue != self._catalogue:
            self._catalogue = catalogue
            self._rows.clear()
        self._rows.update(read)
        while len(self._rows) > MOST:
            self._rows.popitem(last=False)


def _row(record: Record) -> ItemRow:
    _, item_id, key, category, title, summary, tags, url, image_url, requires, *moments = record
    return ItemRow(
        item_id,
        key,
        intern(category),
        title,
        summary,
        [intern(tag) for tag in orjson.loads(tags)],
        url,
        image_url,
        intern(requires) if requires else None,
        *map(_moment, moments),
    )


def _moment(stored: datetime | str | None) -> datetime | None:
    """A moment as a raw statement gives it: SQLite knows no dates."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored
