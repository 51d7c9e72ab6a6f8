"""`/graphql` over HTTP: GraphQL over HTTP by the book, on Strawberry's `execute` (ADR 0010)."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from core.errors import PorchlightError, RateLimited, Unauthenticated
from schema.context import Context
from schema.cookies import Cookies
from schema.errors import failure
from services import access
from services.access import Viewer
from web.answers import NO_STORE, errors_answer, json_answer
from web.asked import operation_in, operation_in_url
from web.client import client_of
from web.compression import compress
from web.cookies import CookieJar
from web.headers import IndexedRequest
from web.requests import (
    JSON,
    RESULT,
    BadRequestError,
    accepted_media_type,
    read_json_object,
)
from web.runtime import Answer, Operation, Runtime, WrongMethodError
from web.uploads import Uploads, is_multipart

QUERIES = frozenset({OperationType.QUERY})
QUERIES_AND_MUTATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
VARYING = {"Vary": "Accept, Accept-Encoding"}
ALLOWED = {"Allow": "GET, HEAD, OPTIONS, POST"}


class GraphQLEndpoint:
    """Answers queries and mutations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._jar = CookieJar(runtime.app.settings)
        self._uploads = Uploads(runtime.trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(IndexedRequest(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "OPTIONS":
            return Response(None, HTTPStatus.NO_CONTENT, {**ALLOWED, **NO_STORE})
        media_type = accepted_media_type(request.headers.get("accept"))
        if media_type is None:
            return refusal(BadRequestError(HTTPStatus.NOT_ACCEPTABLE, f"Answers are {RESULT} or {JSON}."), JSON)
        try:
            answer, context = await (self._with_files if is_multipart(request) else self._plainly)(request)
        except (BadRequestError, WrongMethodError, PorchlightError) as error:
            return refusal(error, media_type)
        request.state.codes = answer.codes
        response = json_answer(answer.content, _status(answer, media_type), media_type=media_type, headers=VARYING)
        if context.cookies is not None:
            self._jar.write(context.cookies, response, context.now)
        elif not context.changing:  # what changes something may hand out tokens
            compress(response, request.headers.get("accept-encoding"))
        return response

    async def _plainly(self, request: Request) -> tuple[Answer, Context]:
        operation = await self._operation(request)
        context = await self._context(request)
        context.arrived = context.viewer
        return await self._run(request, operation, context), context

    async def _with_files(self, request: Request) -> tuple[Answer, Context]:
        """Files are taken of who is signed in alone: who asks is known before they are read, and still stands after."""
        context = await self._context(request)
        async with self._uploads.received(request, context.signed_in.user.id) as operation:
            await context.look_again()
            return await self._run(request, operation, context), context

    async def _operation(self, request: Request) -> Operation:
        if request.method == "POST":
            return operation_in(await read_json_object(request), self._runtime.trusted)
        return operation_in_url(request, self._runtime.trusted)

    async def _context(self, request: Request) -> Context:
        runtime, cookies = self._runtime, self._jar.read(request)
        return Context(
            app=runtime.app,
            client=client_of(request, runtime.app.settings.trusted_proxies),
            viewer=await self._viewer(request.headers.get("authorization"), cookies),
            cookies=cookies,
        )

    async def _viewer(self, authorization: str | None, cookies: Cookies | None) -> Viewer | None:
        """Who asks. A cookie outlives its session, so one that is not valid any more makes nobody the viewer."""
        if cookies is None or authorization is not None:
            return await self._runtime.viewer(authorization)
        try:
            return await access.authenticate(self._runtime.app, cookies.access) if cookies.access else None
        except Unauthenticated:
            return None

    async def _run(self, request: Request, operation: Operation, context: Context) -> Answer:
        allowed = QUERIES_AND_MUTATIONS if request.method == "POST" else QUERIES
        return await self._runtime.execute(operation, context, allowed=allowed, transport="http")


def _status(answer: Answer, media_type: str) -> int:
    """200 for whatever was executed; JSON alone carries refusals in a 200, as older clients expect."""
    return HTTPStatus.OK if answer.executed or media_type == JSON else HTTPStatus.BAD_REQUEST


def refusal(error: BadRequestError | WrongMethodError | PorchlightError, media_type: str) -> Response:
    """The answer to a request that is not executed."""
    headers: dict[str, str] = {}
    match error:
        case BadRequestError():
            status, message, extensions = error.status, error.message, {"code": error.code}
        case WrongMethodError(kind=OperationType.SUBSCRIPTION):
            message = "Subscriptions are followed over a WebSocket, or at /graphql/stream."
            extensions = {"code": "BAD_USER_INPUT"}
            status = HTTPStatus.BAD_REQUEST
        case WrongMethodError():
            message, extensions = "Mutations are sent by POST.", {"code": "BAD_USER_INPUT"}
            status, headers = HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"}
        case Unauthenticated():
            message, extensions = failure(error)
            status, headers = HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        case RateLimited():
            message, extensions = failure(error)
            status = HTTPStatus.TOO_MANY_REQUESTS
        case _:
            message, extensions = failure(error)
            status = HTTPStatus.SERVICE_UNAVAILABLE
    return errors_answer(status, message, extensions, media_type, {**VARYING, **headers})
