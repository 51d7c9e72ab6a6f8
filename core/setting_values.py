"""Readers of single settings: each takes a variable's text, or raises ValueError that says what would be right."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Network = IPv4Network | IPv6Network

SECRET_LENGTH = 32
LONGEST_NUMBER = 20
"""Digits of a number; Python refuses to read one of several thousand."""
FOLDERS = frozenset({"sqlite", "outbox", "simulated"})
"""Schemes whose URLs name a place on the disk: it may hold an @."""
NAMES = frozenset({"openai"})
"""Schemes whose URLs name a model where others have a host: it may hold colons, as `ft:gpt-4.1-mini:us::id` does."""
SAMPLERS = (
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
    "parentbased_traceidratio",
)  # fmt: skip
"""Which traces are told: the standard's names."""
_RATIO = re.compile(r"\d?(?:\.\d{1,18})?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


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
        if not (raw.isascii() and raw.isdigit() and len(raw) <= LONGEST_NUMBER and low <= int(raw) <= high):
            raise ValueError(f"is {raw[:40]!r}; a whole number from {low} to {high} would be right")
        return int(raw)

    return read


def ratio(raw: str) -> float:
    """A share, from 0 to 1."""
    if not (_RATIO.fullmatch(raw) and float(raw) <= 1):
        raise ValueError(f"is {raw[:40]!r}; a number from 0 to 1 such as 0.05 would be right")
    return float(raw)


def words(raw: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(word.strip() for word in text(raw).split(",") if word.strip())


def domains(raw: str) -> tuple[str, ...]:
    """Domains separated by commas: letters, digits, dots and hyphens, nothing that SQL would read."""
    found = tuple(word.lower() for word in words(raw))
    if wrong := [word for word in found if not _DOMAIN.fullmatch(word)]:
        raise ValueError(f"holds {wrong[0][:100]!r}; a domain such as staff.example.com would be right")
    return found


def secrets(raw: str) -> tuple[str, ...]:
    """Secret keys, newest first; the values are never repeated in a message."""
    found = words(raw)
    if any(len(secret) < SECRET_LENGTH for secret in found):
        raise ValueError(f"holds a key of fewer than {SECRET_LENGTH} characters; random ones of 48 would be right")
    return found


def host(raw: str) -> str:
    """A name or an IP address to listen on."""
    name = raw.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(name))
    except ValueError:
        if _HOST.fullmatch(raw):
            return raw.lower()
    raise ValueError(f"is {raw[:100]!r}; a name or an IP address such as 127.0.0.1 would be right")


def url(*schemes: str) -> Callable[[str], str]:
    """A URL whose scheme chooses a port's variant. The value may hold a password and is not repeated."""
    expected = " or ".join(f"{scheme}://…" for scheme in schemes)

    def read(raw: str) -> str:
        scheme, separator, _ = text(raw).partition("://")
        if not separator or scheme not in schemes:
            raise ValueError(f"has no scheme that is known; {expected} would be right")
        try:
            parts = urlsplit(raw)
            _ = None if scheme in NAMES else parts.port
        except ValueError as error:
            raise ValueError(f"has a host or a port that cannot be read; {expected} would be right") from error
        if scheme not in FOLDERS and "@" in parts.path + parts.query + parts.fragment:
            raise ValueError("has an @ behind its host; in a password, %2F %3F %23 %40 would be right for / ? # @")
        return raw

    return read


def shown(address: str) -> str:
    """A URL as a person may see it: without user, password and options."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def web_address(raw: str) -> str:
    """An http or https address without a trailing slash."""
    parts = _web_parts(raw)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def origin(raw: str) -> str:
    """An origin (RFC 6454) as browsers write it: scheme, host and port, which is left out where it is the usual one."""
    parts = _web_parts(raw)
    netloc = parts.netloc.lower()
    return f"{parts.scheme}://{netloc.removesuffix(f':{_DEFAULT_PORTS[parts.scheme]}')}"


def origins(raw: str) -> tuple[str, ...]:
    """Origins separated by commas."""
    found = words(raw)
    for word in found:
        if _web_parts(word).path not in {"", "/"}:
            raise ValueError(f"holds {word[:100]!r}; origins such as https://app.example.com would be right")
    return tuple(origin(word) for word in found)


def networks(raw: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, or single addresses, separated by commas."""
    try:
        return tuple(ip_network(word) for word in words(raw))
    except ValueError as error:
        raise ValueError(f"{error}; networks such as 10.0.0.0/8, separated by commas, would be right") from error


def is_loopback(name: str) -> bool:
    """Whether a host's name or address stands for this machine alone."""
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _web_parts(raw: str) -> SplitResult:
    """Scheme, host, port and path. What stands before an @ may be a password, so it is refused unseen."""
    if "@" in raw:
        raise ValueError("holds a user or a password; an address such as https://app.example.com would be right")
    wrong = f"is {raw[:100]!r}; an address such as https://app.example.com would be right"
    try:
        parts = urlsplit(text(raw))
        port = parts.port
        name = _ascii_host(parts.hostname or "")
    except ValueError as error:
        raise ValueError(wrong) from error
    if parts.scheme not in _DEFAULT_PORTS or parts.query or parts.fragment:
        raise ValueError(wrong)
    return parts._replace(netloc=name if port is None else f"{name}:{port}")


def _ascii_host(name: str) -> str:
    """A host as it stands in a URL on the wire: IDNA for other scripts, brackets around IPv6."""
    if ":" in name:
        return f"[{ip_address(name)}]"
    ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    if not _HOST.fullmatch(ascii_name):
        raise ValueError("no host")
    return ascii_name.lower()
