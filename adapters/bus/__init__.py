"""Messages between processes: ids, never rows. Each is told at most once, and lost without an error when it must be."""

from adapters.bus.memory import MemoryBus
from adapters.bus.opening import open_bus
from adapters.bus.port import Bus, Listener, Resync
from adapters.bus.redis import RedisBus

__all__ = ["Bus", "Listener", "MemoryBus", "RedisBus", "Resync", "open_bus"]
