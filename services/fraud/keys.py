"""The keys of a sign-up: what it may share with another one, as keyed hashes that are never rotated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

from core.networks import block_of, network_of
from services.fraud.mailboxes import DomainKind, domain_kind, randomness, registrable, skeleton
from services.fraud.places import provider_of

if TYPE_CHECKING:
    from core.emails import Email
    from services.app import App
    from services.devices import Description
    from services.sessions import Client

OF_THE_WAY = frozenset({"host", "content-length", "authorization", "cookie", "x-forwarded-for", "x-request-id"})
"""Headers that tell of the way of a request, and not of who sends it."""
VERSION = re.compile(r"[0-9]+")
NOISE = 0.5
"""`randomness` above which an address counts as one that a machine made."""
HASTE = 10.0
"""Seconds in which few people fill in a form."""


class Kind(StrEnum):
    """What a key is of. Those after the fingerprint are weak: strangers may share them."""

    PERSON = "person"
    DEVICE = "device"
    CARD = "card"
    FINGERPRINT = "fingerprint"
    DOMAIN = "domain"
    TWIN = "twin"
    NETWORK = "network"
    OPERATOR = "operator"
    PROFILE = "profile"
    ADDRESS = "address"
    """The very address, of IPv6 its /64."""
    TRAITS = "traits"
    """Browser without its version, system, language and time zone."""
    NOISY = "noisy"
    """The domain again, of an address that looks made by a machine."""
    HELD = "held"
    """The mark of a sign-up that did not get the whole trial."""
    HASTY = "hasty"
    """The network operator again, of a form that was filled in fast."""


STRONG = (Kind.PERSON, Kind.DEVICE, Kind.CARD)
LOCKED = (Kind.PERSON, Kind.DEVICE, Kind.CARD, Kind.FINGERPRINT, Kind.DOMAIN, Kind.NETWORK)


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """One try to get a trial. `card` is a keyed hash; `form_seconds` is what the client says."""

    address: Email
    client: Client
    device: Description | None = None
    card: str | None = None
    form_seconds: float | None = None
    proven: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The domain of the address, in ASCII."""
        return self.address.key.rpartition("@")[2]


Keys = dict[Kind, str]


def keys_of(app: App, sign_up: SignUp) -> Keys:
    """The keys of a sign-up by kind; what it does not have is left out."""
    local, _, mailbox_domain = sign_up.address.person.rpartition("@")
    said = sign_up.device
    plain = {
        Kind.PERSON: sign_up.address.person,
        Kind.DEVICE: said.device_token if said else None,
        Kind.FINGERPRINT: said.fingerprint if said else None,
        Kind.DOMAIN: registrable(sign_up.domain) if domain_kind(sign_up.domain) is DomainKind.OTHER else None,
        Kind.TWIN: f"{skeleton(local)}@{mailbox_domain}",
        Kind.PROFILE: profile(sign_up.client),
        Kind.TRAITS: _traits(said, sign_up.client) if said else None,
        **_of_network(sign_up.client.ip),
    }
    keys = {kind: hashed(app, kind, text) for kind, text in plain.items() if text}
    return keys | ({Kind.CARD: sign_up.card} if sign_up.card else {}) | _marks(app, sign_up, keys)


def noisy(app: App, sign_up: SignUp) -> str:
    """The key of machine-made addresses at the domain of a sign-up, whatever its own looks like."""
    return hashed(app, Kind.NOISY, registrable(sign_up.domain))


def hashed(app: App, kind: Kind, text: str) -> str:
    """The keyed hash of one key."""
    return app.keys.identity(f"fraud-{kind}", text)


def profile(client: Client) -> str:
    """How a client's requests look: its user agent and the order of its headers."""
    names = ",".join(name for name in client.headers if name not in OF_THE_WAY)
    return f"{client.user_agent or ''}|{names}"


def _traits(said: Description, client: Client) -> str:
    """How a browser appears, whichever version it is."""
    return f"{VERSION.sub('', client.user_agent or '')}|{said.platform}|{said.locale}|{said.timezone}"


def _marks(app: App, sign_up: SignUp, keys: Keys) -> Keys:
    """A domain and a network operator once more, for sign-ups that look made by a program."""
    marks: Keys = {}
    if Kind.DOMAIN in keys and randomness(sign_up.address.person.rpartition("@")[0]) > NOISE:
        marks[Kind.NOISY] = noisy(app, sign_up)
    if Kind.OPERATOR in keys and sign_up.form_seconds is not None and sign_up.form_seconds < HASTE:
        marks[Kind.HASTY] = hashed(app, Kind.HASTY, keys[Kind.OPERATOR])
    return marks


def _of_network(ip: str | None) -> dict[Kind, str | None]:
    """Network, operator and the address itself where it is public: one that is private tells of our own proxies."""
    if ip is None or not ip_address(ip).is_global:
        return {}
    network = network_of(ip)
    return {
        Kind.NETWORK: network,
        Kind.OPERATOR: provider_of(ip) or block_of(ip),
        Kind.ADDRESS: network if ":" in ip else ip,
    }
