"""Who has met which flag: noted in memory, written by one statement each second, each user and flag once.

The database decides that it is once: the event's key is the flag's, and no client can send such a key.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import IntegrityError

from models.accounts import User
from models.analytics import Event
from services import analytics
from services.analytics import FlagExposed

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.flags import Resolution

BATCH = 500
"""Exposures that one statement writes."""
MOST_WAITING = 10_000
"""Exposures that wait while the database is away. Further ones are forgotten: they are noted when they happen again."""
MOST_REMEMBERED = 100_000
"""Exposures of which a process knows that it need not write them."""
_UNSENDABLE = "\t"
"""What a client's idempotency key cannot contain."""

log = structlog.get_logger(__name__)


class Exposures:
    """What this process has noted and not yet written."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], Event] = {}
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._writing = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many are to be written."""
        return len(self._waiting)

    def note(self, user_id: int, flag: str, resolution: Resolution, at: datetime) -> None:
        """A user has met a flag. It costs nothing when this process knows of it."""
        key = (user_id, flag)
        if key in self._known:
            self._known.move_to_end(key)
            return
        if len(self._waiting) >= MOST_WAITING:
            return
        self._known[key] = None
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        exposed = FlagExposed(flag=flag, enabled=resolution.enabled, variant=resolution.variant)
        event = analytics.event(exposed, user_id, at)
        event.idempotency_key = f"{FlagExposed.name}{_UNSENDABLE}{flag}"
        self._waiting[key] = event

    async def write(self) -> None:
        """Write all that waits. What cannot be written waits on."""
        async with self._writing:
            while self._waiting:
                await self._write(dict(islice(self._waiting.items(), BATCH)))

    async def _write(self, batch: dict[tuple[int, str], Event]) -> None:
        try:
            # In one order, so that two processes which write the same ones do not wait for each other.
            await Event.bulk_create([batch[key] for key in sorted(batch)], ignore_conflicts=True)
        except IntegrityError:  # an account was deleted meanwhile
            there = {user.id for user in await User.filter(id__in={user_id for user_id, _ in batch}).only("id")}
            gone = [key for key in batch if key[0] not in there]
            if not gone:
                raise
            log.info("flags.exposures_of_nobody", count=len(gone))
            self._written(gone)
        else:
            self._written(batch)

    def _written(self, keys: list[tuple[int, str]] | dict[tuple[int, str], Event]) -> None:
        for key in keys:
            del self._waiting[key]
