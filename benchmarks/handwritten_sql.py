"""The statements of the endpoint that is written by hand, in the SQL of each database."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import aiosqlite
import asyncpg  # type: ignore[import-untyped]
import orjson

from adapters.database.addresses import SqliteFile, parse

Row = Sequence[Any]

KEY = "SELECT kid, sealed FROM keys WHERE use = 'SIGN' ORDER BY number DESC LIMIT 1"
SESSION = """
SELECT u.id, s.revoked_at, s.expires_at, s.rotated_at FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.key = $1 AND s.user_id = $2
"""
TRIAL = "SELECT ends_at FROM trials WHERE user_id = $1"
INTERESTS = """
SELECT topic, category, weight, vector FROM interests JOIN interest_vectors ON interest_id = interests.id
WHERE user_id = $1 AND model = $2 AND version = $3 AND erased_at IS NULL ORDER BY weight DESC, interests.id
"""
REFUSED = "SELECT DISTINCT item_id FROM interactions WHERE user_id = $1 AND kind IN ('DISLIKE', 'DISMISS')"
ITEMS_POSTGRES = "SELECT id, title, summary, category, tags FROM items WHERE id = ANY($1::int[])"
ITEMS_SQLITE = "SELECT id, title, summary, category, tags FROM items WHERE id IN (SELECT value FROM json_each($1))"
VECTORS = """
SELECT i.id, i.category, v.vector, i.position FROM item_vectors v JOIN items i ON i.id = v.item_id
WHERE v.model = $1 AND v.version = $2 AND i.retired_at IS NULL ORDER BY i.id
"""


class Reads(Protocol):
    """What the endpoint asks of a database."""

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        """What one statement returns."""
        ...

    async def session(self, key: str, user_id: int) -> Row | None:
        """User id, revoked_at, expires_at and rotated_at."""
        ...

    async def trial(self, user_id: int) -> datetime:
        """When it ends."""
        ...

    async def interests(self, user_id: int, model: str, version: str) -> Sequence[Row]:
        """Topic, category, weight and vector of each."""
        ...

    async def refused(self, user_id: int) -> list[int]:
        """Ids of items."""
        ...

    async def items(self, ids: list[int]) -> Sequence[Row]:
        """Id, title, summary, category, and tags as JSON."""
        ...

    async def vectors(self, model: str, version: str) -> Sequence[Row]:
        """Id, category, vector and position of each item, by id."""
        ...


class _Reads(Reads):
    async def interests(self, user_id: int, model: str, version: str) -> Sequence[Row]:
        return await self.rows(INTERESTS, user_id, model, version)

    async def refused(self, user_id: int) -> list[int]:
        return [row[0] for row in await self.rows(REFUSED, user_id)]

    async def vectors(self, model: str, version: str) -> Sequence[Row]:
        return await self.rows(VECTORS, model, version)


class PostgresReads(_Reads):
    """By asyncpg, over a pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        found: Sequence[Row] = await self._pool.fetch(sql, *values)
        return found

    async def session(self, key: str, user_id: int) -> Row | None:
        found = await self.rows(SESSION, key, user_id)
        return found[0] if found else None

    async def trial(self, user_id: int) -> datetime:
        ends_at: datetime = (await self.rows(TRIAL, user_id))[0][0]
        return ends_at

    async def items(self, ids: list[int]) -> Sequence[Row]:
        return await self.rows(ITEMS_POSTGRES, ids)


class SqliteReads(_Reads):
    """By aiosqlite, over one connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        return list(await self._connection.execute_fetchall(sql.replace("$", "?"), values))

    async def session(self, key: str, user_id: int) -> Row | None:
        for user, revoked, expires, rotated in await self.rows(SESSION, key, user_id):
            return user, revoked, datetime.fromisoformat(expires), datetime.fromisoformat(rotated)
        return None

    async def trial(self, user_id: int) -> datetime:
        return datetime.fromisoformat((await self.rows(TRIAL, user_id))[0][0])

    async def items(self, ids: list[int]) -> Sequence[Row]:
        return await self.rows(ITEMS_SQLITE, orjson.dumps(ids).decode())


@asynccontextmanager
async def reads_of(url: str) -> AsyncGenerator[Reads]:
    """The reads of an open database."""
    address = parse(url)
    if isinstance(address, SqliteFile):
        async with aiosqlite.connect(address.path, isolation_level=None) as connection:
            yield SqliteReads(connection)
    else:
        async with asyncpg.create_pool(**address.parameters(), min_size=1, max_size=10) as pool:
            yield PostgresReads(pool)
