"""Letters about the end of a trial: reminders ahead of it, and one letter afterwards. Each is a job with its moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.analytics import Event
from models.jobs import Job
from models.mail import DeliveryStatus
from models.trials import EndPolicy, Trial
from services import analytics
from services.analytics import Name, TrialWinBackSent
from services.languages import Phrase, Reader, by_day, days_until, phrase, phrases, reader_of, zone_of
from services.notifications import Delivery, Draft, Letter, Topic, letter_job, name_to_greet
from services.trials.status import RUNNING, TrialStatus, length, trial_status, will_be_charged

if TYPE_CHECKING:
    from services.app import App

REMIND = "trial_reminder"
WIN_BACK = "trial_win_back"
OFFSETS = (7, 3, 1, 0)
"""Days before the end; the last one is for the end's own day."""
LAST_CALL = timedelta(hours=3)
"""How long before the end the reminder of its day is due."""
WIN_BACK_AFTER = timedelta(days=7)
WIN_BACK_UNTIL = timedelta(days=14)
"""After which nobody is asked back any more: the worker had been away."""


def reminders(app: App, trial: Trial, timezone: str | None) -> list[Job]:
    """The jobs that remind of a trial's present end.

    An offset that is not shorter than the trial less a day is left out, and so is what had been due before now.
    """
    now, zone = app.clock.now(), zone_of(timezone)
    longest = length(trial) - timedelta(days=1)
    due = {offset: by_day(_ahead(trial, offset), zone) for offset in OFFSETS if timedelta(days=offset) < longest}
    return [
        letter_job(
            app,
            REMIND,
            _about(trial) | {"offset": offset},
            dedup_key=f"trial:{trial.id}:{offset}:{trial.ends_at.isoformat()}",
            due_at=moment,
            not_after=trial.ends_at,
        )
        for offset, moment in due.items()
        if moment > now
    ]


def win_back(app: App, trial: Trial, timezone: str | None) -> Job:
    """The job that asks somebody back whose trial has expired."""
    return letter_job(
        app,
        WIN_BACK,
        _about(trial),
        dedup_key=f"trial:{trial.id}:win_back:{trial.ends_at.isoformat()}",
        due_at=by_day(trial.ends_at + WIN_BACK_AFTER, zone_of(timezone)),
        not_after=trial.ends_at + WIN_BACK_UNTIL,
    )


async def move(app: App, user_id: int, timezone: str | None) -> None:
    """Let the letters that are still to come be due by day where their reader is now, inside the caller's transaction.

    What would have been due before now there stays as it is, and is put off when its time comes.
    """
    trial = await Trial.get_or_none(user_id=user_id)
    if trial is None:
        return
    wanted = {job.dedup_key: job for job in (*reminders(app, trial, timezone), win_back(app, trial, timezone))}
    for job in await Job.filter(dedup_key__in=list(wanted), due_at__isnull=False, lease=None):
        due_at = wanted[job.dedup_key].due_at
        if job.due_at != due_at:
            await Job.filter(id=job.id, due_at=job.due_at, lease=None).update(due_at=due_at)


async def _remind(app: App, delivery: Delivery) -> Draft | None:
    """A reminder of the end, if it is still the same and no later reminder is due."""
    found, now = await _still_so(delivery), app.clock.now()
    if found is None:
        return None
    trial, user = found
    offset = delivery.payload["offset"]
    if trial_status(trial, now) not in RUNNING or _overtaken(trial, offset, now):
        return None
    return Draft(
        user=user,
        template="trial_reminder",
        topic=Topic.BILLING if will_be_charged(trial) else None,  # a charge is announced, whatever is wanted
        subject=when(trial.ends_at, now, reader_of(user.locale, user.timezone), last=offset == 0),
        values={
            "name": name_to_greet(user),
            "plan": app.catalogue.plans[trial.plan_key].name,
            "ends_at": trial.ends_at,
            "then": what_follows(app, trial),
        },
    )


async def _ask_back(app: App, delivery: Delivery) -> Draft | None:
    """What asks somebody back, once, whose trial has expired and was not followed by a purchase."""
    found, now = await _still_so(delivery), app.clock.now()
    if found is None:
        return None
    trial, user = found
    if trial_status(trial, now) is not TrialStatus.EXPIRED:
        return None
    if await Event.exists(user_id=user.id, name=Name.TRIAL_WIN_BACK_SENT):
        return None
    plan = app.catalogue.plans[trial.plan_key]
    return Draft(
        user=user,
        template="trial_win_back",
        subject=phrase("%(plan)s is still there", plan=plan.name),
        values={
            "name": name_to_greet(user),
            "plan": plan.name,
        },
    )


async def _asked_back(app: App, delivery: Delivery, status: DeliveryStatus) -> None:
    """Write down that somebody was asked back: it is done once."""
    trial = await Trial.get_or_none(id=delivery.payload["trial_id"])
    if status is DeliveryStatus.SENT and trial is not None:
        await analytics.record(app, trial.user_id, TrialWinBackSent(plan=trial.plan_key))


def when(ends_at: datetime, now: datetime, reader: Reader, *, last: bool) -> Phrase:
    """In how many days a trial ends, by the reader's calendar: a letter of the evening before says tomorrow."""
    days, time = days_until(ends_at, now, reader.zone), reader.time(ends_at)
    if days > 1:
        return phrases("Your trial ends in %(number)s day", "Your trial ends in %(number)s days", days)
    if days == 1 and last:
        return phrase("A last reminder: your trial ends tomorrow at %(time)s", time=time)
    if days == 1:
        return phrase("Your trial ends tomorrow at %(time)s", time=time)
    return phrase("Your trial ends today at %(time)s", time=time)


def what_follows(app: App, trial: Trial) -> Phrase:
    """What the end brings if nobody does anything, in a sentence."""
    if will_be_charged(trial):
        return phrase(
            "Then the payment method on file is charged for the plan. Cancel your subscription before that and nothing "
            "is charged."
        )
    left = app.catalogue.plans.get(trial.revert_to or "")
    if left is not None:
        return phrase("Nothing is charged: then your account goes on with %(plan)s.", plan=left.name)
    if trial.end_policy is EndPolicy.PAUSE:
        return phrase("Nothing is charged: then it is halted until you decide.")
    return phrase("Nothing is charged: then it is over.")


def _ahead(trial: Trial, offset: int) -> datetime:
    return trial.ends_at - (timedelta(days=offset) or LAST_CALL)


def _overtaken(trial: Trial, offset: int, now: datetime) -> bool:
    """Whether the next reminder's moment has come too: then that one speaks."""
    following = [_ahead(trial, each) for each in OFFSETS if each < offset]
    return bool(following) and now >= max(following[:1])


def _about(trial: Trial) -> dict[str, Any]:
    return {"user_id": trial.user_id, "trial_id": trial.id, "ends_at": trial.ends_at.isoformat()}


async def _still_so(delivery: Delivery) -> tuple[Trial, User] | None:
    """The trial and its user, if it ends when the job says and its user is there to read of it."""
    payload = delivery.payload
    trial = await Trial.get_or_none(id=payload["trial_id"]).select_related("user")
    if trial is None or trial.ends_at != datetime.fromisoformat(payload["ends_at"]):
        return None
    if trial.user.suspended_at is not None or trial.user.deletion_at is not None:
        return None
    return trial, trial.user


REMINDERS = Letter(REMIND, Topic.TRIAL, _remind)
WIN_BACKS = Letter(WIN_BACK, Topic.PRODUCT, _ask_back, settled=_asked_back)
