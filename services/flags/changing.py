"""Setting flags: how far one is rolled out, and whether it is killed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput, Forbidden, NotFound
from models.flags import FeatureFlag
from services import access, audit
from services.access import Permission
from services.audit import Action
from services.flags.bucketing import BUCKETS
from services.flags.keeping import CHANNEL

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.flags.declaring import Flag
    from services.sessions import Client

_STEPS = BUCKETS // 100
"""Of one percent."""
_SLACK = 1e-6
"""Of a step: 0.29 * 100 is 28.999999999999996."""


@dataclass(frozen=True)
class Setting:
    """How a flag is set. `version` counts how often; 0 as long as nobody has."""

    flag: Flag
    rollout: int
    killed: bool
    version: int


async def put(
    app: App, key: str, *, rollout_percent: float, killed: bool | None, actor: User, client: Client
) -> Setting:
    """Set a flag for all processes; without `killed` it stays killed or not. What is set last holds, all is audited.

    Four statements. Raises Forbidden, NotFound, BadUserInput.
    """
    _require(actor)
    flag = app.flags.declared.get(key)
    if flag is None:
        raise NotFound
    rollout = buckets_of(rollout_percent)
    before = app.flags.state_of(flag)
    async with app.database.transaction():
        first = FeatureFlag(key=key, rollout=before.rollout, killed=False, version=0, changed_at=app.clock.now())
        await FeatureFlag.bulk_create([first], ignore_conflicts=True)
        row = await FeatureFlag.filter(key=key).select_for_update().get()
        data: dict[str, Any] = {"from": percent_of(row.rollout), "was_killed": row.killed}
        row.rollout, row.version, row.changed_at = rollout, row.version + 1, app.clock.now()
        row.killed = row.killed if killed is None else killed
        await row.save(update_fields=["rollout", "killed", "version", "changed_at"])
        data |= {"to": percent_of(rollout), "killed": row.killed, "version": row.version}
        subject = f"FeatureFlag:{key}"
        await audit.record(app, Action.FLAG_SET, actor=actor, subject=subject, client=client, **data)
    await app.bus.publish(CHANNEL, key)
    await app.flags.look()
    return Setting(flag, row.rollout, row.killed, row.version)


async def settings(app: App, actor: User) -> list[Setting]:
    """How all declared flags are set, in the file's order. Raises Forbidden."""
    _require(actor)
    rows = {row.key: row for row in await FeatureFlag.all()}
    return [_setting(flag, rows.get(flag.key)) for flag in app.flags.declared.values()]


def buckets_of(percent: float) -> int:
    """How many buckets a rollout has. Raises BadUserInput unless it is from 0 to 100 in steps of 0.01."""
    steps = percent * _STEPS
    if not math.isfinite(steps) or not 0 <= steps <= BUCKETS or abs(steps - round(steps)) > _SLACK:
        raise BadUserInput("rolloutPercent is from 0 to 100, in steps of 0.01.")
    return round(steps)


def percent_of(buckets: int) -> float:
    """The percentage of so many buckets."""
    return buckets / _STEPS


def _setting(flag: Flag, row: FeatureFlag | None) -> Setting:
    if row is None:
        return Setting(flag, BUCKETS if flag.default else 0, killed=False, version=0)
    return Setting(flag, row.rollout, row.killed, row.version)


def _require(actor: User) -> None:
    if not access.has_permission(actor, Permission.SET_FLAGS):
        raise Forbidden
