"""The keys that tokens are signed with, secrets are sealed with and people are known by: kept, followed, rotated."""

from services.keys.keeping import CHANNEL, LOOK_AGAIN_AFTER, LOOK_EVERY, KeyKeeper
from services.keys.rotation import LEAD, RESEAL, Rotation, reseal, rotate

__all__ = [
    "CHANNEL",
    "LEAD",
    "LOOK_AGAIN_AFTER",
    "LOOK_EVERY",
    "RESEAL",
    "KeyKeeper",
    "Rotation",
    "reseal",
    "rotate",
]
