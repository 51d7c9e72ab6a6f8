"""What happens to a trial: it begins with the registration, it may be extended, it is counted down."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tortoise.expressions import F

from core.errors import BadUserInput, Forbidden, NotFound, Refusal
from models.trials import Trial, TrialClaim
from services import access, audit
from services.access import Permission
from services.audit import Action
from services.trials.countdown import CHANNEL, SLOTS
from services.trials.status import TrialStatus, trial_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from core.emails import Email
    from models.accounts import User
    from services.app import App
    from services.sessions import Client
    from services.trials.status import Tick

LONGEST_EXTENSION = 365
"""Days that one extension may add."""


class TrialNotExtendable(Refusal):
    """The trial has been converted or canceled: there is nothing to extend."""

    message = "This trial has been converted or canceled."


async def begin(app: App, user: User, email: Email, *, quota_percent: int = 100) -> Trial | None:
    """Begin the trial of a new user, inside the caller's transaction. None when the person has had one.

    `quota_percent` is how much of the plan's quotas the trial gives.

    The unique keys of claims and trials decide, not a look beforehand: two registrations of one person give one trial.
    The claim is there for good, also when account and trial have been deleted.
    """
    plan = app.catalogue.trial_plan
    now = app.clock.now()
    if await claim(app, user.id, email.person) != user.id:
        return None
    trial = Trial(
        user=user,
        person_key=email.person,
        plan_key=plan.key,
        started_at=now,
        ends_at=now + timedelta(days=plan.trial_days),
        version=1,
        quota_percent=quota_percent,
    )
    await Trial.bulk_create([trial], ignore_conflicts=True)
    return await Trial.get_or_none(user_id=user.id)


async def claim(app: App, user_id: int, person: str) -> int:
    """Write down that this person has had a trial, inside the caller's transaction; the user who claimed it first.

    What is kept is a keyed hash, which is never rotated.
    """
    person_hash = app.keys.identity("person", person)
    row = TrialClaim(person_hash=person_hash, user_id=user_id, claimed_at=app.clock.now())
    await TrialClaim.bulk_create([row], ignore_conflicts=True)
    return (await TrialClaim.get(person_hash=person_hash)).user_id


async def extend(app: App, user_id: int, days: int, *, reason: str, actor: User, client: Client) -> Trial:
    """Move the end of a trial by `days` days, from its end or, when it is over, from now.

    Raises Forbidden, NotFound, BadUserInput, TrialNotExtendable. Every open countdown hears of it.
    """
    if not access.has_permission(actor, Permission.EXTEND_TRIALS):
        raise Forbidden
    if not 1 <= days <= LONGEST_EXTENSION:
        raise BadUserInput(f"days is from 1 to {LONGEST_EXTENSION}.")
    while True:
        trial = await Trial.get_or_none(user_id=user_id)
        if trial is None:
            raise NotFound
        now = app.clock.now()
        if trial_status(trial, now) in {TrialStatus.CONVERTED, TrialStatus.CANCELED}:
            raise TrialNotExtendable
        async with app.database.transaction():
            changed = await Trial.filter(id=trial.id, version=trial.version).update(
                ends_at=max(trial.ends_at, now) + timedelta(days=days), version=F("version") + 1
            )
            if changed:
                await _record_extension(app, trial, actor, client, days=days, reason=reason)
        if changed:
            break
    await app.bus.publish(CHANNEL, str(trial.id))
    return await Trial.get(id=trial.id)


async def _record_extension(app: App, trial: Trial, actor: User, client: Client, *, days: int, reason: str) -> None:
    await audit.record(
        app,
        Action.TRIAL_EXTENDED,
        actor=actor,
        user_id=trial.user_id,
        subject=f"Trial:{trial.id}",
        client=client,
        days=days,
        reason=reason,
    )


async def watch(app: App, user_id: int, every: int) -> AsyncGenerator[Tick, None]:
    """The live ticks of a user's trial. `every` is the cadence in seconds, from 1 to 3,600.

    Raises NotFound for a user without a trial, BadUserInput.
    """
    if not 1 <= every <= SLOTS:
        raise BadUserInput(f"everySeconds is from 1 to {SLOTS}.")
    trial = await Trial.get_or_none(user_id=user_id)
    if trial is None:
        raise NotFound
    return app.countdown.ticks(trial, every)
