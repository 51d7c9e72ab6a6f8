"""What kind of network an address belongs to, from the table of a library. Nobody is asked."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iporigin import Origin

REMEMBERED = 4_096
"""Addresses whose network is kept."""
SHIELDED = frozenset({"Apple Private Relay"})
"""Networks that browsers put between everybody and the web: no choice against us."""


class NetworkKind(Enum):
    """What kind of network an address belongs to."""

    HOSTING = "hosting"
    """Machines in somebody's data centre, crawlers among them."""
    VPN = "vpn"
    TOR = "tor"
    UNKNOWN = "unknown"
    """In no list. This says nothing, also not that somebody is at home."""


_KINDS = {"hosting": NetworkKind.HOSTING, "bot": NetworkKind.HOSTING, "vpn": NetworkKind.VPN, "tor": NetworkKind.TOR}


def network_kind(ip: str | None) -> NetworkKind:
    """The kind of network that a client's address belongs to.

    Networks that deliver other people's sites (CDNs) are UNKNOWN: whole countries browse through their relays, and
    behind one whose address is not among the trusted proxies every visitor would come from it.
    """
    found = _origin(ip) if ip else None
    if found is None or found.provider in SHIELDED:
        return NetworkKind.UNKNOWN
    return _KINDS.get(found.kind, NetworkKind.UNKNOWN)


def provider_of(ip: str | None) -> str | None:
    """The name of the company whose data centre, relay or VPN an address belongs to; None for all others."""
    found = _origin(ip) if ip else None
    return found.provider or None if found else None


@lru_cache(REMEMBERED)
def _origin(ip: str) -> Origin:
    from iporigin import classify  # ruff: ignore[import-outside-top-level] -- start time

    address = ip_address(ip)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    found: Origin = classify(mapped or address)  # type: ignore[no-untyped-call]
    return found
