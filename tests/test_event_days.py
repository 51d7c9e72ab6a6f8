"""Counts of days and the end of raw events: done by jobs, any number of times, late ones heeded."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from core.settings import Settings
from models import Event, EventDay, User
from services.analytics import CLIENT_NAMES, SERVER_NAMES, Name, keeping
from services.app import App, open_app
from tests.clock import START, ManualClock

DAY = timedelta(days=1)
TODAY = START.date()


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server, with two users."""
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            for number in (1, 2):
                await User.create(
                    id=number, email=f"{number}", email_key=f"{number}", password_hash="-", created_at=START
                )  # fmt: skip
            yield app


async def happened(name: Name, at: datetime, user_id: int = 1) -> None:
    await Event.create(name=name, version=1, user_id=user_id, at=at, properties={})


async def days() -> dict[tuple[Any, ...], tuple[int, int]]:
    """Counts and users by how many days ago, and name."""
    rows = await EventDay.all().order_by("-day", "name")
    return {((TODAY - row.day).days, row.name): (row.count, row.users) for row in rows}


def midnight(ago: int) -> datetime:
    return datetime.combine(TODAY - ago * DAY, START.timetz()).replace(hour=0)


def test_each_name_is_a_client_s_or_ours() -> None:
    """So that each has a time after which it is pruned, and an opt-out knows what it is about."""
    assert set(Name) == CLIENT_NAMES | SERVER_NAMES
    assert not CLIENT_NAMES & SERVER_NAMES


async def test_days_are_counted_in_utc_once_they_are_over(app: App) -> None:
    """From the first event on; a day's last microsecond is its own; today is left to tomorrow."""
    await keeping.roll(app, {})
    assert await days() == {}
    moment = timedelta(microseconds=1)
    for at, user_id in ((midnight(30), 1), (midnight(1), 1), (midnight(1), 1), (midnight(0) - moment, 2)):
        await happened(Name.PAGE_VIEWED, at, user_id)
    await happened(Name.TRIAL_STARTED, midnight(2) - moment)
    await happened(Name.TRIAL_STARTED, midnight(0))
    counted = {(1, "page.viewed"): (3, 2), (3, "trial.started"): (1, 1), (30, "page.viewed"): (1, 1)}
    for _ in range(2):
        await keeping.roll(app, {})
        assert await days() == counted
    await asyncio.gather(*(keeping.roll(app, {}) for _ in range(3)))
    assert await days() == counted


async def test_late_and_deleted_events_change_the_days_that_may_still_change(app: App) -> None:
    """For eight days; what is older is as it was counted, whatever happens to the events."""
    for ago in (1, 8, 9):
        await happened(Name.PAGE_VIEWED, midnight(ago))
    await keeping.roll(app, {})
    for ago in (3, 8, 9):
        await happened(Name.PAGE_VIEWED, midnight(ago), 2)
    await Event.filter(user_id=1).delete()
    await keeping.roll(app, {})
    assert await days() == {(3, "page.viewed"): (1, 1), (8, "page.viewed"): (1, 1), (9, "page.viewed"): (1, 1)}
    assert (await EventDay.get(day=TODAY - 9 * DAY)).users == 1


async def test_days_without_a_worker_are_made_up_for(app: App, clock: ManualClock) -> None:
    """Also when they are more than those that late events may change."""
    await happened(Name.PAGE_VIEWED, midnight(1))
    await keeping.roll(app, {})
    await clock.advance(40 * DAY)
    for ahead in (0, 5, 39):
        await happened(Name.PAGE_VIEWED, midnight(-ahead))
    await keeping.roll(app, {})
    assert await days() == {(-ahead, "page.viewed"): (1, 1) for ahead in (39, 5, 0, -1)}


async def test_events_go_when_their_time_is_over(app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients' after 90 days, the server's after 400, in batches, and never before their day is counted."""
    monkeypatch.setattr(keeping, "BATCH", 2)
    for ago in (0, 89, 90, 91, 92, 93, 94, 400, 401):
        for name in (Name.PAGE_VIEWED, Name.TRIAL_STARTED):
            await happened(name, midnight(ago))
    await keeping.prune(app, {})
    assert await Event.all().count() == 18
    await keeping.roll(app, {})
    await keeping.prune(app, {})
    left = [((TODAY - event.at.date()).days, event.name) for event in await Event.all().order_by("-at", "name")]
    clients, servers = (0, 89, 90), (0, 89, 90, 91, 92, 93, 94, 400)
    assert left == sorted([(ago, "page.viewed") for ago in clients] + [(ago, "trial.started") for ago in servers])
    assert len(await days()) == 16
    await clock.advance(200 * DAY)
    await keeping.prune(app, {})
    assert await Event.filter(name=Name.PAGE_VIEWED).values_list("at", flat=True) == [midnight(0)]
    await keeping.roll(app, {})
    for figure in ("BATCH", "BATCHES"):
        monkeypatch.setattr(keeping, figure, 1)
    await keeping.prune(app, {})
    assert await Event.filter(name=Name.PAGE_VIEWED).count() == 0
    assert isinstance((await EventDay.all().order_by("-day").first() or EventDay()).day, date)
