"""The feed as one would write it by hand for this one query: SQL, NumPy, orjson, and no house around it.

It verifies the token and reads session, trial, interests, refusals and items for each request, as Porchlight does, and
answers the same bytes (tests/test_benchmarks.py).
"""

import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
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

PAGE = 50
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
        self._matrix = np.ascontiguousarray(directions(vectors, SPACE.dimension).astype(np.float64).T)

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
        """Item, score and best interest of the first page."""
        queries = directions(np.stack([np.frombuffer(row[3], np.float32) for row in interests]), SPACE.dimension)
        scores: NDArray[np.float64] = queries.astype(np.float64) @ self._matrix
        for number, (_, category, weight, _) in enumerate(interests):
            if category:
                scores[number] += SAME_CATEGORY * (self._categories == category)
            scores[number] *= weight
        scores = scores.round(6)
        best = scores.max(axis=0)
        best[np.isin(self._ids, refused)] = -np.inf
        order = np.lexsort((self._ids, -best))[:PAGE]
        numbers = scores.argmax(axis=0)[order]
        return list(zip(self._ids[order].tolist(), best[order].tolist(), numbers.tolist(), strict=True))


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
