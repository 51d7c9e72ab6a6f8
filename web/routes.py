"""Every address that answers, in one visible list."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema

from adapters.mail import OutboxMail
from services.app import App
from services.notifications.unsubscribing import PATH
from web import cookies, uploads
from web.answers import problem
from web.draining import Draining
from web.exports import Exports
from web.graphiql.page import graphiql_routes
from web.graphql import GraphQLEndpoint
from web.links import LinkPages
from web.mail_reports import MailReports
from web.middleware import Envelope, Faults
from web.operations import Operations
from web.outbox import OutboxPages
from web.registration import RegistrationEndpoint
from web.runtime import Runtime
from web.simulated_stripe import WEBHOOKS, delivering, page_routes
from web.sockets import Sockets
from web.streams import Streams
from web.tracing import TracedRequests, TracedRuntime
from web.trusted import trusted_documents
from web.unsubscribing import Unsubscribing
from web.watch import Watch
from web.webhooks import Webhooks

CODES = {404: "NOT_FOUND"}
METHODS = ["GET", "OPTIONS", "POST"]
"""Starlette adds HEAD."""


def build_site(app: App, schema: Schema, opened: Callable[[], AbstractAsyncContextManager[None]]) -> ASGIApp:
    """The ASGI application. `opened` opens the app for as long as the server runs. Raises SettingsError."""
    tracing = app.ports.tracing
    runtime = (TracedRuntime if tracing else Runtime)(app, schema, trusted_documents(app.settings, schema))
    watch, graphql = Watch(app), GraphQLEndpoint(runtime)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with opened(), watch.watching(), delivering(app, site):
            yield

    site = Starlette(
        routes=_routes(app, runtime, watch, graphql),
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_exception},
    )
    site.router.redirect_slashes = False
    site.add_middleware(Faults)
    first: ASGIApp = GraphQLFirst(graphql, site)
    if app.settings.allowed_origins:
        first = CORSMiddleware(
            first,
            allow_origins=app.settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", cookies.HEADER, *uploads.PREFLIGHT],
            allow_credentials=True,
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
    traced = TracedRequests(first, tracing, site.routes) if tracing else first
    return Draining(Envelope(traced, app), app)


def _routes(app: App, runtime: Runtime, watch: Watch, graphql: GraphQLEndpoint) -> list[BaseRoute]:
    operations, links, unsubscribing = Operations(app), LinkPages(app), Unsubscribing(app)
    routes: list[BaseRoute] = [
        *graphiql_routes(offered=app.settings.introspection and runtime.trusted is None),
        Route("/graphql", graphql.answer, methods=METHODS),
        WebSocketRoute("/graphql", Sockets(runtime, watch).serve),
        Route("/graphql/stream", Streams(runtime, watch), methods=METHODS),
        Route("/auth/register", RegistrationEndpoint(runtime).answer, methods=["POST"]),
        Route("/exports/{token}", Exports(app).download),
        Route(PATH, unsubscribing.ask),
        Route(PATH, unsubscribing.act, methods=["POST"]),
        Route("/links/{purpose}", links.ask),
        Route("/links/{purpose}", links.act, methods=["POST"]),
        Route(WEBHOOKS, Webhooks(app).receive, methods=["POST"]),
        Route("/webhooks/mail", MailReports(app).receive, methods=["POST"]),
        Route("/healthz", operations.healthz),
        Route("/readyz", operations.readyz),
        Route("/metrics", operations.metrics),
        Route("/.well-known/jwks.json", operations.jwks),
    ]
    routes += page_routes(app)
    if isinstance(app.mail, OutboxMail) and not app.settings.production:
        names = frozenset(urlsplit(origin).hostname or "" for origin in app.settings.origins)
        pages = OutboxPages(app.mail, names)
        routes += [Route("/dev/outbox", pages.index), Route("/dev/outbox/{name}", pages.letter)]
    return routes


class GraphQLFirst:
    """Pure ASGI: what almost every request asks for is answered without looking at the other addresses."""

    def __init__(self, graphql: GraphQLEndpoint, site: ASGIApp) -> None:
        self._graphql = Faults(graphql)
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["path"] == "/graphql" and scope["method"] == "POST"
        await (self._graphql if asked else self._site)(scope, receive, send)


def _http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, CODES.get(error.status_code, "BAD_USER_INPUT"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer
