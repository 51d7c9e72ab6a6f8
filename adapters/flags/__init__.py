"""Who has which feature."""

from adapters.flags.openfeature import OpenFeatureFlags
from adapters.flags.port import Flags, Reason, Resolution, Resolve

__all__ = ["Flags", "OpenFeatureFlags", "Reason", "Resolution", "Resolve"]
