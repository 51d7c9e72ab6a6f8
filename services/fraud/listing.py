"""What the lists say of a sign-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.networks import network_of
from models.fraud import FraudListEntry
from services.fraud.lists import ListKind, ListVerdict, value_hash
from services.fraud.mailboxes import registrable

if TYPE_CHECKING:
    from services.app import App
    from services.fraud.keys import SignUp


async def listed(app: App, sign_up: SignUp) -> int:
    """How many deny lists name a sign-up; -1 when an allow list does, which goes before them. One query."""
    named = {
        ListKind.PERSON: sign_up.address.person,
        ListKind.DOMAIN: sign_up.address.person.rpartition("@")[2],
    }
    wider = [(ListKind.DOMAIN, registrable(sign_up.domain))]
    if sign_up.client.ip is not None:
        named[ListKind.NETWORK] = network_of(sign_up.client.ip)
    hashes = [value_hash(app, kind, text) for kind, text in (*named.items(), *wider)]
    standing = FraudListEntry.filter(value_hash__in=hashes, expires_at__gt=app.clock.now())
    verdicts = [entry.verdict for entry in await standing]
    return -1 if ListVerdict.ALLOW in verdicts else len(verdicts)
