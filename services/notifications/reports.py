"""Reading what mail servers and mailbox providers report of a letter: RFC 3464 and RFC 5965. Nothing here is believed.

A report comes from anybody who can write a mail. Everything is bounded before the standard library's parser sees it:
that one recurses into parts, and takes time squared over parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from enum import StrEnum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 262_144
"""Bytes of a report that are taken."""
LINES = 5_000
"""Lines that are read; what says how it went stands before the letter that comes back."""
PARTS = 20
"""Content-Type headers that a report may have: the parser goes as deep."""
LONGEST = 1_000
"""Characters of a structured header, and of a field that is looked at."""

HARD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""No such mailbox, no such domain, no such syntax, moved, takes no mail at all: RFC 3463, section 3.2; RFC 7505.

Not 5.1.7 and 5.1.8, which are about the sender; nor what is full, too large, or against a policy.
"""
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})
"""Feedback types of readers. `not-spam` is the opposite, and `auth-failure` is about our DNS: RFC 6591."""

_STRUCTURED = re.compile(rb"^content-[a-z-]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^content-type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\w|\.\d)", re.ASCII)
_UNICODE = re.compile(rb"message/global(?:-(delivery-status|headers))?(?=[\s;])", re.IGNORECASE)
_PLAIN = {b"delivery-status": b"message/delivery-status", b"headers": b"text/rfc822-headers", b"": b"message/rfc822"}


class Finding(StrEnum):
    """What a report says of a letter."""

    BOUNCED = "bounced"
    """It could not be delivered, and never will: the address is wrong."""
    DEFERRED = "deferred"
    """It could not be delivered, for a reason that may pass, or that is not the address."""
    DELIVERED = "delivered"
    """It has arrived, or is still on its way."""
    COMPLAINED = "complained"
    """Its reader does not want such letters."""
    REMARK = "remark"
    """Feedback that is no complaint."""


@dataclass(frozen=True)
class Report:
    """One report. `message_id` is that of the letter that came back with it, where one did."""

    finding: Finding
    message_id: str | None


def hard(text: str) -> bool:
    """Whether what a server said, in words or as a status, is that the address is wrong."""
    found = _STATUS.search(text[:LONGEST])
    return found is not None and found[1] in HARD


def read_report(raw: bytes) -> Report | None:
    """What a mail reports; None for one that is no report, or is not worth reading."""
    bounded = _bounded(raw)
    if bounded is None:
        return None
    message: Message = message_from_bytes(bounded)
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    parts = {part.get_content_type(): part for part in reversed(_children(message))}
    finding = None
    if status := parts.get("message/delivery-status"):
        finding = _delivery(_children(status))
    elif feedback := parts.get("message/feedback-report"):
        finding = _feedback(_children(feedback))
    return Report(finding, _returned(parts)) if finding else None


def _bounded(raw: bytes) -> bytes | None:
    """What of the mail may be parsed; None where its headers or its parts are too many or too long."""
    if len(raw) > LARGEST:
        return None
    lines = raw.replace(b"\r\n", b"\n").split(b"\n", LINES)
    text = b"\n".join(lines[:LINES])
    if len(_TYPE.findall(text)) > PARTS:
        return None
    if any(len(header) > LONGEST for header in _STRUCTURED.findall(text)):
        return None
    return _UNICODE.sub(lambda found: _PLAIN[(found[1] or b"").lower()], text)  # RFC 6533 has names of its own


def _children(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _delivery(blocks: list[Message]) -> Finding | None:
    """The worst that is said of a recipient. The first block is about the message, and has no action."""
    found = {_of_recipient(block) for block in blocks if block["Action"]}
    return next((finding for finding in Finding if finding in found), None)


def _of_recipient(block: Message) -> Finding:
    if _field(block, "Action").lower() != "failed":
        return Finding.DELIVERED if _field(block, "Action").lower() != "delayed" else Finding.DEFERRED
    status = _field(block, "Status")
    # Some servers say 5.0.0 there, and the reason in the words of the other server alone.
    wrong = hard(status) or (status[:5] in {"", "5.0.0"} and hard(_field(block, "Diagnostic-Code")))
    return Finding.BOUNCED if wrong else Finding.DEFERRED


def _feedback(blocks: list[Message]) -> Finding | None:
    kinds = [_field(block, "Feedback-Type").lower() for block in blocks if block["Feedback-Type"]]
    if not kinds:
        return None
    return Finding.COMPLAINED if kinds[0] in COMPLAINTS else Finding.REMARK


def _returned(parts: dict[str, Message]) -> str | None:
    """The Message-ID of the letter that came back: whole, or its headers alone."""
    for headers in _headers(parts):
        if found := _field(headers, "Message-ID"):
            return found
    return None


def _headers(parts: dict[str, Message]) -> Iterator[Message]:
    if whole := parts.get("message/rfc822"):
        yield from _children(whole)
    if alone := parts.get("text/rfc822-headers"):
        yield BytesHeaderParser().parsebytes(cast("bytes", alone.get_payload(decode=True)))


def _field(block: Message, name: str) -> str:
    return " ".join(str(block[name] or "")[:LONGEST].split())
