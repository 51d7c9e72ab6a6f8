"""Ends that time brings: written down once, whoever races for them, and access that waits for nobody."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, nullcontext
from datetime import timedelta
from typing import Any

import pytest

from core.settings import Settings
from models import EndPolicy, Event, Job, Trial, TrialChange, User
from services import trials
from services.app import App, open_app
from services.trials import TrialStatus, ending, has_access
from services.trials.reminders import WIN_BACK_AFTER
from services.trials.status import CONVERTING
from tests.clock import START, ManualClock
from tests.letters_by_hand import waiting
from tests.porchlight import Porchlight

DAY = timedelta(days=1)
END = START + 14 * DAY
BILLED: dict[str, Any] = {"end_policy": EndPolicy.BILL, "billable_at": START}


@pytest.fixture
async def apps(settings: Settings, clock: ManualClock) -> AsyncGenerator[list[App]]:
    """Four processes' worth of applications over one database, each with connections of its own."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_app(settings, clock=clock)) for _ in range(4)]


async def seed(app: App, number: int, **facts: Any) -> None:
    """Trials that all end at END."""
    with app.database.bound():
        people = [
            User(id=pk, email=f"{pk}@example.com", email_key=f"{pk}@example.com", password_hash="-", created_at=START)
            for pk in range(1, number + 1)
        ]
        await User.bulk_create(people, batch_size=2_000)
        rows = [
            Trial(
                id=user.id,
                user_id=user.id,
                person_key=user.email,
                plan_key="pro-monthly",
                revert_to="free",
                started_at=START,
                ends_at=END,
                due_at=END,
                **facts,
            )
            for user in people
        ]
        await Trial.bulk_create(rows, batch_size=1_000)


async def end_all(app: App) -> None:
    """What one worker does."""
    with app.database.bound():
        await trials.end_all(app, {})


async def test_four_workers_end_each_trial_once(apps: list[App], clock: ManualClock) -> None:
    """20,000 that end in the same second give 20,000 transitions and 20,000 jobs; on SQLite 2,000 do."""
    number = 20_000 if apps[0].database.dialect == "postgres" else 2_000
    await seed(apps[0], number)
    await clock.advance(14 * DAY)
    await asyncio.gather(*map(end_all, apps))
    with apps[0].database.bound():
        assert await Trial.filter(due_at=None, version=2).count() == number
        assert await TrialChange.filter(kind="ENDED", from_status="ENDING", to_status="EXPIRED").count() == number
        assert len(set(await TrialChange.all().values_list("trial_id", flat=True))) == number
        assert await TrialChange.all().count() == await Event.filter(name="trial.ended").count() == number
        assert await Job.filter(dedup_key__contains=":win_back:", due_at=END + WIN_BACK_AFTER).count() == number
        assert len(await waiting("trial_win_back")) == number


async def test_one_statement_claims(apps: list[App], clock: ManualClock) -> None:
    """No trial is claimed twice, by whoever of eight at once, and none before its end."""
    await seed(apps[0], 100)
    await clock.advance(14 * DAY - timedelta(microseconds=1))

    async def claimed(app: App) -> list[int]:
        async with app.database.transaction():
            return await ending._claim(app, clock.now(), 30)

    assert await claimed(apps[0]) == []
    await clock.advance(timedelta(microseconds=1))
    found = Counter(pk for ids in await asyncio.gather(*(claimed(app) for app in apps * 2)) for pk in ids)
    assert sorted(found) == list(range(1, 101))
    assert set(found.values()) == {1}


async def test_a_worker_that_dies_leaves_its_trials_to_others(
    apps: list[App], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claim and what follows are one transaction: nothing is written twice, nothing is lost."""
    await seed(apps[0], 10)
    await clock.advance(14 * DAY)

    def failing(*_: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(ending, "win_back", failing)
        with pytest.raises(ConnectionError):
            await end_all(apps[0])
    with apps[0].database.bound():
        assert await TrialChange.all().count() == await Event.all().count() == 0
    await end_all(apps[1])
    with apps[0].database.bound():
        assert (await TrialChange.all().count(), await Job.filter(dedup_key__contains=":win_back:").count()) == (10, 10)


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        ({"end_policy": EndPolicy.PAUSE}, [("ENDING", "PAUSED")]),
        ({"end_policy": EndPolicy.CANCEL}, [("ENDING", "CANCELED")]),
        (BILLED, [("ENDING", "CONVERTING"), ("CONVERTING", "EXPIRED")]),
        (BILLED | {"charge_failed_at": END}, [("ENDING", "GRACE"), ("GRACE", "EXPIRED")]),
    ],
)
async def test_each_policy_is_written_down(
    apps: list[App], clock: ManualClock, facts: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    """Step by step, and who is asked back is who has expired."""
    await seed(apps[0], 1, **facts)
    for wait in (14 * DAY, CONVERTING, CONVERTING):
        await clock.advance(wait)
        await end_all(apps[0])
    with apps[0].database.bound():
        changes = await TrialChange.all().order_by("id")
        assert [(change.from_status, change.to_status) for change in changes] == steps
        assert await Job.filter(dedup_key__contains=":win_back:").count() == (steps[-1][1] == "EXPIRED")
        assert await Trial.filter(due_at=None).count() == 1


async def test_a_worker_that_was_away_writes_one_change(apps: list[App], clock: ManualClock) -> None:
    """From where the trial stood last to where it stands, however much it has passed meanwhile."""
    await seed(apps[0], 1, **BILLED)
    await clock.advance(30 * DAY)
    await end_all(apps[0])
    with apps[0].database.bound():
        (change,) = await TrialChange.all()
    assert (change.from_status, change.to_status, change.version) == ("CONVERTING", "EXPIRED", 2)


async def test_access_ends_without_a_worker(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has written anything down, and still it is over, to the microsecond."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())
    person = await porchlight.register()
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    assert (trial.due_at, trial.version) == (END, 1)
    assert has_access(trial, END - timedelta(microseconds=1))
    assert (trials.trial_status(trial, END), has_access(trial, END)) == (TrialStatus.EXPIRED, False)
    with porchlight.app.database.bound():
        await Trial.filter(id=trial.id).update(ends_at=START)
    mine = await porchlight.ask("{ me { trial { status secondsLeft } } }", token=person.access_token)
    assert mine["me"]["trial"] == {"status": "EXPIRED", "secondsLeft": 0}
