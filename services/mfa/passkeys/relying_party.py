"""The relying party: the site that passkeys belong to, and the origins whose pages may ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import BadUserInput

if TYPE_CHECKING:
    from core.settings import Settings

NAME = "Porchlight"


@dataclass(frozen=True)
class RelyingParty:
    """`id` is a domain name or `localhost`; `origins` are ours on that name and below it."""

    id: str
    origins: tuple[str, ...]


def relying_party(settings: Settings) -> RelyingParty:
    """The site of PUBLIC_URL.

    Raises BadUserInput where that is an IP address, which cannot be one (Web Authentication, section 5.1.2).
    """
    host = urlsplit(settings.public_url).hostname or ""
    if _is_address(host):
        raise BadUserInput("Passkeys need a domain name, and this server's public address is an IP address.")
    return RelyingParty(host, tuple(sorted(origin for origin in settings.origins if _covers(host, origin))))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _covers(host: str, origin: str) -> bool:
    name = urlsplit(origin).hostname or ""
    return name == host or name.endswith(f".{host}")
