"""Reminders of a trial's end, and the letter that asks back: when they are due, what they say, when none is sent."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import EndPolicy, Event, Job, MailDelivery, Trial, User
from services import trials
from services.app import App
from services.languages import by_day, reader_of
from services.trials import reminders
from services.trials.reminders import OFFSETS, what_follows
from tests.clock import START, ManualClock
from tests.letters_by_hand import send, waiting
from tests.porchlight import Person, Porchlight
from tests.test_trial_lifecycle import do, stored, told
from tests.traces import drain, letters

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONES = ["UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]


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
    for hours in [10, 14] * 14:
        await clock.advance(hours * HOUR)
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


ZONE = "mutation($timezone: String, $locale: String) { updateProfile(timezone: $timezone, locale: $locale) { id } }"


async def moved(porchlight: Porchlight, person: Person, timezone: str | None, locale: str = "de") -> None:
    await porchlight.ask(ZONE, {"timezone": timezone, "locale": locale}, token=person.access_token)


@pytest.mark.parametrize(
    ("timezone", "due"),
    [
        # The trial ends on 16 March at 9 h UTC; summer time begins in New York on the 8th.
        ("America/New_York", ["2026-03-08T23:00", "2026-03-12T23:00", "2026-03-14T23:00", "2026-03-15T23:00"]),
        ("Pacific/Apia", ["2026-03-09T06:00", "2026-03-13T06:00", "2026-03-15T06:00", "2026-03-16T06:00"]),
        ("Asia/Kathmandu", ["2026-03-09T09:00", "2026-03-13T09:00", "2026-03-15T09:00", "2026-03-16T06:00"]),
    ],
)
async def test_reminders_follow_their_reader(porchlight: Porchlight, timezone: str, due: list[str]) -> None:
    """A new time zone moves what is still to come, and back: one look at the jobs, and one statement for each."""
    person = await porchlight.register()
    before = await due_of(porchlight, person)
    await moved(porchlight, person, None)
    assert await due_of(porchlight, person) == before
    with porchlight.counting_queries() as statements:
        await moved(porchlight, person, timezone)
    changed = sum(old != at(new) for old, new in zip(before.values(), due, strict=True))
    assert len([each for each in statements if "jobs" in each]) == 1 + changed
    assert await due_of(porchlight, person) == dict(zip([7, 3, 1, 0], map(at, due), strict=True))
    await moved(porchlight, person, "UTC")
    assert await due_of(porchlight, person) == before


async def test_no_letter_comes_by_night(porchlight: Porchlight, clock: ManualClock) -> None:
    """A worker that comes back at night leaves the letter for the morning, when it speaks the language of then."""
    person = await porchlight.register()
    await moved(porchlight, person, "Asia/Kathmandu", "en")
    await clock.advance(7 * DAY + 8 * HOUR)  # 22:45 there
    assert await drained(porchlight) == []
    assert await drained(porchlight) == []
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(locale="de")
    await clock.advance(10 * HOUR + 14 * timedelta(minutes=1))
    assert await drained(porchlight) == []
    await clock.advance(timedelta(minutes=1))
    assert await drained(porchlight) == ["Ihre Testzeit endet in 6 Tagen"]


async def test_who_will_be_charged_is_told_even_by_night(porchlight: Porchlight, clock: ManualClock) -> None:
    """A charge is announced however late it is; everybody else is spared."""
    for address, charged in (("ada@example.com", True), ("grace@example.com", False)):
        person = await porchlight.register(address)
        trial = await stored(porchlight, person)
        if charged:
            with porchlight.app.database.bound():
                await Trial.filter(id=trial.id).update(end_policy=EndPolicy.BILL, billable_at=START)
    await clock.advance(14 * DAY - 2 * HOUR)
    assert await drained(porchlight) == ["Your trial ends today at 9:00\N{NO-BREAK SPACE}AM"]
    assert [letter["To"] for letter in letters(porchlight) if "ends" in letter["Subject"]] == ["ada@example.com"]


async def test_nobody_is_asked_back_by_night(porchlight: Porchlight, clock: ManualClock) -> None:
    """Nor is it forgotten: the letter comes in the morning, once."""
    await porchlight.register()
    await clock.advance(14 * DAY)
    with porchlight.app.database.bound():
        await Job.all().delete()
        await trials.end_all(porchlight.app, {})
    await clock.advance(7 * DAY + 14 * HOUR)
    assert await drained(porchlight) == []
    await clock.advance(10 * HOUR)
    assert await drained(porchlight) == ["Pro is still there"]


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES), st.sampled_from(OFFSETS))  # ruff: ignore[call-datetime-without-tzinfo] -- hypothesis wants them so
def test_reminders_are_true_wherever_they_are_read(moment: datetime, name: str, offset: int) -> None:
    """By day, before the end, and never of fewer days than are left by the reader's calendar."""
    end, reader = moment.replace(tzinfo=UTC), reader_of("en", name)
    due = by_day(end - (timedelta(days=offset) or reminders.LAST_CALL), reader.zone)
    says = reader.tell(reminders.when(end, due, reader, last=offset == 0))
    left = end.astimezone(reader.zone).date() - due.astimezone(reader.zone).date()
    assert due < end
    assert left.days in {offset, offset + 1}
    assert {0: "today", 1: "tomorrow"}.get(left.days, f"in {left.days} days") in says
