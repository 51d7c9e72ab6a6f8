"""The feed as one would write it by hand for this one query: SQL, orjson, and no house around it.

It verifies the token and reads session with user, trial, the newest list and its 50 items, by four statements for each
request, and answers the bytes that Porchlight answers (tests/test_peers.py).
"""

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Protocol

import aiosqlite
import asyncpg  # type: ignore[import-untyped]
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.database.addresses import SqliteFile, parse
from benchmarks.peers.reasons import reason
from benchmarks.peers.tokens import Verifier, is_live
from core.clock import SystemClock
from core.cursors import encode_id
from core.environment import load_settings
from core.settings import Settings

PAGE, POOL = 50, 10
ENDING = timedelta(days=3)
SESSION = """
SELECT u.id, u.suspended_at, s.revoked_at, s.expires_at, s.rotated_at FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.key = $1 AND s.user_id = $2
"""
TRIAL = "SELECT ends_at FROM trials WHERE user_id = $1"
SLATE = "SELECT items, grounds FROM recommendation_slates WHERE user_id = $1 ORDER BY expires_at DESC LIMIT 1"
ITEMS_POSTGRES = "SELECT id, title, summary, category, tags FROM items WHERE id = ANY($1::int[])"
ITEMS_SQLITE = "SELECT id, title, summary, category, tags FROM items WHERE id IN (SELECT value FROM json_each($1))"

Row = Sequence[Any]


class Reads(Protocol):
    """What the endpoint asks of a database."""

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        """What one statement returns; moments as texts where the database knows none."""
        ...

    async def items(self, ids: list[int]) -> Sequence[Row]:
        """Id, title, summary, category, and tags as JSON."""
        ...


class PostgresReads(Reads):
    """By asyncpg, over a pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        found: Sequence[Row] = await self._pool.fetch(sql, *values)
        return found

    async def items(self, ids: list[int]) -> Sequence[Row]:
        return await self.rows(ITEMS_POSTGRES, ids)


class SqliteReads(Reads):
    """By aiosqlite, over one connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: Any) -> Sequence[Row]:
        return list(await self._connection.execute_fetchall(sql.replace("$", "?"), values))

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
        async with asyncpg.create_pool(**address.parameters(), min_size=1, max_size=POOL) as pool:
            yield PostgresReads(pool)


class Feed:
    """The endpoint, over one database."""

    reads: Reads

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._verifier = Verifier(settings.public_url)
        self._now = now

    async def answer(self, request: Request) -> Response:
        """The viewer's trial and what suits them."""
        now = self._now()
        user_id = await self._viewer(request.headers["authorization"], now)
        if user_id is None:
            return Response(status_code=401)
        ends_at = _moment((await self.reads.rows(TRIAL, user_id))[0][0])
        slate = await self.reads.rows(SLATE, user_id)
        if not slate:
            return Response(status_code=404)
        first, told = orjson.loads(slate[0][0])[:PAGE], orjson.loads(slate[0][1])
        items = {row[0]: row for row in await self.reads.items([item_id for item_id, _, _ in first])}
        edges = [_edge(items[item_id], score, told[number]) for item_id, score, number in first]
        content = {"data": {"me": {"trial": _trial(ends_at, now), "recommendations": {"edges": edges}}}}
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        return Response(orjson.dumps(content), 200, headers, "application/json")

    async def _viewer(self, authorization: str, now: datetime) -> int | None:
        claims = self._verifier.claims(authorization)
        found = await self.reads.rows(SESSION, claims["sid"], int(claims["sub"])) if claims else ()
        for user_id, suspended, revoked, expires, rotated in found:
            if suspended is None and is_live(revoked, _moment(expires), _moment(rotated), now):
                return int(user_id)
        return None


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _trial(ends_at: datetime, now: datetime) -> dict[str, Any]:
    status = "EXPIRED" if now >= ends_at else "ENDING" if now >= ends_at - ENDING else "ACTIVE"
    return {"status": status, "secondsLeft": max(0, ceil((ends_at - now).total_seconds()))}


def _edge(item: Row, score: float, ground: Row) -> dict[str, Any]:
    item_id, title, summary, category, tags = item
    kind, topic, _ = ground
    node = {
        "id": encode_id("Item", item_id),
        "title": title,
        "summary": summary,
        "category": category,
        "tags": orjson.loads(tags),
    }
    return {"score": score, "reason": reason(kind, topic, category), "node": node}


def site(settings: Settings, now: Callable[[], datetime]) -> Starlette:
    """The application."""
    feed = Feed(settings, now)

    @asynccontextmanager
    async def opened(_: Starlette) -> AsyncGenerator[None]:
        async with reads_of(settings.database_url) as feed.reads:
            yield

    ready = Route("/readyz", lambda _: Response("ok"))
    return Starlette(routes=[Route("/feed", feed.answer), ready], lifespan=opened)


def main() -> int:
    """Serve until told to stop."""
    settings = load_settings()
    application = site(settings, SystemClock().now)
    uvicorn.run(application, port=settings.port, log_config=None, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
