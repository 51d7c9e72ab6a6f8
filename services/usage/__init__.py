"""Usage: what plans meter is counted once a report, never past a limit, and told live."""

from services.usage.batches import LARGEST_BATCH, Refused, record_all
from services.usage.expiring import EXPIRE, expire
from services.usage.meters import Reading, latest, reading_of, readings_of, recordable_for
from services.usage.recording import Entry, IdempotencyConflict, Recorded, UsageLimitReached, record
from services.usage.reserving import Ended, ReservationEnded, Reserved, commit, end, release, reserve
from services.usage.watching import watch
from services.usage.windows import period_of

__all__ = [
    "EXPIRE",
    "LARGEST_BATCH",
    "Ended",
    "Entry",
    "IdempotencyConflict",
    "Reading",
    "Recorded",
    "Refused",
    "ReservationEnded",
    "Reserved",
    "UsageLimitReached",
    "commit",
    "end",
    "expire",
    "latest",
    "period_of",
    "reading_of",
    "readings_of",
    "record",
    "record_all",
    "recordable_for",
    "release",
    "reserve",
    "watch",
]
