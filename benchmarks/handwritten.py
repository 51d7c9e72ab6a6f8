"""The feed as one would write it by hand for this one query: SQL, NumPy, orjson, and no house around it.

It verifies the token and reads session, trial, interests, refusals and items for each request, as Porchlight does, and
answers the same bytes (tests/test_benchmarks.py). It fuses and spreads by the same two functions. It knows no history
and keeps no list, as nobody would who wants one page.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil
from typing import Any

import jwt
import numpy as np
import orjson
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.embeddings.local import SPACE
from adapters.vectors.matrix import directions
from benchmarks.handwritten_sql import KEY, Reads, reads_of
from core.clock import SystemClock
from core.cursors import encode_id
from core.environment import load_settings
from core.keys import Envelope, SigningKey
from core.settings import Settings
from core.tokens import AUDIENCE
from services.recommendations.fusing import diversified, fused

PAGE = 50
DEPTH, LONGEST, POOL, SPREAD = 400, 200, 40, 20
SAME_CATEGORY = 0.25
IDLE = timedelta(days=14)
ENDING = timedelta(days=3)


class Feed:
    """The endpoint, over one database whose items and vectors are held in memory."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._issuer = settings.public_url
        self._envelope = Envelope(settings.secret_key)
        self._now = now

    async def open(self, reads: Reads) -> None:
        """Load what is ranked."""
        self._reads = reads
        [(kid, sealed)] = await reads.rows(KEY)
        self._key = jwt.PyJWK(SigningKey(self._envelope.open(sealed, f"SIGN.{kid}"), self._now()).jwk)
        rows = await reads.vectors(SPACE.model, SPACE.version)
        self._ids = np.array([row[0] for row in rows])
        self._categories = np.array([row[1] for row in rows])
        vectors = np.stack([np.frombuffer(row[2], np.float32) for row in rows])
        self._vectors = directions(vectors, SPACE.dimension)
        self._matrix = np.ascontiguousarray(self._vectors.astype(np.float64).T)
        self._walk = np.lexsort((self._ids, np.array([row[3] for row in rows])))

    async def answer(self, request: Request) -> Response:
        """The viewer's trial and what suits them."""
        user_id, now = await self._viewer(request.headers["authorization"].removeprefix("Bearer ")), self._now()
        if user_id is None:
            return Response(status_code=401)
        ends_at = await self._reads.trial(user_id)
        interests = await self._reads.interests(user_id, SPACE.model, SPACE.version)
        refused = await self._reads.refused(user_id)
        chosen = self._ranked(interests, refused)
        items = {row[0]: row for row in await self._reads.items([item_id for item_id, _, _ in chosen])}
        edges = [_edge(items[item_id], score, interests[number][0]) for item_id, score, number in chosen]
        content = {"data": {"me": {"trial": _trial(ends_at, now), "recommendations": {"edges": edges}}}}
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        return Response(orjson.dumps(content), 200, headers, "application/json")

    async def _viewer(self, token: str) -> int | None:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        now = self._now()
        session = await self._reads.session(claims["sid"], int(claims["sub"]))
        if session is None or claims["exp"] <= now.timestamp():
            return None
        user_id, revoked_at, expires_at, rotated_at = session
        live = revoked_at is None and now < min(expires_at, rotated_at + IDLE)
        return int(user_id) if live else None

    def _ranked(self, interests: Sequence[Sequence[Any]], refused: list[int]) -> list[tuple[int, float, int]]:
        """Item, score and interest of the first page: one ranking of all interests by seats, its best spread."""
        queries = directions(np.stack([np.frombuffer(row[3], np.float32) for row in interests]), SPACE.dimension)
        scores: NDArray[np.float64] = queries.astype(np.float64) @ self._matrix
        quotients = []
        for number, (_, category, weight, _) in enumerate(interests):
            nearest = np.lexsort((self._ids, -scores[number]))[:DEPTH]
            nearest = nearest[~np.isin(self._ids[nearest], refused)][:LONGEST]
            worth = scores[number][nearest] + SAME_CATEGORY * (self._categories[nearest] == category)
            best = nearest[np.lexsort((self._ids[nearest], -worth))].tolist()
            quotients += [(-weight / rank, number, row) for rank, row in enumerate(best, start=1)]
        seats: dict[int, int] = {}
        for _, number, row in sorted(quotients, key=lambda each: (each[0], each[1], self._ids[each[2]])):
            seats.setdefault(row, number)
        ranked = list(seats)[:LONGEST]
        walk = self._walk[~np.isin(self._ids[self._walk], refused)][:LONGEST].tolist()
        sums = fused([(1.0, self._ids[ranked].tolist()), (1e-9, self._ids[walk].tolist())])
        order = self._spread(list(sums)[:LONGEST], sums)[:PAGE]
        falling = accumulate((round(sums[item_id], 6) for item_id in order), min)
        numbers = {int(self._ids[row]): number for row, number in seats.items()}
        return [(item_id, score, numbers[item_id]) for item_id, score in zip(order, falling, strict=True)]

    def _spread(self, order: list[int], sums: dict[int, float]) -> list[int]:
        pool = order[:POOL]
        rows = np.searchsorted(self._ids, pool)
        first = diversified(
            {each: sums[each] for each in pool}, dict(zip(pool, self._vectors[rows], strict=True)), SPREAD
        )
        return first + [each for each in order if each not in set(first)]


def _trial(ends_at: datetime, now: datetime) -> dict[str, Any]:
    status = "EXPIRED" if now >= ends_at else "ENDING" if now >= ends_at - ENDING else "ACTIVE"
    return {"status": status, "secondsLeft": max(0, ceil((ends_at - now).total_seconds()))}


def _edge(item: Sequence[Any], score: float, topic: str) -> dict[str, Any]:
    item_id, title, summary, category, tags = item
    node = {
        "id": encode_id("Item", item_id),
        "title": title,
        "summary": summary,
        "category": category,
        "tags": orjson.loads(tags),
    }
    return {"score": score, "reason": f"Because you are interested in {topic}", "node": node}


def site(settings: Settings, now: Callable[[], datetime]) -> Starlette:
    """The application."""
    feed = Feed(settings, now)

    @asynccontextmanager
    async def opened(_: Starlette) -> AsyncGenerator[None]:
        async with reads_of(settings.database_url) as reads:
            await feed.open(reads)
            yield

    ready = Route("/readyz", lambda _: Response("ok"))
    return Starlette(routes=[Route("/feed", feed.answer), ready], lifespan=opened)


def main() -> int:
    """Serve until told to stop, with the server and the options that Porchlight has."""
    settings = load_settings()
    application = site(settings, SystemClock().now)
    uvicorn.run(application, port=settings.port, log_config=None, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
