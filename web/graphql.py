"""`/graphql` over HTTP: GraphQL over HTTP by the book, on Strawberry's `execute` (ADR 0010)."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from strawberry.types.graphql import OperationType

from core.errors import PorchlightError, Unauthenticated
from schema.context import Context
from schema.errors import failure
from web.answers import errors_answer, json_answer
from web.client import client_of
from web.requests import (
    JSON,
    RESULT,
    BadRequestError,
    accepted_media_type,
    operation_in,
    operation_in_url,
    read_json_object,
)
from web.runtime import Answer, Operation, Runtime, WrongMethodError

QUERIES = frozenset({OperationType.QUERY})
QUERIES_AND_MUTATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
ANY_ACCEPT = {"Vary": "Accept"}


class GraphQLEndpoint:
    """Answers queries and mutations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        media_type = accepted_media_type(request.headers.get("accept"))
        if media_type is None:
            message = f"Answers are {RESULT} or {JSON}."
            return _error(HTTPStatus.NOT_ACCEPTABLE, message, "BAD_USER_INPUT", JSON)
        try:
            operation = await self._operation(request)
            answer = await self._run(request, operation)
        except BadRequestError as error:
            return _error(error.status, error.message, error.code, media_type)
        except WrongMethodError as error:
            headers = {"Allow": "POST"} if request.method == "GET" else {}
            status = HTTPStatus.METHOD_NOT_ALLOWED if headers else HTTPStatus.BAD_REQUEST
            return _error(status, str(error), "BAD_USER_INPUT", media_type, headers)
        except Unauthenticated as error:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return _error(HTTPStatus.UNAUTHORIZED, error.message, error.code, media_type, headers)
        return json_answer(answer.content, _status(answer, media_type), media_type=media_type, headers=ANY_ACCEPT)

    async def _operation(self, request: Request) -> Operation:
        if request.method == "GET":
            return operation_in_url(request)
        return operation_in(await read_json_object(request))

    async def _run(self, request: Request, operation: Operation) -> Answer:
        runtime = self._runtime
        context = Context(
            app=runtime.app,
            client=client_of(request, runtime.app.settings.trusted_proxies),
            viewer=await runtime.viewer(request.headers.get("authorization")),
        )
        allowed = QUERIES if request.method == "GET" else QUERIES_AND_MUTATIONS
        return await runtime.execute(operation, context, allowed=allowed, transport="http")


def unexpected(error: Exception) -> Response:
    """The answer to what no endpoint expected: typed, masked, logged."""
    message, extensions = failure(error)
    expected = isinstance(error, PorchlightError) or extensions["code"] == "UNAVAILABLE"
    status = HTTPStatus.SERVICE_UNAVAILABLE if expected else HTTPStatus.INTERNAL_SERVER_ERROR
    return errors_answer(status, message, extensions, JSON)


def _status(answer: Answer, media_type: str) -> int:
    """200 for whatever was executed; JSON alone carries refusals in a 200, as older clients expect."""
    return HTTPStatus.OK if answer.executed or media_type == JSON else HTTPStatus.BAD_REQUEST


def _error(
    status: HTTPStatus, message: str, code: str, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    return errors_answer(status, message, {"code": code}, media_type, {**ANY_ACCEPT, **(headers or {})})
