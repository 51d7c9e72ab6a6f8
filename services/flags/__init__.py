"""Feature flags: who has what, how far it is rolled out, and who has met it.

Declared in `flags.yaml`, set in the table `feature_flags`, decided in memory by hash.
"""

from services.flags.changing import Setting, percent_of, put, settings
from services.flags.declaring import Flag, FlagsError, read_flags
from services.flags.evaluating import Standing, is_on, standing
from services.flags.keeping import FlagKeeper

__all__ = [
    "Flag",
    "FlagKeeper",
    "FlagsError",
    "Setting",
    "Standing",
    "is_on",
    "percent_of",
    "put",
    "read_flags",
    "settings",
    "standing",
]
