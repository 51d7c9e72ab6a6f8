"""What came back of a letter: a report is tied to one delivery by an address that only this letter had, heeded once.

A forged report names nobody: whose address is suppressed follows from our own log, never from what the report says. The
envelope's sender holds a keyed hash of the letter's Message-ID; who has not got the letter cannot guess it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from models.mail_preferences import SuppressionReason
from services import audit
from services.audit import Action
from services.notifications import suppression
from services.notifications.reports import LARGEST, Finding, read_report

if TYPE_CHECKING:
    from services.app import App

_SENDER = re.compile(rb"\bbounces\+([0-9a-f]{32})@", re.IGNORECASE)


class Outcome(StrEnum):
    """What became of a report."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    NOTED = "noted"
    """It says nothing that would keep us from writing to the address."""
    REPEATED = "repeated"
    """It has been heeded before."""
    UNKNOWN = "unknown"
    """It is about no letter that we know of: forged, too old, or of an account that has gone."""
    UNREADABLE = "unreadable"
    """It is no report."""


def return_key(app: App, message_id: str) -> str:
    """What the envelope's sender of a letter holds, and the log keeps: 128 bits of a keyed hash."""
    return app.keys.identity("mail-return", message_id)[:32]


def sender(app: App, message_id: str, host: str) -> str:
    """The envelope's sender of a letter: RFC 5321 has reports sent there. In lower case, for some servers fold it."""
    return f"bounces+{return_key(app, message_id)}@{host}"


async def receive(app: App, raw: bytes) -> Outcome:
    """Heed a report: write to its address no more, if it says so. Doing it twice is once. Raises nothing of its own."""
    report = read_report(raw)
    if report is None:
        return Outcome.UNREADABLE
    keys = {found.decode().lower() for found in _SENDER.findall(raw[:LARGEST])}
    delivery = await MailDelivery.get_or_none(return_key=keys.pop()).select_related("user") if len(keys) == 1 else None
    if delivery is None or report.message_id not in {None, delivery.message_id}:
        return Outcome.UNKNOWN
    match report.finding:
        case Finding.BOUNCED:
            return await _heed(app, delivery, Outcome.BOUNCED)
        case Finding.COMPLAINED:
            return await _heed(app, delivery, Outcome.COMPLAINED)
        case _:
            return Outcome.NOTED
