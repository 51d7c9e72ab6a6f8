"""What happens to a trial: owners pause, resume and cancel it, billing converts it, and its row says what holds."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.errors import NotFound
from models import AuditEvent, EndPolicy, Event, Role, Trial, TrialChange
from services import trials
from services.trials import TrialStatus, effective_plan, has_access, next_change, pausing, trial_status
from services.trials.pausing import LONGEST_PAUSE, MOST_PAUSES
from services.trials.status import CONVERTING, GRACE, ends_at, next_end, progress, seconds_left
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, staff

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
TOLD = "trial { status endsAt secondsLeft progress }"
CHANGE = {
    name: f"mutation {{ {name}Trial {{ __typename ... on Error {{ message }}"
    f" ... on {name.title()}TrialSuccess {{ {TOLD} }} }} }}"
    for name in ("pause", "resume", "cancel")
}
HISTORY = """query($user: ID!) { node(id: $user) { ... on User { trial { history {
  kind fromStatus toStatus endsAt reason at version actor { email }
} } } } }"""
EXTEND = 'mutation($user: ID!) { extendTrial(userId: $user, days: 7, reason: "asked") { __typename } }'


def row(days: float = 14, **facts: Any) -> Trial:
    """A trial that began at START."""
    return Trial(id=1, plan_key="pro", revert_to="free", started_at=START, ends_at=START + days * DAY, **facts)


async def do(porchlight: Porchlight, person: Person, name: str) -> Any:
    return (await porchlight.ask(CHANGE[name], token=person.access_token))[f"{name}Trial"]


async def stored(porchlight: Porchlight, person: Person) -> Trial:
    with porchlight.app.database.bound():
        return await Trial.get(user_id=person.user_id)


async def written(porchlight: Porchlight, person: Person) -> tuple[list[str], list[str], int]:
    """Kinds of history, names of the trial's events, and the version."""
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
        kinds = [change.kind.value for change in await TrialChange.filter(trial_id=trial.id).order_by("version")]
        names = [
            event.name for event in await Event.filter(user_id=person.user_id, name__startswith="trial.").order_by("id")
        ]
    return kinds, names, trial.version


BILLED: dict[str, Any] = {"end_policy": EndPolicy.BILL, "billable_at": START + DAY}


@pytest.mark.parametrize(
    ("facts", "after", "status", "access"),
    [
        ({}, 14 * DAY, TrialStatus.EXPIRED, False),
        ({"end_policy": EndPolicy.PAUSE}, 14 * DAY, TrialStatus.PAUSED, False),
        ({"end_policy": EndPolicy.CANCEL}, 14 * DAY, TrialStatus.CANCELED, False),
        ({"end_policy": EndPolicy.BILL}, 14 * DAY, TrialStatus.EXPIRED, False),
        ({"end_policy": EndPolicy.BILL, "billable_at": START + 14 * DAY}, 14 * DAY, TrialStatus.EXPIRED, False),
        (BILLED, 14 * DAY, TrialStatus.CONVERTING, True),
        (BILLED, 14 * DAY + CONVERTING - MOMENT, TrialStatus.CONVERTING, True),
        (BILLED, 14 * DAY + CONVERTING, TrialStatus.EXPIRED, False),
        (BILLED | {"charge_failed_at": START + 15 * DAY}, 15 * DAY + GRACE - MOMENT, TrialStatus.GRACE, True),
        (BILLED | {"charge_failed_at": START + 15 * DAY}, 15 * DAY + GRACE, TrialStatus.EXPIRED, False),
        ({"billable_at": START}, 14 * DAY, TrialStatus.EXPIRED, False),
        ({"canceled_at": START}, 14 * DAY - MOMENT, TrialStatus.CANCELED, True),
        ({"canceled_at": START}, 14 * DAY, TrialStatus.CANCELED, False),
        ({"converted_at": START}, 14 * DAY - MOMENT, TrialStatus.CONVERTED, True),
        ({"converted_at": START}, 14 * DAY, TrialStatus.CONVERTED, False),
        ({"paused_at": START, "resumes_at": START + DAY}, DAY - MOMENT, TrialStatus.PAUSED, False),
        ({"paused_at": START, "resumes_at": START + DAY}, DAY, TrialStatus.ACTIVE, True),
    ],
)
def test_the_row_says_status_and_access(
    facts: dict[str, Any],
    after: timedelta,
    status: TrialStatus,
    access: bool,  # ruff: ignore[boolean-type-hint-positional-argument] -- pytest gives it by name
) -> None:
    """At any moment, with nobody having run anything; who has no access has the plan that the trial reverts to."""
    trial, now = row(**facts), START + after
    assert (trial_status(trial, now), has_access(trial, now)) == (status, access)
    assert effective_plan(trial, now) == ("pro" if access else "free")


@pytest.mark.parametrize(("days", "ending"), [(14, 11), (6, 3), (5, 2.5), (1, 0.5)])
def test_ending_is_at_most_half_of_a_trial(days: float, ending: float) -> None:
    """Its last three days, and of a trial of less than six days the last half."""
    trial = row(days)
    assert trial_status(trial, START + ending * DAY - MOMENT) is TrialStatus.ACTIVE
    assert trial_status(trial, START + ending * DAY) is TrialStatus.ENDING


@pytest.mark.parametrize(
    ("facts", "moments"),
    [
        ({}, [11 * DAY, 14 * DAY]),
        ({"canceled_at": START}, [14 * DAY]),
        ({"converted_at": START}, [14 * DAY]),
        (BILLED, [11 * DAY, 14 * DAY, 14 * DAY + CONVERTING]),
        ({"end_policy": EndPolicy.PAUSE}, [11 * DAY, 14 * DAY]),
        ({"paused_at": START, "resumes_at": START + 2 * DAY}, [2 * DAY, 11 * DAY, 14 * DAY]),
        ({"paused_at": START, "resumes_at": START + 12 * DAY}, [12 * DAY, 14 * DAY]),
    ],
)
def test_next_changes_follow_each_other(facts: dict[str, Any], moments: list[timedelta]) -> None:
    """Each moment at which time alone changes status or access, in order, and no others."""
    trial, found, now = row(**facts), [], START
    while (moment := next_change(trial, now)) is not None:
        found.append(moment - START)
        now = moment
    assert found == moments


def test_a_trial_that_ended_paused_counts_nothing_down() -> None:
    """It has no end to tell, nothing left, and nothing is due."""
    trial, now = row(end_policy=EndPolicy.PAUSE), START + 20 * DAY
    assert (ends_at(trial, now), seconds_left(trial, now), progress(trial, now)) == (None, 0, 1.0)
    assert next_end(trial, now) is None


async def test_a_pause_keeps_the_time_that_is_left(porchlight: Porchlight, clock: ManualClock) -> None:
    """To the second, however long it lasts; progress stands still too."""
    person = await porchlight.register()
    await clock.advance(timedelta(minutes=5))
    left = 14 * 86_400 - 300
    paused = await do(porchlight, person, "pause")
    share = pytest.approx(300 / (14 * 86_400))
    told = {"status": "PAUSED", "endsAt": None, "secondsLeft": left, "progress": share}
    assert paused == {"__typename": "PauseTrialSuccess", "trial": told}
    await clock.advance(timedelta(minutes=4))
    mine = (await porchlight.ask(f"{{ me {{ {TOLD} }} }}", token=person.access_token))["me"]["trial"]
    assert mine == told
    assert not has_access(await stored(porchlight, person), clock.now())
    resumed = await do(porchlight, person, "resume")
    end = (clock.now() + timedelta(seconds=left)).isoformat()
    told = {"status": "ACTIVE", "endsAt": end, "secondsLeft": left, "progress": share}
    assert resumed == {"__typename": "ResumeTrialSuccess", "trial": told}
    assert await written(porchlight, person) == (
        ["STARTED", "PAUSED", "RESUMED"],
        ["trial.started", "trial.paused", "trial.resumed"],
        3,
    )


async def test_a_pause_ends_by_itself(porchlight: Porchlight, clock: ManualClock) -> None:
    """After 30 days the trial runs on, and nobody has to write that down."""
    person = await porchlight.register()
    await do(porchlight, person, "pause")
    trial = await stored(porchlight, person)
    assert trial_status(trial, START + LONGEST_PAUSE - MOMENT) is TrialStatus.PAUSED
    assert trial_status(trial, START + LONGEST_PAUSE) is TrialStatus.ACTIVE
    assert ends_at(trial, START + LONGEST_PAUSE) == START + LONGEST_PAUSE + 14 * DAY
    with porchlight.app.database.bound():
        await Trial.filter(id=trial.id).update(resumes_at=clock.now())
    assert (await do(porchlight, person, "resume"))["__typename"] == "TrialNotResumable"


async def test_pauses_cannot_be_farmed(porchlight: Porchlight, clock: ManualClock) -> None:
    """Two, and then no more: a trial does not stretch over the days on which it is used."""
    person = await porchlight.register()
    for _ in range(MOST_PAUSES):
        assert (await do(porchlight, person, "pause"))["__typename"] == "PauseTrialSuccess"
        await clock.advance(timedelta(seconds=1))
        assert (await do(porchlight, person, "resume"))["__typename"] == "ResumeTrialSuccess"
    refused = await do(porchlight, person, "pause")
    assert refused == {
        "__typename": "TrialNotPausable",
        "message": "Only a running trial can be paused, and no more than 2 times.",
    }
    trial = await stored(porchlight, person)
    assert (trial.version, trial.ends_at) == (5, START + 14 * DAY + timedelta(seconds=2))


async def test_ten_pauses_at_once_are_one(porchlight: Porchlight) -> None:
    """The version decides; the others see that it is paused."""
    person = await porchlight.register()
    found = await asyncio.gather(*(do(porchlight, person, "pause") for _ in range(10)))
    names = sorted(result["__typename"] for result in found)
    assert names == ["PauseTrialSuccess", *["TrialNotPausable"] * 9]
    assert await written(porchlight, person) == (["STARTED", "PAUSED"], ["trial.started", "trial.paused"], 2)


async def test_who_is_overtaken_decides_anew(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is not written on when somebody else has changed the row meanwhile."""
    person, decide, reads = await porchlight.register(), pausing._paused, []

    def overtaken(trial: Trial, now: datetime) -> Any:
        reads.append(trial.version)
        facts = decide(trial, now)
        trial.version -= len(reads) == 1  # as if it had been read before somebody else's change
        return facts

    monkeypatch.setattr(pausing, "_paused", overtaken)
    assert (await do(porchlight, person, "pause"))["__typename"] == "PauseTrialSuccess"
    assert reads == [1, 1]
    assert await written(porchlight, person) == (["STARTED", "PAUSED"], ["trial.started", "trial.paused"], 2)


@pytest.mark.parametrize("name", ["pause", "resume", "cancel"])
async def test_who_has_no_trial(porchlight: Porchlight, name: str) -> None:
    """The anonymous are asked to sign in; who has no trial is told so."""
    assert await porchlight.codes(CHANGE[name]) == ["UNAUTHENTICATED"]
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await Trial.all().delete()
    assert await porchlight.codes(CHANGE[name], token=person.access_token) == ["NOT_FOUND"]


async def test_a_canceled_trial_lasts_until_its_end(porchlight: Porchlight) -> None:
    """Access stays; nothing more can be done with it, by its owner or by support."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    result = await do(porchlight, person, "cancel")
    assert result["trial"] == {
        "status": "CANCELED",
        "endsAt": "2026-03-16T09:00:00+00:00",
        "secondsLeft": 0,
        "progress": 0.0,
    }
    trial = await stored(porchlight, person)
    assert (trial.due_at, has_access(trial, START)) == (None, True)
    for name, refusal in (
        ("pause", "TrialNotPausable"),
        ("resume", "TrialNotResumable"),
        ("cancel", "TrialNotCancelable"),
    ):
        assert (await do(porchlight, person, name))["__typename"] == refusal
    extended = await porchlight.ask(EXTEND, {"user": id_of(person)}, token=actor.access_token)
    assert extended["extendTrial"] == {"__typename": "TrialNotExtendable"}
    assert await written(porchlight, person) == (["STARTED", "CANCELED"], ["trial.started", "trial.canceled"], 2)


async def test_canceling_a_paused_trial_ends_it(porchlight: Porchlight, clock: ManualClock) -> None:
    """There was no access, and there will be none."""
    person = await porchlight.register()
    await do(porchlight, person, "pause")
    await clock.advance(timedelta(seconds=9))
    result = (await do(porchlight, person, "cancel"))["trial"]
    assert (result["status"], result["endsAt"]) == ("CANCELED", clock.now().isoformat())
    assert not has_access(await stored(porchlight, person), clock.now())


async def test_extending_a_paused_trial_lengthens_what_is_left(porchlight: Porchlight) -> None:
    """It stays paused."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    await do(porchlight, person, "pause")
    await porchlight.ask(EXTEND, {"user": id_of(person)}, token=actor.access_token)
    trial = await stored(porchlight, person)
    assert (trial_status(trial, START), seconds_left(trial, START)) == (TrialStatus.PAUSED, 21 * 86_400)


async def test_owner_and_support_read_the_history(porchlight: Porchlight) -> None:
    """The owner sees that support did it and why, not who; others see nothing."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    other = await porchlight.register("grace@example.com")
    await porchlight.ask(EXTEND, {"user": id_of(person)}, token=actor.access_token)
    with porchlight.counting_queries() as statements:
        mine = await porchlight.ask(HISTORY, {"user": id_of(person)}, token=person.access_token)
    assert len(statements) == 3  # session with trial, its history, who did it
    at, end = "2026-03-02T09:00:00+00:00", "2026-03-16T09:00:00+00:00"
    began: dict[str, Any] = {
        "kind": "STARTED",
        "fromStatus": None,
        "toStatus": "ACTIVE",
        "endsAt": end,
        "reason": None,
        "at": at,
    }
    extended: dict[str, Any] = {
        "kind": "EXTENDED",
        "fromStatus": "ACTIVE",
        "toStatus": "ACTIVE",
        "at": at,
        "reason": "asked",
    }
    extended |= {"endsAt": "2026-03-23T09:00:00+00:00", "version": 2}
    began |= {"version": 1, "actor": {"email": person.email}}
    assert mine["node"]["trial"]["history"] == [extended | {"actor": None}, began]
    theirs = await porchlight.ask(HISTORY, {"user": id_of(person)}, token=actor.access_token)
    assert theirs["node"]["trial"]["history"] == [extended | {"actor": {"email": actor.email}}, began]
    answer = (await porchlight.post(HISTORY, {"user": id_of(person)}, token=other.access_token)).json()
    assert "history" not in str(answer["data"])
    with porchlight.app.database.bound():
        assert await AuditEvent.filter(action="trial.extended").count() == 1


async def told(porchlight: Porchlight, person: Person, name: str) -> Trial:
    """Tell a trial what billing would."""
    app = porchlight.app
    async with app.database.transaction():
        trial: Trial = await getattr(trials, name)(app, person.user_id)
    await trials.tell_of(app, trial)
    return trial


async def test_billing_converts_a_trial_once(porchlight: Porchlight) -> None:
    """The second time changes nothing. Who pays gets all of the plan, though the trial was a smaller one."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(quota_percent=10)
    for _ in range(2):
        trial = await told(porchlight, person, "convert")
        assert (trial.converted_at, trial.due_at, trial.version) == (START, None, 2)
    assert (await stored(porchlight, person)).quota_percent == 100
    assert await written(porchlight, person) == (["STARTED", "CONVERTED"], ["trial.started", "trial.converted"], 2)
    with porchlight.app.database.bound(), pytest.raises(NotFound):
        await trials.convert(porchlight.app, 999)


async def test_a_charge_that_fails_brings_grace(porchlight: Porchlight, clock: ManualClock) -> None:
    """Only while it is awaited, and only once; a later payment converts all the same."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(end_policy=EndPolicy.BILL)
    assert (await told(porchlight, person, "charge_failed")).version == 1
    for _ in range(2):
        assert (await told(porchlight, person, "payment_method_added")).version == 2
    await clock.advance(14 * DAY)
    assert trial_status(await stored(porchlight, person), clock.now()) is TrialStatus.CONVERTING
    failed = await told(porchlight, person, "charge_failed")
    assert failed.due_at == clock.now() + GRACE
    await clock.advance(DAY)
    assert (await told(porchlight, person, "charge_failed")).charge_failed_at == clock.now() - DAY
    assert trial_status(await told(porchlight, person, "convert"), clock.now()) is TrialStatus.CONVERTED


async def test_a_payment_method_counts_once(porchlight: Porchlight, clock: ManualClock) -> None:
    """When it comes after the end, too: the second one is no change."""
    person = await porchlight.register()
    await clock.advance(15 * DAY)
    first = clock.now()
    for _ in range(2):
        assert (await told(porchlight, person, "payment_method_added")).billable_at == first
        await clock.advance(DAY)
    assert (await written(porchlight, person))[0].count("PAYMENT_METHOD_ADDED") == 1


async def test_countdowns_hear_of_each_change(start: Start) -> None:
    """A pause, with the time that stands still and no end, and then the decision that ends it."""
    porchlight = await start()
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(
            "subscription { trialCountdown(everySeconds: 3600) { status endsAt secondsLeft version } }"
        )
        await connection.next()
        await do(porchlight, person, "pause")
        assert (await connection.next())["data"]["trialCountdown"] == {
            "status": "PAUSED",
            "endsAt": None,
            "secondsLeft": 14 * 86_400,
            "version": 2,
        }
        await told(porchlight, person, "convert")
        assert (await connection.next())["data"]["trialCountdown"]["status"] == "CONVERTED"
