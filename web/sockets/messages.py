"""Messages of graphql-transport-ws, and the end that comes of those that are none."""

from collections.abc import Mapping
from typing import Any

import orjson

MAX_ID = 128
"""Characters of an operation's id."""


class CloseError(Exception):
    """The socket ends here, with a code of the protocol and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


def message_in(frame: Mapping[str, Any]) -> dict[str, Any]:
    """The message of a frame. Raises CloseError for what is none of the protocol's."""
    text = frame.get("text")
    if text is None:
        raise CloseError(4400, "Messages are text")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
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
