"""What came back of a letter. A report is tied to one letter by the envelope's sender, which only that letter had.

A forged report names nobody: whose address it is follows from what we have signed, never from what a report says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from models.accounts import User
from models.mail import DeliveryStatus, MailDelivery
from models.mail_preferences import SuppressionReason
from services import audit
from services.audit import Action
from services.notifications import suppression
from services.notifications.reports import Finding, read_report

if TYPE_CHECKING:
    from services.app import App

_SENDER = re.compile(rb"(?<![\w+.-])bounces\+([a-z2-7]{56})@", re.IGNORECASE)
_FACTS = struct.Struct(">16sII3s")
"""The address's hash, the second of sending, the user, and three bytes of the Message-ID's hash: 27 bytes."""
LOGGED_WITHIN = timedelta(minutes=5)
"""The entry of the log is written once the server has taken the letter."""
_SIGNATURE = 8
"""Bytes. With the facts they are 56 letters of base32, and with `bounces+` the 64 that SMTP has room for."""


class Outcome(StrEnum):
    """What became of a report."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    NOTED = "noted"
    """It says nothing that would keep us from writing to the address."""
    REPEATED = "repeated"
    """It is known already, or the address was proven after the letter was sent."""
    UNKNOWN = "unknown"
    """It is about no letter of ours: forged, or with somebody else's letter in it."""
    UNREADABLE = "unreadable"
    """It is no report."""


@dataclass(frozen=True)
class Sent:
    """What the envelope's sender says of a letter. `user_id` is 0 for one to somebody without an account."""

    address_hash: str
    at: datetime
    user_id: int
    message_mark: bytes


HEEDED = {
    Finding.BOUNCED: (SuppressionReason.BOUNCE, Outcome.BOUNCED, Action.MAIL_BOUNCED, DeliveryStatus.BOUNCED),
    Finding.COMPLAINED: (
        SuppressionReason.COMPLAINT,
        Outcome.COMPLAINED,
        Action.MAIL_COMPLAINED,
        DeliveryStatus.COMPLAINED,
    ),
}


def sender(app: App, *, address_key: str, user_id: int, message_id: str, host: str) -> str:
    """The envelope's sender of a letter that is sent now: RFC 5321 has reports sent there.

    All in lower case, for some servers fold it.
    """
    hashed = bytes.fromhex(suppression.address_hash(app, address_key))
    facts = _FACTS.pack(hashed, int(app.clock.now().timestamp()), user_id, _mark(message_id))
    return f"bounces+{base64.b32encode(facts + _signature(app, facts)).decode().lower()}@{host}"


def read_sender(app: App, text: bytes) -> Sent | None:
    """What the part after `bounces+` says; None unless we have signed it."""
    raw = base64.b32decode(text.upper())
    facts, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    if not hmac.compare_digest(signature, _signature(app, facts)):
        return None
    hashed, at, user_id, mark = _FACTS.unpack(facts)
    return Sent(hashed.hex(), datetime.fromtimestamp(at, UTC), user_id, mark)


async def receive(app: App, raw: bytes) -> Outcome:
    """Heed a report: write to its address no more, if it says so. Doing it twice is once."""
    report = read_report(raw)
    if report is None:
        return Outcome.UNREADABLE
    found = {text.lower() for text in _SENDER.findall(raw)}
    sent = read_sender(app, found.pop()) if len(found) == 1 else None
    if sent is None or (report.message_id and _mark(report.message_id) != sent.message_mark):
        return Outcome.UNKNOWN
    return await _heed(app, sent, report.finding) if report.finding in HEEDED else Outcome.NOTED


async def rejected(app: App, address_key: str, user_id: int) -> None:
    """The server has said at once that there is no such address."""
    hashed = suppression.address_hash(app, address_key)
    await _heed(app, Sent(hashed, app.clock.now(), user_id, b""), Finding.BOUNCED)


async def _heed(app: App, sent: Sent, finding: Finding) -> Outcome:
    reason, outcome, action, status = HEEDED[finding]
    user = await User.get_or_none(id=sent.user_id)
    if user and user.email_verified_at and user.email_verified_at > sent.at and _has(app, user, sent):
        return Outcome.REPEATED
    async with app.database.transaction():
        news = await suppression.suppress(app, sent.address_hash, reason, written_at=sent.at)
        await _log(sent, status)
        if user and news:
            await audit.record(app, action, user_id=user.id)
    return outcome if news else Outcome.REPEATED


async def _log(sent: Sent, status: DeliveryStatus) -> None:
    """Write down in the log of letters what became of this one: it is an entry of the user's from soon after."""
    soon = MailDelivery.filter(user_id=sent.user_id, at__gte=sent.at, at__lte=sent.at + LOGGED_WITHIN)
    for row in await soon.filter(address_hash=sent.address_hash, status=DeliveryStatus.SENT):
        if row.message_id and _mark(row.message_id) == sent.message_mark:
            await MailDelivery.filter(id=row.id, status=DeliveryStatus.SENT).update(status=status)


def _has(app: App, user: User, sent: Sent) -> bool:
    """Whether the address is still the user's."""
    return suppression.address_hash(app, user.email_key) == sent.address_hash


def _mark(message_id: str) -> bytes:
    return hashlib.sha256(message_id.encode(errors="replace")).digest()[:3]


def _signature(app: App, facts: bytes) -> bytes:
    return bytes.fromhex(app.keys.identity("mail-return", facts.hex()))[:_SIGNATURE]
