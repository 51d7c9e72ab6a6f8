"""Reminders of a trial's end, and the letter that asks back: when they are due, what they say, when none is sent."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from models import EndPolicy, Event, Job, MailDelivery, Trial, User
from services import trials
from services.app import App
from services.languages import reader_of
from services.trials import reminders
from services.trials.reminders import OFFSETS, what_follows
from tests.clock import START, ManualClock
from tests.letters_by_hand import send, waiting
from tests.porchlight import Person, Porchlight
from tests.test_trial_lifecycle import do, stored, told
from tests.traces import drain, letters

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


async def due_of(porchlight: Porchlight, person: Person) -> dict[int, datetime | None]:
    """When the reminders of the present end are due."""
    trial = await stored(porchlight, person)
    with porchlight.app.database.bound():
        jobs = await waiting(reminders.REMIND)
    return {
        job.payload["offset"]: job.due_at
        for job in jobs
        if job.payload["trial_id"] == trial.id and job.payload["ends_at"] == trial.ends_at.isoformat()
    }


async def test_registration_writes_four_reminders(porchlight: Porchlight) -> None:
    """Seven, three and one day before the end, and on its day: here on the evening before, since it ends at 9."""
    person = await porchlight.register()
    assert await due_of(porchlight, person) == {
        7: at("2026-03-09T09:00"),
        3: at("2026-03-13T09:00"),
        1: at("2026-03-15T09:00"),
        0: at("2026-03-15T19:00"),
    }


@pytest.mark.parametrize(
    ("days", "offsets"),
    [(30, [7, 3, 1, 0]), (8.1, [7, 3, 1, 0]), (8, [3, 1, 0]), (7, [3, 1, 0]), (4, [1, 0]), (2, [0]), (1, [])],
)
def test_offsets_as_long_as_the_trial_are_left_out(porchlight: Porchlight, days: float, offsets: list[int]) -> None:
    """Nobody is reminded on the day on which they sign up."""
    trial = Trial(id=1, user_id=1, plan_key="pro-monthly", started_at=START, ends_at=START + days * DAY)
    assert [job.payload["offset"] for job in reminders.reminders(porchlight.app, trial, None)] == offsets


def sent(letter: EmailMessage) -> datetime:
    return parsedate_to_datetime(letter["Date"])


async def drained(porchlight: Porchlight) -> list[str]:
    """The subjects of all letters but the welcome, after all that is due has been done."""
    await drain(porchlight)
    return [
        letter["Subject"]
        for letter in sorted(letters(porchlight), key=sent)
        if not letter["Subject"].startswith("Welcome")
    ]


async def test_a_trial_is_reminded_of_and_asked_back(porchlight: Porchlight, clock: ManualClock) -> None:
    """Four letters ahead, each once, and one a week after."""
    await porchlight.register()
    tomorrow = "Your trial ends tomorrow at 9:00\N{NO-BREAK SPACE}AM"
    subjects = ["Your trial ends in 7 days", "Your trial ends in 3 days", tomorrow]
    for _ in range(28):
        await clock.advance(12 * HOUR)
        await drained(porchlight)
    assert await drained(porchlight) == [*subjects, f"A last reminder: y{tomorrow[1:]}"]
    with porchlight.app.database.bound():
        await trials.end_all(porchlight.app, {})
    await clock.advance(7 * DAY)
    assert (await drained(porchlight))[4:] == ["Pro is still there"]
    with porchlight.app.database.bound():
        await Job.filter(dedup_key__contains=":win_back:").update(due_at=clock.now(), done_at=None)
        assert await Event.filter(name="trial.win_back_sent").count() == 1
    assert len(await drained(porchlight)) == 5
    body = sorted(letters(porchlight), key=sent)[1].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Ends: Monday, March 16, 2026 at 9:00\N{NO-BREAK SPACE}AM (UTC)" in text
    assert "Nothing is charged: then your account goes on with Free." in text


async def test_a_late_worker_sends_the_latest_alone(porchlight: Porchlight, clock: ManualClock) -> None:
    """Reminders that have been overtaken are not sent, and none after the end."""
    await porchlight.register()
    await clock.advance(11 * DAY)
    assert await drained(porchlight) == ["Your trial ends in 3 days"]
    await clock.advance(3 * DAY)
    assert await drained(porchlight) == ["Your trial ends in 3 days"]


@pytest.mark.parametrize("name", ["cancel", "convert", "pause"])
async def test_decisions_silence_reminders(porchlight: Porchlight, clock: ManualClock, name: str) -> None:
    """Neither who has paid nor who has left nor who pauses is reminded; nobody is asked back who has paid or left."""
    person = await porchlight.register()
    await (told if name == "convert" else do)(porchlight, person, name)
    await clock.advance(8 * DAY)
    assert await drained(porchlight) == []


@pytest.mark.parametrize("field", ["suspended_at", "deletion_at"])
async def test_who_is_going_is_not_written_to(porchlight: Porchlight, clock: ManualClock, field: str) -> None:
    """Suspended, or on the way to be deleted; and nobody is left once they are."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(**{field: START + 300 * DAY})
    await clock.advance(8 * DAY)
    assert await drained(porchlight) == []
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).delete()
        for letter in (reminders.REMIND, reminders.WIN_BACK):
            about = {"trial_id": 1, "user_id": 1, "ends_at": START.isoformat(), "offset": 7}
            await send(porchlight.app, letter, about, delivery=letter)


async def win_back_of(app: App, trial: Trial) -> None:
    with app.database.bound():
        await MailDelivery.all().delete()
        late = (trial.ends_at + reminders.WIN_BACK_UNTIL).isoformat()
        about = {"trial_id": trial.id, "ends_at": trial.ends_at.isoformat(), "not_after": late}
        await send(app, reminders.WIN_BACK, about)


async def test_only_who_expired_lately_is_asked_back(porchlight: Porchlight, clock: ManualClock) -> None:
    """Not while the trial runs, and not when the worker had been away for long."""
    person = await porchlight.register()
    trial = await stored(porchlight, person)
    await win_back_of(porchlight.app, trial)
    await clock.advance(28 * DAY + timedelta(seconds=1))
    await win_back_of(porchlight.app, trial)
    assert letters(porchlight) == []


async def test_a_resumed_trial_is_reminded_of_its_new_end(porchlight: Porchlight, clock: ManualClock) -> None:
    """The reminders of the old end say nothing any more."""
    person = await porchlight.register()
    await do(porchlight, person, "pause")
    await clock.advance(timedelta(minutes=5))
    await do(porchlight, person, "resume")
    found = await due_of(porchlight, person)
    assert (sorted(found), found[7]) == (sorted(OFFSETS), at("2026-03-09T09:05"))
    await clock.advance(7 * DAY - timedelta(minutes=1))
    assert await drained(porchlight) == []
    await clock.advance(timedelta(minutes=1))
    assert await drained(porchlight) == ["Your trial ends in 7 days"]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"end_policy": EndPolicy.BILL, "billable_at": START}, "Then the payment method on file is charged"),
        ({"end_policy": EndPolicy.BILL}, "Nothing is charged: then it is over."),
        (
            {"end_policy": EndPolicy.BILL, "revert_to": "free"},
            "Nothing is charged: then your account goes on with Free.",
        ),
        ({"end_policy": EndPolicy.PAUSE}, "Nothing is charged: then it is halted until you decide."),
        ({"end_policy": EndPolicy.CANCEL}, "Nothing is charged: then it is over."),
    ],
)
def test_only_who_will_be_charged_is_told_so(porchlight: Porchlight, facts: dict[str, Any], says: str) -> None:
    """What follows the end is what the row says."""
    trial = Trial(plan_key="pro-monthly", started_at=START, ends_at=START + DAY, **facts)
    assert reader_of("en").tell(what_follows(porchlight.app, trial)).startswith(says)
