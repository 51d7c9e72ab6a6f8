"""`/graphql/stream`: one operation a request, answered by an event stream that is bounded and ended as sockets are.

What is wrong with the request has its status; what is wrong with the operation is told in the stream (ADR 0059).
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import RateLimited, Unauthenticated, Unavailable
from core.networks import network_of
from schema.context import Context
from schema.errors import failure
from services.measuring import Transport
from services.turns import Share
from web.answers import NO_STORE, errors_answer
from web.asked import operation_in, operation_in_url
from web.client import client_of
from web.cookies import CookieJar
from web.graphql import ALLOWED, refusal
from web.headers import IndexedRequest
from web.requests import EVENTS, JSON, BadRequestError, accepted_media_type, accepts_events, read_json_object
from web.runtime import Operation, Runtime
from web.stream import COMPLETE, HEADERS, Stream, failed
from web.watch import Watch

MOST = 100
"""Streams that one person may have open, or one network without a person: as many as a socket has operations."""
WITHOUT_BODY = {
    "HEAD": Response(None, HTTPStatus.OK, HEADERS, EVENTS),
    "OPTIONS": Response(None, HTTPStatus.NO_CONTENT, {**ALLOWED, **NO_STORE}),
}


class Streams:
    """Answers operations by streams, each of which is watched while it lasts."""

    def __init__(self, runtime: Runtime, watch: Watch) -> None:
        self._runtime = runtime
        self._watch = watch
        self._jar = CookieJar(runtime.app.settings)
        self._places = Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = IndexedRequest(scope, receive)
        media_type = accepted_media_type(request.headers.get("accept")) or JSON
        if request.method in WITHOUT_BODY:
            await WITHOUT_BODY[request.method](scope, receive, send)
            return
        try:
            operation, context = await self._asked(request)
            with self._places.taken(_whose(context)) as context.openings:
                await self._serve(request, operation, context, send)
        except (BadRequestError, Unauthenticated, RateLimited) as error:
            await _refusal(error, media_type)(scope, receive, send)
        except ClientDisconnect:
            raise
        except Exception as error:  # ruff: ignore[blind-except] -- counted as an opening that failed, and told
            message, extensions = failure(error)
            if not self._runtime.app.draining:  # then it is sent elsewhere, as a socket is, and counted there
                self._runtime.measure(Transport.STREAM, [extensions["code"]])
            unavailable = extensions["code"] == "UNAVAILABLE"
            status = HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.INTERNAL_SERVER_ERROR
            await errors_answer(status, message, extensions, media_type)(scope, receive, send)

    async def _asked(self, request: Request) -> tuple[Operation, Context]:
        if not accepts_events(request.headers.get("accept")):
            raise BadRequestError(HTTPStatus.NOT_ACCEPTABLE, f"Answers are {EVENTS}.")
        if request.method == "POST":
            operation = operation_in(await read_json_object(request), self._runtime.trusted)
        else:
            operation = operation_in_url(request, self._runtime.trusted)
        context = await self._context(request)
        if self._runtime.app.draining:
            raise Unavailable(retry_after=1)
        return operation, context

    async def _context(self, request: Request) -> Context:
        runtime, given = self._runtime, request.headers.get("authorization")
        kept = self._kept(request) if given is None else None
        context = Context(
            app=runtime.app,
            client=client_of(request, runtime.app.settings.trusted_proxies),
            changes=request.method == "POST" and kept is None,
        )
        if given or kept:
            async with runtime.app.openings.turn(network_of(context.client.ip)):
                context.viewer = await runtime.viewer(given or f"Bearer {kept}")
        return context

    def _kept(self, request: Request) -> str | None:
        """A cookie's token. Browsers' EventSource sends no header of ours, but says that the page is of our origin."""
        cookies = self._jar.read(request)
        if cookies is None and request.headers.get("sec-fetch-site") != "same-origin":
            return None
        return self._jar.access_token(request)

    async def _serve(self, request: Request, operation: Operation, context: Context, send: Send) -> None:
        stream = Stream(context, request, send)
        with self._runtime.app.metrics.event_streams.track_inprogress(), self._watch.open(stream):
            await stream.serve(self._runtime, operation)


@dataclass(slots=True)
class _Place:
    share: Share = field(default_factory=Share)
    streams: int = 0


class Places:
    """How many streams each client has open, and each client's part of the line in which subscriptions open."""

    def __init__(self) -> None:
        self._of: dict[str, _Place] = {}

    @contextmanager
    def taken(self, whose: str) -> Generator[Share]:
        """Take a place while the context lasts. Raises RateLimited."""
        place = self._of.setdefault(whose, _Place())
        if place.streams >= MOST:
            raise RateLimited(retry_after=1)
        place.streams += 1
        try:
            yield place.share
        finally:
            place.streams -= 1
            if not place.streams:
                del self._of[whose]


def _refusal(error: BadRequestError | Unauthenticated | RateLimited, media_type: str) -> Response:
    """The answer to a request that opens no stream. What is none of its fault is told as in a stream."""
    if isinstance(error, BadRequestError) and error.status is HTTPStatus.OK:
        return Response(failed(error.message, error.code) + COMPLETE, HTTPStatus.OK, HEADERS, EVENTS)
    return refusal(error, media_type)


def _whose(context: Context) -> str:
    return f"user {context.viewer.user.id}" if context.viewer else f"network {network_of(context.client.ip)}"
