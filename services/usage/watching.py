"""Usage live: each meter of a user as soon as it shows something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.entitlements import plan_changes_at, plan_of
from services.usage.meters import latest, readings_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from services.app import App
    from services.usage.meters import Reading


async def watch(app: App, user_id: int) -> AsyncGenerator[Reading, None]:
    """Meters that have been used in their windows, at once, and then each that shows something else than before.

    Changes that come while nobody looks are one. The end of a window is a change, and so is what happens to
    a trial or a purchase.
    """
    readings, held = await latest(app, user_id)
    now = app.clock.now()
    shown = {reading.meter.key: reading for reading in readings_of(app, plan_of(app, held, now), [], now)}

    def due() -> datetime | None:
        moments = [reading.resets_at for reading in readings]
        return min((at for at in (*moments, plan_changes_at(held, app.clock.now())) if at is not None), default=None)

    also = [(app.plans_changed, str(user_id))]
    also += [(app.trials_changed, str(held.trial.id))] if held.trial else []
    changes = app.usage_changed.changes(str(user_id), app.clock, due, also)
    try:
        async for _ in changes:
            readings, held = await latest(app, user_id)
            for reading in readings:
                if shown[reading.meter.key] != reading:
                    shown[reading.meter.key] = reading
                    yield reading
    finally:
        await changes.aclose()
