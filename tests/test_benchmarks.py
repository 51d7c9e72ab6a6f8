"""The benchmark's own parts: what it seeds, what it compares with, and how it counts."""

import asyncio
import math
import re
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import orjson
import pytest

from benchmarks import operations, report, seeding
from benchmarks.countdown import follow
from benchmarks.figures import Countdown, Figures, latency, percentile
from benchmarks.generator import Plan, Sample, read, together
from benchmarks.processes import Process
from benchmarks.seeding import Seeded
from benchmarks.statements import count
from benchmarks.timing.asking import ask, newcomers, register
from benchmarks.timing.operations import OPERATIONS
from benchmarks.timing.separation import separation, uncertainty
from core.clock import SystemClock
from core.settings import Settings
from services.app import opened
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight, prepared
from tests.services.valkey import until

PEOPLE, ITEMS = 12, 120
SHOTS = operations.mixed(["t"], ["a@example.com"], 100)
EMPTY = Countdown(2, 1, [1.0, 3.0], 0.5, None, None, 3, 0)


@pytest.fixture
def clock() -> ManualClock:
    """Well ahead of the machine's time, with which the client of the countdowns compares."""
    return ManualClock(SystemClock().now() + timedelta(hours=1))


@pytest.fixture
async def seeded(settings: Settings, clock: ManualClock) -> Seeded:
    """A database with a few people and items."""
    app = prepared(settings, clock)
    async with opened(app):
        return await seeding.seed(app, people=PEOPLE, items=ITEMS)


@pytest.fixture
async def serving(seeded: Seeded, start: Start) -> Porchlight:
    """A server over it, whose vectors are loaded."""
    assert seeded.tokens
    porchlight = await start()
    await until(lambda: porchlight.app.items.ready)
    return porchlight


async def test_shots_are_answered_as_they_expect(serving: Porchlight, seeded: Seeded) -> None:
    """A feed, a sign-in and a registration each find the text by which the load generator tells success."""
    shots = [
        operations.feeds(seeded.tokens)[-1],
        operations.logins(seeded.emails)[-1],
        operations.registrations("new", 1)[0],
    ]
    for shot in shots:
        answer = await serving.http.request(shot.method, shot.path, content=shot.body, headers=shot.headers)
        assert answer.status_code == 200
        assert shot.expected in answer.text


async def test_statements_are_counted(seeded: Seeded, settings: Settings, clock: ManualClock) -> None:
    """What each operation costs; a tick costs nothing."""
    counted = await count(settings, seeded, clock)
    assert counted == {"feed": 8, "login": 11, "register": 13, "countdown": 3, "tick": 0}


async def test_countdowns_are_followed(serving: Porchlight, seeded: Seeded, clock: ManualClock) -> None:
    """Each socket's ticks are counted from the next full second on, and their lag is that behind their own second."""
    followed = asyncio.create_task(follow(f"ws://127.0.0.1:{serving.port}/graphql", seeded.tokens[:3], 1))
    await until(lambda: serving.app.countdown.subscribers == 3)
    while not followed.done():
        await clock.run(1)
        await asyncio.sleep(0.05)
    lags = (await followed).lags
    assert len(lags) >= 3
    assert max(lags) < 0  # the server's clock is ahead of the client's


@pytest.mark.usefixtures("seeded")
async def test_seeding_is_not_undone_by_the_catalogue(settings: Settings) -> None:
    """The server finds that the catalogue has been brought in, and leaves the seeded items alone."""
    from models import Item, Job
    from services import recommendations

    app = prepared(settings)
    async with opened(app):
        await recommendations.announce(app)
        assert await Job.filter(done_at=None).count() == 0
        assert await Item.filter(retired_at=None).count() == ITEMS


def test_mixture_is_as_said() -> None:
    """90 % feed, 8 % sign-in, 2 % registration, each with an address of its own, the same each time."""
    kinds = [shot.kind for shot in operations.mixed(["a", "b"], ["c@example.com"], 5000)]
    assert {kind: round(kinds.count(kind) / 5000, 2) for kind in operations.MIX} == operations.MIX
    assert kinds == [shot.kind for shot in operations.mixed(["a", "b"], ["c@example.com"], 5000)]
    bodies = [shot.body for shot in operations.registrations("x", 3)]
    assert len(set(bodies)) == 3


def test_request_that_was_kept_back_is_charged_for_the_delay() -> None:
    """An answer of 2.5 s makes the next request of its connection 1.5 s late, and the one after that 0.6 s."""
    answers = [[0, 0, 2500.0, True], [0, 1, 100.0, True], [0, 2, 50.0, True], [0, 3, 5.0, True], [1, 4, 7.0, False]]
    printed = {"seconds": 5.0, "cpu": 0.1, "lost": 1, "answers": answers}
    steady = read(printed, Plan(SHOTS, 5, rate=2))
    assert sorted(chain(*steady.milliseconds.values())) == [5, 7, 650, 1600, 2500]
    assert steady.errors == 2
    unsteady = read(printed, Plan(SHOTS, 5, connections=2))
    assert sorted(chain(*unsteady.milliseconds.values())) == [5, 7, 50, 100, 2500]


def test_separation_is_how_often_one_exceeds_the_other() -> None:
    """Always, never, half of the time; equal times count half. Its error shrinks with the number of tries."""
    assert separation([3.0, 4.0], [1.0, 2.0]) == 1
    assert separation([1.0, 2.0], [3.0, 4.0]) == 0
    assert separation([1.0, 4.0], [2.0, 3.0]) == 0.5
    assert separation([1.0, 1.0], [1.0, 1.0, 1.0]) == 0.5
    assert separation([2.0, 3.0], [1.0, 2.0]) == 0.875
    assert round(uncertainty([0.0] * 2000, [0.0] * 2000), 4) == 0.0091


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_known_and_unknown_addresses_are_asked_about_in_turn(start: Start) -> None:
    """As often each, and the answer is that which is expected, for each operation."""
    serving = await start(rate_limits=False)
    server, known = Process(0, serving.port), newcomers()[:3]
    await asyncio.to_thread(register, server, known)
    for operation in OPERATIONS:
        asked = await asyncio.to_thread(ask, server, operation, known, 5)
        assert (len(asked.known), len(asked.unknown)) == (5, 5)
        assert min(asked.known + asked.unknown) > 0
        with pytest.raises(RuntimeError, match="data"):
            await asyncio.to_thread(ask, server, replace(operation, expected="nothing"), known, 1)
    with pytest.raises(RuntimeError, match="EmailTaken"):
        await asyncio.to_thread(register, server, known[:1])


def test_percentiles_are_by_nearest_rank() -> None:
    """Always a value that was measured."""
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([3.0], 0.5) == 3
    assert math.isnan(percentile([], 0.5))


def test_samples_of_several_turns_are_one() -> None:
    """Times and answers add up; the server's time is known only where each turn knew it."""
    first, second = Sample(2.0, {"feed": [1.0]}, 1, 0.5, 0.3), Sample(2.0, {"feed": [3.0]}, 0, 0.1, 0.1)
    assert together([first, second]) == Sample(4.0, {"feed": [1.0, 3.0]}, 1, 0.3, 0.4)
    assert together([first, Sample(2.0, {}, 0)]).server is None


def figures(*, answered: int, milliseconds: float) -> Figures:
    """Figures of a profile, made up."""
    sample = Sample(2.0, {"feed": [milliseconds] * answered}, 0, 0.1, 0.5)
    rows = [latency(name, sample, queries=6) for name in ("a", "b", "c", "d", "e")]
    return Figures("embedded", rows, EMPTY, sample, planned=100)


def test_goals_are_met_or_missed() -> None:
    """By the mixed load's times, and by requests that were never sent."""
    assert [met for _, _, met in figures(answered=100, milliseconds=20).goals] == [True, True, True]
    assert [met for _, _, met in figures(answered=99, milliseconds=600).goals] == [False, False, False]


def test_paper_holds_both_profiles() -> None:
    """Tables with straight columns, the machine, the date and the load."""
    made = figures(answered=100, milliseconds=20)
    run = report.Run("a day", before="0.5", after="2.5", seconds=600)
    sections = dict.fromkeys(("goals", "peers", "documents"), "A table.")
    paper = report.paper([made, Figures("production", made.rows, EMPTY, made.mixed, 100)], sections, run)
    assert "$" not in paper
    assert paper.count("| mixed load ") == 2
    assert report.machine() in paper
    assert "a day" in paper
    assert paper.count("A table.") == 3
    table = report.tables(made).split("\n\n")[0].splitlines()
    assert len({len(line) for line in table}) == 1
    assert re.match(r"\| a +\|  +20\.0 \|", table[2])


def test_lock_of_the_generator_holds_hashes_and_no_address() -> None:
    """Any registry may serve its packages."""
    lock = orjson.loads((Path(operations.__file__).parent / "autocannon" / "package-lock.json").read_bytes())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []
