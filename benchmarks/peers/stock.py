"""The feed by Strawberry and Tortoise as they come: `python -m benchmarks.peers.stock [--cached]`.

Written as their documentation has one write it: models as rows, a context with the viewer and a DataLoader, a
permission, types filled from models, Strawberry's own ASGI view. With `--cached` it has the two extensions of
Strawberry that spare parsing and validating a document again.
"""

import logging
import math
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import ModuleType
from typing import Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.permission import BasePermission
from tortoise.contrib.starlette import RegisterTortoise

from benchmarks.peers import stock_models as rows
from benchmarks.peers.reasons import reason
from benchmarks.peers.tokens import Verifier, is_live
from core.clock import SystemClock
from core.cursors import encode_id
from core.environment import load_settings
from core.settings import Settings

POOL = 10
ENDING = timedelta(days=3)
CLOCK = SystemClock()


@dataclass
class Context:
    """Who asks, and the loader of one request."""

    viewer: rows.User | None
    items: DataLoader[int, rows.Item]


Info = strawberry.Info[Context, None]


class IsAuthenticated(BasePermission):
    """Somebody has signed in."""

    message = "User is not authenticated"

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return info.context.viewer is not None


@strawberry.enum
class TrialStatus(Enum):
    """Where a trial stands."""

    ACTIVE = "ACTIVE"
    ENDING = "ENDING"
    EXPIRED = "EXPIRED"


@strawberry.type
class Trial:
    """A free trial."""

    status: TrialStatus
    seconds_left: int

    @classmethod
    def from_row(cls, row: rows.Trial, now: datetime) -> "Trial":
        """As it stands now."""
        late = TrialStatus.ENDING if now >= row.ends_at - ENDING else TrialStatus.ACTIVE
        status = TrialStatus.EXPIRED if now >= row.ends_at else late
        return cls(status=status, seconds_left=max(0, math.ceil((row.ends_at - now).total_seconds())))


@strawberry.type
class Item:
    """Something that can be recommended."""

    id: strawberry.ID
    title: str
    summary: str
    category: str
    tags: list[str]

    @classmethod
    def from_row(cls, row: rows.Item) -> "Item":
        """What its row says."""
        return cls(
            id=strawberry.ID(encode_id("Item", row.id)),
            title=row.title,
            summary=row.summary,
            category=row.category,
            tags=row.tags,
        )


@strawberry.type
class RecommendationEdge:
    """An item in a list."""

    score: float
    reason: str
    node: Item


@strawberry.type
class RecommendationConnection:
    """A list."""

    edges: list[RecommendationEdge]


@strawberry.type
class User:
    """An account."""

    row: strawberry.Private[rows.User]

    @strawberry.field
    async def trial(self) -> Trial | None:
        """Theirs, if they have one."""
        row = await rows.Trial.get_or_none(user_id=self.row.id)
        return Trial.from_row(row, CLOCK.now()) if row else None

    @strawberry.field
    async def recommendations(self, info: Info, first: int = 20) -> RecommendationConnection:
        """The first of their newest list."""
        slate = await rows.Slate.filter(user_id=self.row.id).order_by("-expires_at").first()
        if slate is None:
            return RecommendationConnection(edges=[])
        listed = slate.items[:first]
        items = await info.context.items.load_many([item_id for item_id, _, _ in listed])
        edges = [
            _edge(item, score, *slate.grounds[number][:2])
            for (_, score, number), item in zip(listed, items, strict=True)
        ]
        return RecommendationConnection(edges=edges)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field(permission_classes=[IsAuthenticated])
    async def me(self, info: Info) -> User:
        """Who asks."""
        assert info.context.viewer is not None
        return User(row=info.context.viewer)


class View(GraphQL[Context, None]):
    """Strawberry's view, which knows who asks."""

    verifier: Verifier

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        viewer = await viewer_of(self.verifier, request.headers.get("authorization", ""))
        return Context(viewer=viewer, items=DataLoader(load_fn=load_items))


async def viewer_of(verifier: Verifier, authorization: str) -> rows.User | None:
    """The user of a token and of a session that stands."""
    claims = verifier.claims(authorization)
    if claims is None:
        return None
    session = await rows.Session.get_or_none(key=claims["sid"], user_id=int(claims["sub"])).select_related("user")
    if session is None or session.user.suspended_at is not None:
        return None
    return session.user if is_live(session.revoked_at, session.expires_at, session.rotated_at, CLOCK.now()) else None


async def load_items(keys: list[int]) -> list[rows.Item]:
    """Each item by its key."""
    found = await rows.Item.in_bulk(keys, "id")
    return [found[key] for key in keys]


def _edge(item: rows.Item, score: float, kind: str, topic: str | None) -> RecommendationEdge:
    return RecommendationEdge(score=score, reason=reason(kind, topic, item.category), node=Item.from_row(item))


def site(settings: Settings, *, cached: bool) -> Starlette:
    """The application."""
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache] if cached else [])
    view = View(schema)
    view.verifier = Verifier(settings.public_url)

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncGenerator[None]:
        modules: dict[str, Iterable[str | ModuleType]] = {"models": [rows.__name__]}
        async with RegisterTortoise(app, db_url=f"{settings.database_url}?maxsize={POOL}", modules=modules):
            yield

    blocks = Route("/blocks", lambda _: Response(str(sys.getallocatedblocks())))
    ready = Route("/readyz", lambda _: Response("ok"))
    return Starlette(routes=[ready, blocks, Route("/graphql", view)], lifespan=opened)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the log tells more than that the load generator has left, as it does after each block."""
    return not (record.exc_info and isinstance(record.exc_info[1], ClientDisconnect))


def main() -> int:
    """Serve until told to stop."""
    settings = load_settings()
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    logging.getLogger("strawberry").setLevel(logging.CRITICAL)  # mistakes in documents, which are sent on purpose
    application = site(settings, cached="--cached" in sys.argv)
    uvicorn.run(application, port=settings.port, log_config=None, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
