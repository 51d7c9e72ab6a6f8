"""Letters about the end of a trial: reminders ahead of it, and one letter afterwards. Each is a job with its moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from models.accounts import User
from models.analytics import Event
from models.trials import EndPolicy, Trial
from services import analytics, jobs
from services.analytics import Name, TrialWinBackSent
from services.notifications.letters import deliver
from services.trials.status import RUNNING, TrialStatus, length, trial_status, will_be_charged

if TYPE_CHECKING:
    from models.jobs import Job
    from services.app import App

REMIND = "trial.reminder"
WIN_BACK = "trial.win_back"
OFFSETS = (7, 3, 1, 0)
"""Days before the end; the last one is for the end's own day."""
LAST_CALL = timedelta(hours=3)
"""How long before the end the reminder of its day is due."""
WIN_BACK_AFTER = timedelta(days=7)
WIN_BACK_UNTIL = timedelta(days=14)
"""After which nobody is asked back any more: the worker had been away."""
MORNING, EVENING, LATE = 9, 20, 19
"""Letters are due from 9 to 20 h where their reader is. What would be later, or too early, is due at 19 h before that:
an hour is left for a second try, and nobody is reminded later than promised."""


def reminders(app: App, trial: Trial, timezone: str | None) -> list[Job]:
    """The jobs that remind of a trial's present end.

    An offset that is not shorter than the trial less a day is left out, and so is what had been due before now.
    """
    now, zone = app.clock.now(), zone_of(timezone)
    longest = length(trial) - timedelta(days=1)
    due = {offset: by_day(_ahead(trial, offset), zone) for offset in OFFSETS if timedelta(days=offset) < longest}
    return [
        jobs.job(
            app,
            REMIND,
            _about(trial) | {"offset": offset},
            dedup_key=f"trial:{trial.id}:{offset}:{trial.ends_at.isoformat()}",
            due_at=moment,
        )
        for offset, moment in due.items()
        if moment > now
    ]


def win_back(app: App, trial: Trial, timezone: str | None) -> Job:
    """The job that asks somebody back whose trial has expired."""
    return jobs.job(
        app,
        WIN_BACK,
        _about(trial),
        dedup_key=f"trial:{trial.id}:win_back:{trial.ends_at.isoformat()}",
        due_at=by_day(trial.ends_at + WIN_BACK_AFTER, zone_of(timezone)),
    )


async def send_reminder(app: App, payload: dict[str, Any]) -> None:
    """Remind of the end, if it is still the same and no later reminder is due. Raises Unavailable, MailRejected."""
    found, now = await _still_so(payload), app.clock.now()
    if found is None:
        return
    trial, user = found
    offset = payload["offset"]
    if trial_status(trial, now) not in RUNNING or _overtaken(trial, offset, now):
        return
    plan = app.catalogue.plans[trial.plan_key]
    await deliver(
        app,
        user,
        name="trial_reminder",
        subject="Your trial ends today" if offset == 0 else f"Your trial ends in {offset} day{'s'[: offset > 1]}",
        key=f"{trial.id}.{offset}.{trial.ends_at.isoformat()}",
        plan=plan,
        ends_at=told(trial.ends_at, user.timezone),
        then=what_follows(app, trial),
    )


async def send_win_back(app: App, payload: dict[str, Any]) -> None:
    """Ask somebody back, once, whose trial has expired and was not followed by a purchase.

    Raises Unavailable, MailRejected.
    """
    found, now = await _still_so(payload), app.clock.now()
    if found is None:
        return
    trial, user = found
    if trial_status(trial, now) is not TrialStatus.EXPIRED or now > trial.ends_at + WIN_BACK_UNTIL:
        return
    if await Event.exists(user_id=user.id, name=Name.TRIAL_WIN_BACK_SENT):
        return
    plan = app.catalogue.plans[trial.plan_key]
    await deliver(app, user, name="trial_win_back", subject=f"{plan.name} is still there", key=str(trial.id), plan=plan)
    await analytics.record(app, user.id, TrialWinBackSent(plan=trial.plan_key))


def what_follows(app: App, trial: Trial) -> str:
    """What the end brings if nobody does anything, in a sentence."""
    if will_be_charged(trial):
        return (
            "Then the payment method on file is charged for the plan. Cancel your subscription before that "
            "and nothing is charged."
        )
    left = app.catalogue.plans.get(trial.revert_to or "")
    if left is not None:
        return f"Nothing is charged: then your account goes on with {left.name}."
    if trial.end_policy is EndPolicy.PAUSE:
        return "Nothing is charged: then it is halted until you decide."
    return "Nothing is charged: then it is over."


def zone_of(timezone: str | None) -> tzinfo:
    """The zone of a name; UTC for one that is unknown."""
    try:
        return ZoneInfo(timezone) if timezone else UTC
    except (LookupError, OSError, ValueError):
        return UTC


def by_day(moment: datetime, zone: tzinfo) -> datetime:
    """The last moment, not after `moment`, at which it is from 9 to 20 h in `zone`; in the evening it is 19 h."""
    local = moment.astimezone(zone)
    if MORNING <= local.hour < EVENING:
        return moment
    day = local if local.hour >= EVENING else local - timedelta(days=1)
    return day.replace(hour=LATE, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def told(moment: datetime, timezone: str | None) -> str:
    """A moment as a letter tells it, with its zone."""
    zone = zone_of(timezone)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone}"


def _ahead(trial: Trial, offset: int) -> datetime:
    return trial.ends_at - (timedelta(days=offset) or LAST_CALL)


def _overtaken(trial: Trial, offset: int, now: datetime) -> bool:
    """Whether the next reminder's moment has come too: then that one speaks."""
    following = [_ahead(trial, each) for each in OFFSETS if each < offset]
    return bool(following) and now >= max(following[:1])


def _about(trial: Trial) -> dict[str, Any]:
    return {"user_id": trial.user_id, "trial_id": trial.id, "ends_at": trial.ends_at.isoformat()}


async def _still_so(payload: dict[str, Any]) -> tuple[Trial, User] | None:
    """The trial and its user, if it ends when the job says and its user is there to read of it."""
    trial = await Trial.get_or_none(id=payload["trial_id"]).select_related("user")
    if trial is None or trial.ends_at != datetime.fromisoformat(payload["ends_at"]):
        return None
    if trial.user.suspended_at is not None or trial.user.deletion_at is not None:
        return None
    return trial, trial.user
