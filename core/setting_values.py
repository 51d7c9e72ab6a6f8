"""Readers of single settings: each takes a variable's text, or raises ValueError that says what would be right."""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Network = IPv4Network | IPv6Network

SECRET_LENGTH = 32


def text(raw: str) -> str:
    """Any text of one line."""
    if not raw.isprintable():
        raise ValueError("holds a character that is not printable")
    return raw


def one_of(*choices: str) -> Callable[[str], str]:
    """One of a few words, in any case."""

    def read(raw: str) -> str:
        if raw.lower() not in choices:
            raise ValueError(f"is {raw!r}; one of {', '.join(choices)} would be right")
        return raw.lower()

    return read


def on_or_off(raw: str) -> bool:
    """A switch."""
    return one_of("on", "off")(raw) == "on"


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(raw: str) -> int:
        if not (raw.isascii() and raw.isdigit() and low <= int(raw[:20]) <= high):
            raise ValueError(f"is {raw[:40]!r}; a whole number from {low} to {high} would be right")
        return int(raw)

    return read


def words(raw: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def secrets(raw: str) -> tuple[str, ...]:
    """Secret keys, newest first; the values are never repeated in a message."""
    found = words(raw)
    if any(len(secret) < SECRET_LENGTH for secret in found):
        raise ValueError(f"holds a key of fewer than {SECRET_LENGTH} characters; random ones of 48 would be right")
    return found


def url(*schemes: str) -> Callable[[str], str]:
    """A URL whose scheme chooses a port's variant. The value may hold a password and is not repeated."""
    expected = " or ".join(f"{scheme}://…" for scheme in schemes)

    def read(raw: str) -> str:
        scheme, separator, _ = text(raw).partition("://")
        if not separator or scheme not in schemes:
            raise ValueError(f"has no scheme that is known; {expected} would be right")
        try:
            _ = urlsplit(raw).port
        except ValueError as error:
            raise ValueError(f"has a port that is no number; {expected} would be right") from error
        return raw

    return read


def web_address(raw: str) -> str:
    """An http or https address without a trailing slash."""
    return _web_parts(raw).geturl().rstrip("/")


def origin(raw: str) -> str:
    """An origin (RFC 6454): scheme, host and port, nothing else."""
    parts = _web_parts(raw)
    return f"{parts.scheme}://{parts.netloc}".lower()


def origins(raw: str) -> tuple[str, ...]:
    """Origins separated by commas."""
    found = words(raw)
    for word in found:
        if origin(word) != word.lower().rstrip("/"):
            raise ValueError(f"holds {word!r}; origins such as https://app.example.com would be right")
    return tuple(origin(word) for word in found)


def networks(raw: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, or single addresses, separated by commas."""
    try:
        return tuple(ip_network(word) for word in words(raw))
    except ValueError as error:
        raise ValueError(f"{error}; networks such as 10.0.0.0/8, separated by commas, would be right") from error


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_loopback_url(address: str) -> bool:
    """Whether a web address points to this machine alone."""
    return is_loopback(urlsplit(address).hostname or "")


def _web_parts(raw: str) -> SplitResult:
    try:
        parts = urlsplit(text(raw))
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is {raw!r}; an address such as https://app.example.com would be right") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError(f"is {raw!r}; an address such as https://app.example.com would be right")
    return parts
