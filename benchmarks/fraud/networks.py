"""Where people come from: public address ranges by who uses them, and how their addresses change.

The ranges are those that registries and operators publish; a few stand for many.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.fraud.chance import Chance

DEDICATED = 0.75
"""Share of homes that keep their address for months; the others get another of the same provider with each visit.

In a study of 2,230 people over 111 days, 87 % kept an address for more than a month (Mishra and others, WWW 2020).
"""
IPV6 = 0.3
"""Share of homes that reach us over IPv6, with a /64 of their own."""


@dataclass(frozen=True)
class Provider:
    """Who gives homes their addresses, in one time zone."""

    ranges: tuple[str, ...]
    ipv6: str
    locale: str
    timezone: str


HOMES = {
    Provider(("24.0.0.0/12", "73.0.0.0/8", "71.192.0.0/12"), "2601::/24", "en-US", "America/New_York"): 0.22,
    Provider(("76.64.0.0/11", "98.144.0.0/12"), "2603:8000::/28", "en-US", "America/Chicago"): 0.14,
    Provider(("107.192.0.0/11", "99.0.0.0/12"), "2600:1700::/28", "en-US", "America/Los_Angeles"): 0.12,
    Provider(("79.192.0.0/11", "84.128.0.0/11", "87.128.0.0/11"), "2003::/20", "de-DE", "Europe/Berlin"): 0.14,
    Provider(("88.64.0.0/13", "178.0.0.0/13"), "2a02:8100::/28", "de-DE", "Europe/Berlin"): 0.06,
    Provider(("86.128.0.0/11", "81.128.0.0/12"), "2a00:23c0::/28", "en-GB", "Europe/London"): 0.11,
    Provider(("90.0.0.0/11", "86.192.0.0/11"), "2a01:cb00::/28", "fr-FR", "Europe/Paris"): 0.08,
    Provider(("83.32.0.0/11",), "2a02:9000::/28", "es-ES", "Europe/Madrid"): 0.05,
    Provider(("87.0.0.0/12", "79.0.0.0/12"), "2a0d:3340::/29", "it-IT", "Europe/Rome"): 0.04,
    Provider(("91.112.0.0/14",), "2001:871::/32", "de-AT", "Europe/Vienna"): 0.04,
}
CARRIERS = (
    "172.56.0.0/21", "107.77.192.0/21", "174.192.0.0/21", "80.187.64.0/21", "109.40.0.0/21", "92.40.168.0/22",
    "92.184.96.0/21", "176.83.0.0/21", "37.160.0.0/21", "77.119.128.0/22",
)  # fmt: skip
"""Mobile networks: a few addresses, each of them shared by thousands."""
BUSINESS = ("12.160.0.0/14", "50.192.0.0/14", "62.156.128.0/17", "80.150.0.0/16", "212.58.224.0/19", "217.89.0.0/17")
CAMPUSES = ("128.112.0.0/16", "129.132.0.0/16", "131.159.0.0/16", "128.232.0.0/16", "128.130.0.0/15")
VPNS = (
    "89.187.160.0/22", "138.199.16.0/22", "143.244.40.0/22", "156.146.56.0/22", "185.213.154.0/24", "193.138.218.0/24",
    "37.120.192.0/22", "185.156.172.0/22", "146.70.0.0/22", "84.17.32.0/22", "212.102.32.0/22", "45.83.220.0/22",
)  # fmt: skip
"""Exits of public VPN services, which honest people use too."""
CLOUDS = (
    "5.9.0.0/16", "88.198.0.0/16", "116.202.0.0/15", "51.38.0.0/16", "54.36.0.0/16", "104.131.0.0/16", "138.68.0.0/16",
    "159.65.0.0/16", "45.33.0.0/17", "45.76.0.0/16", "3.80.0.0/12", "34.64.0.0/11",
)  # fmt: skip
TOR = ("185.220.100.0/24", "185.220.101.0/24", "199.249.230.0/24", "171.25.193.0/24")


def within(chance: Chance, *ranges: str) -> str:
    """An address somewhere in one of the ranges."""
    network = ip_network(chance.of(ranges))
    return str(network[chance.whole(1, network.num_addresses - 2)])


def near(chance: Chance, address: str, prefix: int) -> str:
    """Another address of the network of that size around an address."""
    return within(chance, str(ip_network(f"{address}/{prefix}", strict=False)))


def egress(chance: Chance, ranges: tuple[str, ...], per_range: int) -> str:
    """One of the few addresses through which many leave, the same ones each time."""
    network = ip_network(chance.of(ranges))
    step = max(1, network.num_addresses // per_range)
    return str(network[chance.whole(0, per_range - 1) * step % (network.num_addresses - 2) + 1])


class Home:
    """A connection at home."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self.provider = chance.by_share(HOMES)
        self._dedicated = chance.happens(DEDICATED)
        self._ipv6 = chance.happens(IPV6)
        self._address = within(chance, self.provider.ipv6 if self._ipv6 else chance.of(self.provider.ranges))

    def address(self) -> str:
        """The address of one visit. IPv6: another host of the /64, or of the /44; IPv4: the same, or of the /18."""
        if self._ipv6:
            return near(self._chance, self._address, 64 if self._dedicated else 44)
        return self._address if self._dedicated else near(self._chance, self._address, 18)


def mobile(chance: Chance) -> str:
    """An address of a mobile network."""
    return egress(chance, CARRIERS, 60)


def vpn(chance: Chance) -> str:
    """An exit of a VPN service."""
    return egress(chance, VPNS, 24)
