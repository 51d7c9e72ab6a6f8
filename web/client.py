"""Where a request comes from, believing forwarding headers only from proxies that we trust."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

from core.setting_values import Network
from services.sessions import Client

Address = IPv4Address | IPv6Address

MAX_HOPS = 20
LONGEST = 64
"""Characters of an address that is kept when it has been read."""
MAX_HEADERS = 50
"""Header names that are kept; a browser sends some twenty."""


def client_of(connection: HTTPConnection, trusted: tuple[Network, ...]) -> Client:
    """The client of a request or a socket."""
    peer = _address(connection.client.host) if connection.client else None
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    address = _behind(peer, forwarded, trusted) if peer else None
    names = (name.decode("latin-1") for name, _ in connection.scope["headers"][:MAX_HEADERS])
    return Client(
        ip=str(address) if address else None,
        user_agent=connection.headers.get("user-agent"),
        headers=tuple(names),
        opts_out=connection.headers.get("sec-gpc") == "1",
    )


def _behind(peer: Address, forwarded: str, trusted: tuple[Network, ...]) -> Address:
    """The last address, read from our side, that no trusted proxy has."""
    for text in reversed([part.strip() for part in forwarded.split(",") if part.strip()][-MAX_HOPS:]):
        if not any(peer in network for network in trusted):
            break
        hop = _address(text)
        if hop is None:
            break
        peer = hop
    return peer


def _address(text: str) -> Address | None:
    """An address in its one spelling: IPv4 is not wrapped in IPv6, and no zone is named. None for what is none."""
    return _known_address(text) if len(text) <= LONGEST else _known_address.__wrapped__(text)


@lru_cache(1_024)
def _known_address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
