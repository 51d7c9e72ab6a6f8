"""How tries are counted."""

from adapters.limits.memory import KEYS, MemoryLimits
from adapters.limits.opening import open_limits
from adapters.limits.port import Allowance, Counted, Limits
from adapters.limits.redis import RedisLimits

__all__ = ["KEYS", "Allowance", "Counted", "Limits", "MemoryLimits", "RedisLimits", "open_limits"]
