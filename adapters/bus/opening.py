"""Which bus a URL names."""

from urllib.parse import urlsplit

from adapters.bus.memory import MemoryBus
from adapters.bus.port import Bus
from adapters.bus.redis import RedisBus


def open_bus(url: str) -> Bus:
    """The variant that `url` names: `memory://`, `redis://…` or `rediss://…` (over TLS). It still wants `open()`."""
    match urlsplit(url).scheme:
        case "memory":
            return MemoryBus()
        case "redis" | "rediss":
            return RedisBus(url)
        case scheme:
            raise ValueError(f"The bus is memory:// or redis://, not {scheme!r}.")
