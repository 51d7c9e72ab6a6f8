"""Which variant an address names."""

from urllib.parse import urlsplit

from adapters.limits.memory import MemoryLimits
from adapters.limits.port import Limits
from adapters.limits.redis import RedisLimits


def open_limits(url: str) -> Limits:
    """The variant that `url` names: `memory://`, `redis://…` or `rediss://…` (over TLS)."""
    match urlsplit(url).scheme:
        case "memory":
            return MemoryLimits()
        case "redis" | "rediss":
            return RedisLimits(url)
        case scheme:
            raise ValueError(f"Limits are kept by memory:// or redis://, not by {scheme!r}.")
