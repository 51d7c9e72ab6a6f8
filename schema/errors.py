"""Failures as the API tells them: refusals as data, everything else as a top-level error with a code."""

import re
import secrets
from collections.abc import Iterable
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError, GraphQLFormattedError, GraphQLSyntaxError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import PreExecutionError

from adapters.database import unavailable
from core.errors import NotEntitled, RateLimited, Refusal, Rejection, Unavailable

log = structlog.get_logger(__name__)

# What GraphQL quotes of the input: a password would stand in whatever log a client writes its errors to.
_QUOTED = re.compile(
    r"(?P<kept>\?|cannot represent (?:an? )?(?!non-enum)[\w -]{0,60}value)(?: Found)?: .*|, found: .*", re.DOTALL
)
_SUGGESTION = re.compile(r" Did you mean .*$", re.DOTALL)
_TOO_LARGE = re.compile(r"Document contains more than|nested too deeply")
LONGEST = 1_000
"""Characters of a message: names that were sent stand in it, and may be long."""
_ARGUMENT = re.compile(r"^(Argument|Variable) ['\"]?\$?\w")


@strawberry.interface(description="An expected refusal.")
class Error:
    """What every refusal has."""

    message: str = strawberry.field(description="A sentence for the person.")

    @classmethod
    def of(cls, refusal: Refusal) -> "Error":
        """The refusal as data."""
        return cls(message=refusal.message)


class RefusalHandler:
    """Turns one refusal that a service raises into the union member of the same name."""

    def __init__(self, refusal: type[Refusal], member: type[Error]) -> None:
        self.exception_type = refusal
        self.error_type = member

    def handle(self, exception: Any, *, field: Any, info: Any) -> Error:
        return self.error_type.of(exception)


def describe(
    errors: Iterable[GraphQLError], *, before_execution: bool = False, suggestions: bool = True
) -> list[GraphQLFormattedError]:
    """Each error as the client may see it: a message, a place, a code. What is a bug is logged and masked."""
    return [_described(error, before_execution=before_execution, suggestions=suggestions) for error in errors]


def is_request_error(result: object) -> bool:
    """Whether a result is the answer to a request that did not reach execution."""
    return isinstance(result, PreExecutionError)


def failure(error: BaseException) -> tuple[str, dict[str, Any]]:
    """The message and the extensions of a failure, wherever it was raised. Bugs are logged under an `errorId`."""
    match error:
        case RateLimited():
            challenge = {"challenge": error.challenge} if error.challenge else {}
            return error.message, {"code": error.code, "retryAfter": _seconds(error.retry_after), **challenge}
        case Rejection():
            feature = {"feature": error.feature} if isinstance(error, NotEntitled) else {}
            return error.message, {"code": error.code, **feature}
        case Unavailable():
            return error.message, {"code": "UNAVAILABLE", "retryAfter": _seconds(error.retry_after)}
        case RecursionError():
            return "The document is nested too deeply.", {"code": "QUERY_TOO_COMPLEX"}
    if unavailable(error):
        log.warning("database.unavailable", error=str(error))
        return Unavailable.message, {"code": "UNAVAILABLE", "retryAfter": 1}
    error_id = secrets.token_hex(8)
    log.error("request.failed", error_id=error_id, exc_info=error)
    return "Something went wrong on our side.", {"code": "INTERNAL", "errorId": error_id}


def reason_of(error: BaseException) -> str:
    """Why a field did not give what it was asked for, of a closed set: a refusal by its name, all else by its code."""
    match error:
        case Refusal():
            return type(error).__name__
        case Rejection():
            return error.code
    return "UNAVAILABLE" if unavailable(error) else "INTERNAL"


def _described(error: GraphQLError, *, before_execution: bool, suggestions: bool) -> GraphQLFormattedError:
    message, extensions = _message_of(error, before_execution=before_execution)
    formatted = error.formatted
    message = message if suggestions else _SUGGESTION.sub("", message)
    formatted["message"] = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
    formatted["extensions"] = extensions
    return formatted


def _message_of(error: GraphQLError, *, before_execution: bool) -> tuple[str, dict[str, Any]]:
    cause = _cause(error)
    if isinstance(cause, CannotGetOperationTypeError):
        return error.message, {"code": "GRAPHQL_VALIDATION_FAILED"}
    if cause is not None:
        return failure(cause)
    if error.extensions and "code" in error.extensions:
        return error.message, dict(error.extensions)
    message = _QUOTED.sub(lambda match: match["kept"] or "", error.message)
    if before_execution:
        return message, {"code": _code_before_execution(error)}
    if error.path is None or _ARGUMENT.match(message):
        return message, {"code": "BAD_USER_INPUT"}
    return failure(error)


def _code_before_execution(error: GraphQLError) -> str:
    if not isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_VALIDATION_FAILED"
    return "QUERY_TOO_COMPLEX" if _TOO_LARGE.search(error.message) else "GRAPHQL_PARSE_FAILED"


def _cause(error: GraphQLError) -> BaseException | None:
    """What a resolver raised, under the errors that GraphQL wrapped around it."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _seconds(retry_after: float) -> int:
    return max(1, -int(-retry_after // 1))
