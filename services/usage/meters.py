"""What a meter shows: how much a user has used of it in the present window, and how much their plan lets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Forbidden, NotFound
from models.accounts import User
from models.usage import UsageCounter
from services import access
from services.access import Permission
from services.entitlements import held_by, plan_of
from services.usage.windows import period_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from services.app import App
    from services.billing import Meter
    from services.entitlements import Grant, Held
    from services.usage.recording import Entry


@dataclass(frozen=True)
class Reading:
    """A meter in its present window. `limit` None is no limit; `resets_at` None is never."""

    meter: Meter
    used: int
    reserved: int
    limit: int | None
    resets_at: datetime | None

    @property
    def remaining(self) -> int | None:
        """What may still be used: less than nothing is nothing, as after a change to a smaller plan."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)


def reading_of(grant: Grant, meter: Meter, now: datetime, used: int = 0, reserved: int = 0) -> Reading:
    """What a meter shows to somebody with this grant."""
    return Reading(meter, used, reserved, grant.limit_of(meter), period_of(meter.window, now).ends_at)


def readings_of(app: App, grant: Grant, counters: Iterable[UsageCounter], now: datetime) -> list[Reading]:
    """What all meters show, in the catalogue's order. Counters of other windows are passed over."""
    found = {(row.meter, row.period): (row.used, row.reserved) for row in counters}
    return [
        reading_of(grant, meter, now, *found.get((meter.key, period_of(meter.window, now).name), (0, 0)))
        for meter in app.catalogue.meters.values()
    ]


async def latest(app: App, user_id: int) -> tuple[list[Reading], Held]:
    """What all meters of a user show now, and what it follows from. Three queries."""
    now = app.clock.now()
    held = await held_by(user_id)
    periods = {period_of(meter.window, now).name for meter in app.catalogue.meters.values()}
    counters = await UsageCounter.filter(user_id=user_id, period__in=periods)
    return readings_of(app, plan_of(app, held, now), counters, now), held


def meter_named(app: App, key: str) -> Meter:
    """A meter of the catalogue. Raises BadUserInput."""
    if key not in app.catalogue.meters:
        raise BadUserInput("There is no such meter.")
    return app.catalogue.meters[key]


def require_report(actor: User, user_id: int | None, meter: Meter) -> None:
    """Raise Forbidden unless `actor` may report what this user has used: themselves, or with the permission.

    `user_id` is None for a user that is none.
    """
    own = meter.self_reported and user_id == actor.id
    if not own and not access.has_permission(actor, Permission.RECORD_USAGE):
        raise Forbidden


async def recordable_for(app: App, actor: User, told: Sequence[tuple[int | None, Entry]]) -> list[int]:
    """The users whose usage `actor` reports, one for each report. One query where one is not the actor.

    Raises BadUserInput, Forbidden, and NotFound for a user that is none.
    """
    for user_id, entry in told:
        require_report(actor, user_id, meter_named(app, entry.meter))
    owners = [user_id for user_id, _ in told if user_id is not None]
    others = set(owners) - {actor.id}
    if len(owners) < len(told) or (others and await User.filter(id__in=others).count() < len(others)):
        raise NotFound
    return owners
