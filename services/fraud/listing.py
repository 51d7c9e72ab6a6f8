"""What the lists say of a sign-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.networks import network_of
from services.fraud.lists import ListKind, ListVerdict, value_hash
from services.fraud.mailboxes import registrable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App
    from services.fraud.keys import SignUp


def hashes_of(app: App, sign_up: SignUp) -> tuple[str, str, str, str]:
    """What entries may name a sign-up by: its person, the domain, the registered domain, the network."""
    person, ip = sign_up.address.person, sign_up.client.ip
    return (
        value_hash(app, ListKind.PERSON, person),
        value_hash(app, ListKind.DOMAIN, person.rpartition("@")[2]),
        value_hash(app, ListKind.DOMAIN, registrable(sign_up.domain)),
        value_hash(app, ListKind.NETWORK, network_of(ip)) if ip else "",
    )


def listed(verdicts: Sequence[str]) -> int:
    """How many deny lists name a sign-up; -1 when an allow list does, which goes before them."""
    return -1 if ListVerdict.ALLOW in verdicts else len(verdicts)
