"""Networks that clients come from."""

from ipaddress import IPv4Address, ip_address, ip_network

IPV4_PREFIX = 24
IPV6_PREFIX = 64
IPV4_BLOCK = 16
IPV6_BLOCK = 32


def network_of(ip: str | None) -> str:
    """The network that a client's address is counted under: IPv4 /24, IPv6 /64."""
    if ip is None:
        return "unknown"
    prefix = IPV4_PREFIX if isinstance(ip_address(ip), IPv4Address) else IPV6_PREFIX
    return str(ip_network(f"{ip}/{prefix}", strict=False))


def block_of(ip: str) -> str:
    """The block that a network's operator most likely holds as a whole: IPv4 /16, IPv6 /32."""
    prefix = IPV4_BLOCK if isinstance(ip_address(ip), IPv4Address) else IPV6_BLOCK
    return str(ip_network(f"{ip}/{prefix}", strict=False))
