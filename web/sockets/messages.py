"""Messages of graphql-transport-ws, and the end that comes of those that are none."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from web.requests import BadRequestError

MAX_ID = 128
"""Characters of an operation's id."""
OUTLINED = 65_536
"""Characters of a message that is looked into though it cannot be read: that takes up to 40 ms."""
MESSAGES_A_SECOND = 100.0
MESSAGES_AT_ONCE = 200
"""Messages that a socket may send in one moment. Those beyond are read at the pace above."""
COUNTED_AS_ONE = 4_096
"""Characters. A longer message takes the time of several."""
UNREADABLE = object()
"""Stands for a payload that is nested too deeply, holds a number without end, or is no JSON."""
SHOWN = 2
"""Levels whose brackets are kept: the message, and what its members are."""
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]++|[\]}]++|[^"\[\]{}]++', re.DOTALL)


class CloseError(Exception):
    """The socket ends here, with a code of the protocol and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Pace:
    """How fast the messages of a socket are read."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = 0.0

    def wait(self, size: int, now: float) -> float:
        """Seconds for which a message of so many characters that has come `now` has to wait; 0 or less for none."""
        earliest = now - MESSAGES_AT_ONCE / MESSAGES_A_SECOND
        self._due = max(self._due, earliest) + (1 + size // COUNTED_AS_ONE) / MESSAGES_A_SECOND
        return self._due - now


def message_in(frame: Mapping[str, Any]) -> dict[str, Any]:
    """The message of a frame. Raises CloseError for what is none of the protocol's."""
    text = frame.get("text")
    if text is None:
        raise CloseError(4400, "Messages are text")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = _around_payload(text)
        if message is None:
            raise CloseError(4400, "Messages are JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise CloseError(4400, "Messages are objects with a type")
    return message


def id_of(message: dict[str, Any]) -> str:
    """The id of the operation that a message is about. Raises CloseError."""
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= MAX_ID:
        raise CloseError(4400, f"An id is a text of 1 to {MAX_ID} characters")
    return operation_id


def payload_of(message: dict[str, Any]) -> dict[str, Any]:
    """The members of the request in a `subscribe`; none for what is no object. Raises BadRequestError."""
    payload = message.get("payload")
    if payload is UNREADABLE:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The payload cannot be read: it is no JSON, or goes too far.")
    return payload if isinstance(payload, dict) else {}


def _around_payload(text: str) -> dict[str, Any] | None:
    """A `subscribe` of which all but the payload can be read: that harms its own operation alone. None for others."""
    try:
        message = orjson.loads(_outline(text)) if len(text) <= OUTLINED else None
    except orjson.JSONDecodeError:
        return None
    if isinstance(message, dict) and message.get("type") == "subscribe" and message.get("payload") == {}:
        return {**message, "payload": UNREADABLE}
    return None


def _outline(text: str) -> str:
    """A text of JSON without what stands within the members of its outermost object."""
    kept, depth = [], 0
    for token in TOKENS.findall(text):
        if token[0] in "[{":
            kept.append(token[: max(0, SHOWN - depth)])
            depth += len(token)
        elif token[0] in "]}":
            depth -= len(token)
            kept.append(token[-(SHOWN - depth) :] if depth < SHOWN else "")
        elif depth < SHOWN:
            kept.append(token)
    return "".join(kept)
