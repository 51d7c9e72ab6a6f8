"""Answers on the wire: JSON bytes, problem documents, GraphQL results."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json"
PROBLEM = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}


def json_answer(
    content: Any, status: int = 200, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as JSON, which nobody may keep."""
    return Response(orjson.dumps(content), status, {**NO_STORE, **(headers or {})}, media_type)


def problem(status: int, code: str, detail: str, **members: Any) -> Response:
    """A problem document: RFC 9457, with our code as a member."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    headers = {"Retry-After": str(members["retryAfter"])} if "retryAfter" in members else None
    return json_answer({**content, "code": code, **members}, int(status), media_type=PROBLEM, headers=headers)


def errors_answer(
    status: int, message: str, extensions: Mapping[str, Any], media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A GraphQL answer to a request that was not executed."""
    retry = {"Retry-After": str(extensions["retryAfter"])} if "retryAfter" in extensions else {}
    content = {"errors": [{"message": message, "extensions": dict(extensions)}]}
    return json_answer(content, status, media_type=media_type, headers={**retry, **(headers or {})})
