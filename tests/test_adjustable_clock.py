"""The clock that development moves by hand: it only goes forward, and every process that is open follows."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from core.clock import AdjustableClock, Clock, SystemClock
from core.errors import BadUserInput
from core.settings import Settings, SettingsError
from models import ClockOffset
from services import clock as clocks
from services.app import assemble, open_app
from tests.mailbox import outbox
from tests.porchlight import SECRET, running, settings_for
from tests.program import ROOT, Programs
from tests.services.valkey import until
from worker import clock as program

DAY = timedelta(days=1)
ALMOST = timedelta(seconds=5)


def near(moment: datetime, other: datetime) -> bool:
    return abs(moment - other) < ALMOST


@pytest.mark.parametrize(
    ("text", "step"),
    [("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("36h", timedelta(hours=36)), ("14d", 14 * DAY)],
)
def test_steps_are_read(text: str, step: timedelta) -> None:
    """Seconds, minutes, hours, days; nothing at all is no step."""
    assert program.step_of(text) == step
    assert program.step_of("") == timedelta(0)


@pytest.mark.parametrize("text", ["14", "d", "-1d", "1w", "1.5h", "0d", "14d ", "1d2h", "٣d", "1" * 10 + "s"])
def test_other_steps_are_refused(text: str) -> None:
    """In words, before anything is opened."""
    with pytest.raises(SettingsError, match="ADVANCE: a number of seconds, minutes, hours or days"):
        program.step_of(text)


async def test_sleepers_wake_when_their_time_has_come() -> None:
    """A move wakes who has slept enough, however real the seconds were to be; who has not sleeps on."""
    clock: Clock = AdjustableClock()
    assert isinstance(clock, AdjustableClock)
    assert near(clock.now(), SystemClock().now())
    short, long = (asyncio.create_task(clock.sleep(seconds)) for seconds in (3600, 7200))
    await asyncio.sleep(0)
    clock.set_ahead(timedelta(hours=1))
    await asyncio.wait_for(short, 1)
    assert not long.done()
    clock.set_ahead(timedelta(hours=1))
    clock.set_ahead(timedelta(hours=2))
    await asyncio.wait_for(long, 1)
    assert near(clock.now(), SystemClock().now() + timedelta(hours=2))
    await clock.sleep(0.01)
    await clock.sleep(-1)


def test_the_clock_is_chosen_by_the_settings(tmp_path: Path) -> None:
    """The machine's, unless development asks for one that it can move."""
    settings = settings_for(f"sqlite://{tmp_path / 'x'}", "", f"outbox://{tmp_path}")
    assert type(assemble(settings).clock) is SystemClock
    assert type(assemble(adjustable(settings)).clock) is AdjustableClock


def adjustable(settings: Settings) -> Settings:
    from dataclasses import replace

    return replace(settings, clock="adjustable")


async def test_every_process_follows(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One moves it, at once for itself; another that was open follows, one that opens later begins there."""
    monkeypatch.setattr(clocks, "LOOK_EVERY", 0.01)
    settings = adjustable(settings)
    async with open_app(settings) as one, open_app(settings) as other:
        real = SystemClock().now()
        await asyncio.gather(clocks.advance(one, 14 * DAY), clocks.advance(one, timedelta(seconds=90)))
        moved = real + 14 * DAY + timedelta(seconds=90)
        assert near(one.clock.now(), moved)
        await until(lambda: near(other.clock.now(), moved))
        async with open_app(settings) as third:
            assert near(third.clock.now(), moved)


async def test_it_moves_forward_only_and_not_for_ever(settings: Settings) -> None:
    """A step back, a step of nothing and one beyond a century are refused, and change nothing."""
    async with open_app(adjustable(settings)) as app:
        await clocks.advance(app, 36_499 * DAY)
        for step in (timedelta(0), -DAY, 2 * DAY, 36_501 * DAY):
            with pytest.raises(BadUserInput):
                await clocks.advance(app, step)
        assert [row.ahead for row in await ClockOffset.all()] == [36_499 * 86_400]
    async with open_app(settings) as app:
        with pytest.raises(SettingsError, match="CLOCK: only an adjustable clock can be moved"):
            await clocks.advance(app, DAY)
        assert near(app.clock.now(), SystemClock().now())


async def test_a_lost_database_does_not_stop_the_clock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on as it goes, says so, and looks again."""
    monkeypatch.setattr(clocks, "LOOK_EVERY", 0.01)
    async with open_app(adjustable(settings)) as app:
        read = clocks._read
        failing: Any = AsyncMock(side_effect=OSError("away"))
        monkeypatch.setattr(clocks, "_read", failing)
        with capture_logs() as logs:
            await until(lambda: bool(logs))
        assert logs[0] == {"event": "clock.not_read", "log_level": "warning", "reason": "away"}
        monkeypatch.setattr(clocks, "_read", read)
        await clocks.advance(app, DAY)
        assert near(app.clock.now(), SystemClock().now() + DAY)


async def test_a_running_server_follows(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command moves the time of a server that runs: the open countdown ends, the letters before the end go out."""
    monkeypatch.setattr(clocks, "LOOK_EVERY", 0.05)
    settings = adjustable(settings)
    clock: Any = AdjustableClock()
    step = 12 * DAY + timedelta(hours=(10 - SystemClock().now().hour) % 24)  # reminders are not sent at night
    async with running(settings, clock) as porchlight:
        ada = await porchlight.register()
        async with porchlight.connect(token=ada.access_token) as socket:
            await socket.subscribe("subscription { trialCountdown { status secondsLeft } }")
            assert (await socket.next())["data"]["trialCountdown"]["status"] == "ACTIVE"
            async with open_app(settings) as command:
                await clocks.advance(command, step)
            await until(lambda: near(clock.now(), SystemClock().now() + step))
            while (tick := (await socket.next())["data"]["trialCountdown"])["secondsLeft"] > 2 * 86_400:
                pass
            assert tick["status"] == "ENDING"
        folder = Path(settings.mail_url.removeprefix("outbox://"))
        await until(lambda: any("ends" in letter["Subject"] for letter in outbox(folder)), 20)


async def test_the_command_tells_and_moves_time(sqlite_url: str, tmp_path: Path) -> None:
    """As programs of their own: the time alone, the new time, and a refusal in a sentence."""
    programs = Programs(tmp_path)
    shared = {"DATABASE_URL": sqlite_url, "SECRET_KEY": SECRET, "LOG_LEVEL": "warning"}
    told = programs.run("-m", "worker.clock", "", **shared)
    moved = programs.run("-m", "worker.clock", "36h", CLOCK="adjustable", **shared)
    refused = programs.run("-m", "worker.clock", "36h", **shared)
    assert [await each.ended() for each in (told, moved, refused)] == [0, 0, 2], moved.err
    form = "It is %A, %Y-%m-%d %H:%M:%S UTC.\n"
    now = SystemClock().now()
    assert abs(datetime.strptime(told.out, form).replace(tzinfo=UTC) - now) < timedelta(minutes=1)
    assert abs(datetime.strptime(moved.out, form).replace(tzinfo=UTC) - now - timedelta(hours=36)) < timedelta(
        minutes=1
    )
    assert "CLOCK: only an adjustable clock can be moved" in refused.err
    with pytest.raises(SettingsError, match="ADVANCE: The clock can be 36500 days ahead at most"):
        await program.moved(adjustable(settings_for(sqlite_url, "", f"outbox://{tmp_path}")), 36_500 * DAY)


def test_make_hands_the_step_over_as_data() -> None:
    """From the command line alone, and no shell reads it."""
    dry = ["make", "-n", "clock", "ADVANCE=1d$(shell echo b)`echo c`"]
    path = {"PATH": "/usr/bin:/bin", "ADVANCE": "9d"}
    said = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True, env=path).stdout
    assert '-m worker.clock "$ADVANCE"' in said
    assert "1d" not in said
