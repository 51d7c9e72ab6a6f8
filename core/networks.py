"""Networks that clients come from."""

from ipaddress import IPv4Address, ip_address, ip_network

IPV4_PREFIX = 24
IPV6_PREFIX = 64


def network_of(ip: str | None) -> str:
    """The network that a client's address is counted under: IPv4 /24, IPv6 /64."""
    if ip is None:
        return "unknown"
    prefix = IPV4_PREFIX if isinstance(ip_address(ip), IPv4Address) else IPV6_PREFIX
    return str(ip_network(f"{ip}/{prefix}", strict=False))
