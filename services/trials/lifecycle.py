"""What happens to a trial: it begins with the registration, it may be extended, it is counted down."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Forbidden, Refusal
from models.trials import Trial, TrialChangeKind
from services import access, analytics, audit
from services.access import Permission
from services.audit import Action
from services.trials.changing import change, changed, history, remind, trial_of
from services.trials.countdown import SLOTS
from services.trials.purchases import close_page, require_nothing_bought
from services.trials.status import NOTHING, TrialStatus, trial_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from datetime import datetime

    from core.emails import Email
    from models.accounts import User
    from models.jobs import Job
    from services.analytics import Happened
    from services.app import App
    from services.sessions import Client
    from services.trials.changing import Facts
    from services.trials.status import Tick

_BEGIN = """
INSERT INTO trials (user_id, person_key, plan_key, end_policy, revert_to, started_at, ends_at, due_at, version,
    quota_percent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id
"""
_CLAIM = """
INSERT INTO trial_claims (person_hash, user_id, claimed_at) VALUES ($1, $2, $3)
ON CONFLICT (person_hash) DO UPDATE SET user_id = trial_claims.user_id RETURNING user_id
"""
"""Whoever claimed first keeps it: the update changes nothing, and lets the row be read."""

LONGEST_EXTENSION = 365
"""Days that one extension may add."""
NOT_EXTENDABLE = frozenset({TrialStatus.CONVERTING, TrialStatus.CONVERTED, TrialStatus.CANCELED})


BOUGHT = "A plan has been bought: its first charge is due at the end that this trial has now."


class TrialNotExtendable(Refusal):
    """The trial has been converted or canceled, its charge is under way or set, as a plan has been bought."""

    message = "This trial has been converted or canceled, or its charge is under way."


async def begin(
    app: App,
    user: User,
    email: Email,
    *,
    quota_percent: int = 100,
    letters: Sequence[Job] = (),
    happened: Sequence[Happened] = (),
) -> Trial | None:
    """Begin the trial of a new user, inside the caller's transaction. None when the person has had one.

    `quota_percent` is how much of the plan's quotas the trial gives; `letters` are written with its reminders, and
    what has `happened` with its event, if it begins.

    The unique keys of claims and trials decide, not a look beforehand: two registrations of one person give one trial.
    The claim is there for good, also when account and trial have been deleted.
    """
    plan, end = app.catalogue.trial_plan, app.catalogue.trial_end
    now = app.clock.now()
    if await claim(app, user.id, email.person) != user.id:
        return None
    trial = Trial(
        user=user,
        person_key=email.person,
        plan_key=plan.key,
        end_policy=end.policy,
        revert_to=end.revert_to,
        started_at=now,
        ends_at=now + timedelta(days=plan.trial_days),
        due_at=now + timedelta(days=plan.trial_days),
        version=1,
        quota_percent=quota_percent,
    )
    policy = (trial.plan_key, trial.end_policy, trial.revert_to)
    times = (trial.started_at, trial.ends_at, trial.due_at)
    stored = await app.database.rows(_BEGIN, [user.id, trial.person_key, *policy, *times, trial.version, quota_percent])
    if not stored:
        return None
    trial.id = stored[0]["id"]
    await history(trial, now, TrialChangeKind.STARTED, None, actor=user).save()
    await analytics.record(app, user.id, *happened, changed(trial, now, TrialChangeKind.STARTED))
    await remind(app, trial, user, letters)
    return trial


async def claim(app: App, user_id: int, person: str) -> int:
    """Write down that this person has had a trial, inside the caller's transaction; the user who claimed it first.

    What is kept is a keyed hash, which is never rotated.
    """
    values = [person_hash(app, person), user_id, app.clock.now()]
    found: int = (await app.database.rows(_CLAIM, values))[0]["user_id"]
    return found


def person_hash(app: App, person: str) -> str:
    """What a claim keeps of a person."""
    return app.keys.identity("person", person)


async def extend(app: App, user_id: int, days: int, *, reason: str, actor: User, client: Client) -> Trial:
    """Move the end of a trial by `days` days, from its end or, when it is over, from now.

    Not when a plan has been bought: it would be charged before the end that is told. Raises Forbidden, NotFound,
    BadUserInput, TrialNotExtendable, Unavailable. Every open countdown hears of it.
    """
    if not access.has_permission(actor, Permission.EXTEND_TRIALS):
        raise Forbidden
    if not 1 <= days <= LONGEST_EXTENSION:
        raise BadUserInput(f"days is from 1 to {LONGEST_EXTENSION}.")

    async def ready(_: Trial) -> None:
        await require_nothing_bought(user_id, TrialNotExtendable(BOUGHT), but_ending=False)
        await close_page(app, user_id, TrialNotExtendable(BOUGHT))

    async def write_down(trial: Trial) -> None:
        await require_nothing_bought(user_id, TrialNotExtendable(BOUGHT), but_ending=False)
        await _record_extension(app, trial, actor, client, days=days, reason=reason)

    decide = partial(_extended, by=timedelta(days=days))
    return await change(
        app, user_id, TrialChangeKind.EXTENDED, decide, actor=actor, reason=reason, ready=ready, also=write_down
    )


def _extended(trial: Trial, now: datetime, *, by: timedelta) -> Facts:
    status = trial_status(trial, now)
    if status in NOT_EXTENDABLE:
        raise TrialNotExtendable
    gap = max(now - trial.ends_at, NOTHING)
    return {
        "ends_at": trial.ends_at + gap + by,
        "halted_microseconds": trial.halted_microseconds + gap // timedelta(microseconds=1),
        "charge_failed_at": None,
    }


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
    return app.countdown.ticks(await trial_of(user_id), every)
