"""The servers that Porchlight is compared with: each gives the same data to the same person, and refuses others."""

import asyncio
import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from benchmarks import against, operations, processes, seeding
from benchmarks.__main__ import PARTS, sections
from benchmarks.against import Rival, Tokens
from benchmarks.comparing import Block, Compared, Ratio, Server
from benchmarks.documents import Filled, Held, different
from benchmarks.generator import Sample, Shot
from benchmarks.goals import FEED, Measured, goals
from benchmarks.hurrying import Hurried
from benchmarks.peers.commands import MERCURIUS
from benchmarks.processes import Process, Profile, parent_of, seconds_of_children
from benchmarks.report_peers import compared_tables, documents_table, goals_table
from benchmarks.storm import Storm
from core.clock import SystemClock
from core.settings import Settings
from services.app import opened
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight, prepared
from tests.services.valkey import until

PEOPLE, ITEMS = 3, 80
LICENSES = {"Apache-2.0", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"}


@pytest.fixture
def clock() -> ManualClock:
    """The machine's time, by which peers verify tokens."""
    return ManualClock(SystemClock().now())


@pytest.fixture
async def tokens(settings: Settings, clock: ManualClock) -> list[str]:
    """A database with a few people and items."""
    app = prepared(settings, clock)
    async with opened(app):
        return (await seeding.seed(app, people=PEOPLE, items=ITEMS)).tokens


@pytest.fixture
async def serving(tokens: list[str], start: Start) -> Porchlight:
    """A server over it that has made a list for everybody."""
    porchlight = await start()
    await until(lambda: porchlight.app.items.ready)
    for token in tokens:
        await porchlight.ask(operations.FEED, token=token)
    return porchlight


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_each_peer_answers_what_porchlight_answers(
    serving: Porchlight, tokens: list[str], settings: Settings, tmp_path: Path
) -> None:
    """The same data to each person from the same rows; nothing to who bears no valid token."""
    ours = Rival("Porchlight", Process(os.getpid(), serving.port), operations.feeds(tokens), PEOPLE)
    key = await asyncio.to_thread(processes.key_of, ours.process, tokens[0])

    def agreed() -> tuple[list[str], list[str], list[str]]:
        with against.peers_of(_profile(settings, tmp_path), key, Tokens(PEOPLE, tokens)) as (them, missing):
            against.agree([ours, *them])
            forged = [_forged(rival) for rival in them]
            with pytest.raises(RuntimeError, match="does not answer what"):
                against.agree([dataclasses.replace(ours, shots=ours.shots[::-1]), *them])
            return [rival.name for rival in them], missing, forged

    names, missing, forged = await asyncio.to_thread(agreed)
    assert set(names) >= {against.STOCK, against.CACHED, against.HAND}
    assert len(names) + len(missing) == 4
    assert not any("recommendations" in answer for answer in forged)


async def test_feed_written_by_hand_reads_both_databases(
    serving: Porchlight, tokens: list[str], settings: Settings, tmp_path: Path
) -> None:
    """It answers Porchlight's very bytes, but for the seconds that are left."""
    key = await asyncio.to_thread(processes.key_of, Process(os.getpid(), serving.port), tokens[0])

    def got() -> list[str]:
        with processes.handwritten(_profile(settings, tmp_path), key) as process:
            return [_text(process, shot) for shot in operations.handwritten_feeds(tokens)]

    for token, theirs in zip(tokens, await asyncio.to_thread(got), strict=True):
        answer = await serving.post(operations.FEED, token=token)
        assert re.sub(r'"secondsLeft":\d+', "", theirs) == re.sub(r'"secondsLeft":\d+', "", answer.text)
        assert len(answer.json()["data"]["me"]["recommendations"]["edges"]) == 50


def _profile(settings: Settings, folder: Path) -> Profile:
    return Profile("a test", settings.database_url, "", folder, "s" * 40)


def _text(process: Process, shot: Shot) -> str:
    return httpx.request(shot.method, f"{process.url}{shot.path}", content=shot.body, headers=shot.headers).text


def _forged(rival: Rival) -> str:
    """What is answered to a token whose signature is another one's."""
    shot, other = rival.shots[:2]
    parts = shot.headers["Authorization"].split(".")[:2], other.headers["Authorization"].split(".")[2]
    token = {"Authorization": ".".join([*parts[0], parts[1]])}
    return _text(rival.process, dataclasses.replace(shot, headers=shot.headers | token))


def test_a_block_begins_where_the_last_has_ended() -> None:
    """So that a token which has been verified is not shown again before many others were; then it goes round."""
    tokens = Tokens(2, ["a", "b", "c"])
    rival = Rival("x", Process(0, 0), operations.feeds(tokens.fresh), tokens.people)
    assert [shot.headers["Authorization"][-1] for shot in rival.next()[:4]] == ["a", "b", "c", "a"]
    rival.sent += 2
    assert [shot.headers["Authorization"][-1] for shot in rival.next()[:2]] == ["c", "a"]
    assert len(rival.next()) == against.MOST
    assert (len(rival.everybody), tokens.one_each) == (2, ["a", "b"])


def test_children_of_a_process_are_counted() -> None:
    """Their processor time, while they run and when they have ended; None where a process is not known."""
    before = seconds_of_children(os.getpid())
    assert before is not None
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    after = seconds_of_children(os.getpid())
    assert after is not None
    assert after > before
    assert parent_of(os.getpid()) == os.getppid()
    assert (seconds_of_children(None), parent_of(2**22 + 1)) == (None, None)


def block(rate: float, cost: float | None) -> Block:
    """A turn of one server."""
    sample = Sample(2.0, {"feed": [1.0, 2.0, 3.0]}, 0, 0.25, None if cost is None else cost * 3 / 1000)
    return dataclasses.replace(Block.of(sample, 0.003), rate=rate)


def compared(cost: float | None = 1.0) -> Compared:
    """Two rounds, in which we give three times as many answers as each, then six times."""
    names = [against.OURS, against.SHIPPED, *FEED]
    ours = [block(300, 1.0), block(600, 1.0)]
    blocks = {
        (name, many): ours if name in names[:2] else [block(100, cost), block(100, cost)]
        for name in names
        for many in (1, 16)
    }
    servers = [Server(name, 90_000_000) for name in names]
    return Compared(servers, ["Something is missing"], "Versions 1", blocks, 10, [8.0, 9.0], 0)


def test_ratios_are_of_medians_with_the_spread_of_rounds() -> None:
    """Answers and processor time; nothing is said of who did not take part, or where time is not known."""
    found = compared(2.0)
    assert found.faster(against.OURS, against.STOCK, 16) == Ratio(4.5, 3.0, 6.0)
    assert found.cheaper(against.OURS, against.STOCK, 16) == Ratio(2.0, 2.0, 2.0)
    assert found.faster(against.OURS, against.CACHED, 16) is None
    assert found.cheaper(against.OURS, against.CACHED, 16) is None
    assert compared(None).cheaper(against.OURS, against.STOCK, 1) is None
    assert (found.rounds, found.connections) == (2, [1, 16])
    assert found.blocks[against.HAND, 1][0] == Block(100, 2.0, 3.0, 2.0, 1.0, 0.25, 3)


def test_goals_are_met_missed_or_not_measured() -> None:
    """Each line of the table says so."""
    assert [goal.met for goal in goals(Measured())] == [None] * 7
    resolved = Ratio(31.0, 30.0, 33.0)
    flat = Filled("Porchlight", [Held(0, 300_000_000, 1), Held(50, 310_000_000, 1), Held(100, 310_000_100, 1)])
    hurried = Hurried(10_000, 9_950.0, 300.0, 900.0, 0, 0.5, 20.0, None)
    measured = Measured(resolved, compared(), [flat], hurried, Storm(1.0, 10.0, 2.0, 35.0, 9.0, 5.0, 1.5, 0, (3.5,)))
    assert [goal.met for goal in goals(measured)] == [True, False, True, True, True, False, True]
    late = dataclasses.replace(hurried, rate=9_000.0)
    growing = dataclasses.replace(flat, held=[*flat.held, Held(200, 400_000_000, 1)])
    assert [goal.met for goal in goals(Measured(countdowns=late, documents=[growing]))][-3:] == [False, None, False]


def test_tables_tell_all_of_it() -> None:
    """Ratios with their spread, versions, what is missing, memory, and empty cells for what is not known."""
    table = goals_table(Measured(peers=compared()))
    assert "4.50 times | 3.00 to 6.00 |" in table
    assert table.count("not measured") == 4
    told = compared_tables(compared(None))
    assert f"| {against.STOCK} " in told
    assert "4.50 (3.00 to 6.00)" in told
    assert "Versions 1" in told
    assert "- Something is missing" in told
    assert "0 of 20 lists were made again" in told
    assert "10,000 | 300 |" in documents_table([Filled("Porchlight", [Held(10_000, 300_000_000, 5)])])


def test_each_part_has_its_place() -> None:
    """What is measured is told by the goals and has its tables on the page; a part may be named alone."""
    assert (*(each.name for each in dataclasses.fields(Measured)), "embedded", "production") == PARTS
    flat = Filled("Porchlight", [Held(0, 1, 1)])
    assert list(sections(Measured(peers=compared(), documents=[flat]))) == ["goals", "peers", "documents"]
    assert list(sections(Measured())) == ["goals"]


def test_documents_differ() -> None:
    """No two are alike, but for those that are sent thrice; only these ask for what is somebody's."""
    shots = different("t", 0, 100)
    bodies = [shot.body for shot in shots]
    assert len(bodies) == 110
    assert len(set(bodies)) == 100
    assert len({shot.body for shot in shots if "Authorization" in shot.headers}) == 5
    assert not {shot.body for shot in different("t", -100, 0)} & set(bodies)


def test_lock_of_mercurius_holds_hashes_and_no_address() -> None:
    """Any registry may serve its packages, and each may be used by anybody."""
    locked = (MERCURIUS / "package-lock.json").read_bytes()
    assert b"://" not in locked
    lock = orjson.loads(locked)
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []
    assert {package["license"] for package in packages} <= LICENSES
