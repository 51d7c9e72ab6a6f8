"""Reading what a client sends over HTTP, within bounds and without trusting a byte of it."""

import asyncio
import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request

MAX_BODY = 1_048_576
"""Bytes of a request body."""
BODY_TIMEOUT = 20.0
"""Seconds that a client has to send its body."""
REPEATED = 200
"""Characters of a header that may be one that many clients send: what becomes of it is kept."""
QUALITY = re.compile(r"[01](?:\.\d{0,3})?", re.ASCII)
RESULT = "application/graphql-response+json"
JSON = "application/json"
EVENTS = "text/event-stream"


class BadRequestError(Exception):
    """The request cannot be understood. `status` is the HTTP status, `code` stands in the contract's list."""

    def __init__(self, status: HTTPStatus, message: str, code: str = "BAD_USER_INPUT") -> None:
        self.status = status
        self.message = message
        self.code = code
        super().__init__(message)


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The body. Raises BadRequestError as soon as it is longer than `most` bytes, said or sent, and when it is late.

    The server refuses by itself what says a length that is no number.
    """
    if int(request.headers.get("content-length", "0")) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in request.stream():
                length += len(part)
                if length > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError as error:
        raise BadRequestError(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.") from error
    return b"".join(parts)


def _too_large(most: int) -> BadRequestError:
    return BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {most:,} bytes.")


async def read_json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object in UTF-8. Raises BadRequestError."""
    media_type, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset")]
    if media_type != JSON or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is JSON in UTF-8: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not compressed.")
    return json_object(await read_body(request), "body")


def json_object(raw: bytes | str, what: str) -> dict[str, Any]:
    """A JSON object. Raises BadRequestError."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The {what} is not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The {what} is not a JSON object.")
    return value


def accepted_media_type(accept: str | None) -> str | None:
    """How to answer: GraphQL's own media type where it is asked for, JSON for whoever takes anything.

    None when the client takes neither. Source: GraphQL over HTTP, section 6.1.
    """
    if not accept or not accept.strip():
        return JSON
    return _accepted(accept) if len(accept) <= REPEATED else _accepted.__wrapped__(accept)


@lru_cache(256)
def _accepted(accept: str) -> str | None:
    offers = offers_in(accept)
    anything = offers.get("application/*", offers.get("*/*", 0.0))
    json, result = offers.get(JSON, anything), offers.get(RESULT, anything)
    if max(json, result) <= 0:
        return None
    return RESULT if result > json or (result == json and RESULT in offers) else JSON


def accepts_events(accept: str | None) -> bool:
    """Whether a client takes an event stream."""
    offers = offers_in(accept or "*/*")
    return offers.get(EVENTS, offers.get("text/*", offers.get("*/*", 0.0))) > 0


def prefers_html(accept: str | None) -> bool:
    """Whether a page is asked for by name and before JSON, as browsers do and other clients do not."""
    offers = offers_in(accept or "")
    named = max(offers.get(media_type, 0.0) for media_type in (JSON, RESULT, "application/*"))
    return offers.get("text/html", 0.0) > named and offers["text/html"] >= offers.get("*/*", 0.0)


def offers_in(header: str) -> dict[str, float]:
    """What a header of preferences names, in small letters, with its quality."""
    offers: dict[str, float] = {}
    for part in header.split(",")[:50]:
        media_type, *parameters = (word.strip().lower() for word in part.split(";"))
        offers[media_type] = max(offers.get(media_type, 0.0), _quality(parameters))
    return offers


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if QUALITY.fullmatch(value) else 0.0
    return 1.0
