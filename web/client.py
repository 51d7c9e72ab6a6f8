"""Where a request comes from, believing forwarding headers only from proxies that we trust."""

from ipaddress import ip_address

from starlette.requests import HTTPConnection

from core.setting_values import Network
from services.sessions import Client

MAX_HOPS = 20


def client_of(connection: HTTPConnection, trusted: tuple[Network, ...]) -> Client:
    """The client of a request or a socket."""
    peer = connection.client.host if connection.client else None
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    return Client(ip=_address(peer, forwarded, trusted), user_agent=connection.headers.get("user-agent"))


def _address(peer: str | None, forwarded: str, trusted: tuple[Network, ...]) -> str | None:
    """The last address, read from our side, that no trusted proxy has."""
    if peer is None or not _is_trusted(peer, trusted):
        return peer
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()][-MAX_HOPS:]):
        try:
            ip_address(hop)
        except ValueError:
            break
        peer = hop
        if not _is_trusted(hop, trusted):
            break
    return peer


def _is_trusted(host: str, trusted: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in trusted)
