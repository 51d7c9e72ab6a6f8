"""Opaque names for the outside: global object ids."""

import base64
import binascii
import json
import re

MAX_LENGTH = 128
_GLOBAL_ID = re.compile(r"([A-Z][A-Za-z]{0,40}):([\x21-\x7e]{1,64})", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)  # No zero in front: an object has one id.


def encode_id(type_name: str, key: int | str) -> str:
    """The global id of one object of a type."""
    return base64.urlsafe_b64encode(f"{type_name}:{key}".encode()).rstrip(b"=").decode()


def decode_id(global_id: str) -> tuple[str, str] | None:
    """Type name and key of a global id; None when it is none of ours."""
    if len(global_id) > MAX_LENGTH:
        return None
    try:
        padding = "=" * (-len(global_id) % 4)
        text = base64.b64decode(global_id + padding, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    match = _GLOBAL_ID.fullmatch(text)
    return (match[1], match[2]) if match and encode_id(match[1], match[2]) == global_id else None


def decode_int_id(global_id: str, type_name: str) -> int | None:
    """The integer key of a global id of `type_name`; None when it is none."""
    decoded = decode_id(global_id)
    if decoded is None or decoded[0] != type_name:
        return None
    return int_key(decoded[1])


def int_key(key: str) -> int | None:
    """An integer primary key (32 bits, positive) from a global id's key; None when it is none."""
    if not _NUMBER.fullmatch(key):
        return None
    number = int(key)
    return number if number < 2**31 else None


Place = tuple[float | int, int]
"""Where a row stands in an order: what is sorted by, and what decides between equals."""


def encode_cursor(place: Place) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> Place | None:
    """The place of a cursor; None when it is none of ours."""
    if len(cursor) > MAX_LENGTH:
        return None
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    match place:
        case [int() | float() as first, int() as second] if encode_cursor((first, second)) == cursor:
            return (first, second) if abs(first) < 2**31 and 0 <= second < 2**31 else None  # NaN compares as false
    return None
