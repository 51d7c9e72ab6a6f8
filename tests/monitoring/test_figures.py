import asyncio
import math
import os
import re
import time
import tomllib
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
import structlog
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from core.settings import Settings
from core.version import VERSION
from models.billing import WebhookEvent, WebhookState
from models.jobs import Job
from models.mail import DeliveryStatus, MailDelivery
from models.schedule import ScheduleRun
from services import audit, jobs
from services.billing.working import NOBODY_HERE
from services.monitoring import Siblings, own, watching, watching_loop
from services.monitoring.exposition import merged
from tests.clock import ManualClock
from tests.porchlight import PASSWORD, REGISTER, Porchlight, prepared
from tests.program import ROOT, Programs, free_port
from tests.services.valkey import until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

ONE = b"""# HELP a_total Of a.
# TYPE a_total counter
a_total{kind="x} 1"} 2.0
a_total{kind="y"} 3.0
# HELP b Of b.
# TYPE b gauge
b 1.0
"""
TWO = b"""# HELP b Of b.
# TYPE b gauge
b 5.0
# HELP c Of c.
# TYPE c gauge
"""
BOTH = b"""# HELP a_total Of a.
# TYPE a_total counter
a_total{process="1",kind="x} 1"} 2.0
a_total{process="1",kind="y"} 3.0
# HELP b Of b.
# TYPE b gauge
b{process="1"} 1.0
b{process="2"} 5.0
# HELP c Of c.
# TYPE c gauge
"""


def samples(text: str) -> Samples:
    """Figures by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scraped(url: str) -> Samples:
    """What an address counts."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200
    return samples(answer.text)


def values(found: Samples, name: str, label: str = "") -> dict[str, float]:
    """The figures of a name, by the value of one label."""
    return {dict(labels).get(label, ""): value for (each, labels), value in found.items() if each == name}


def test_figures_of_several_processes_are_one_text() -> None:
    """Each family once, each sample with the number of its process before its own labels."""
    assert merged({"1": ONE, "2": TWO}) == BOTH


async def test_processes_tell_each_other_and_take_over_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowest numbers first; who has ended, answers too late or dies while telling is missing, and nothing else."""
    monkeypatch.setattr("services.monitoring.siblings.DEADLINE", 0.2)
    one, two, three = (Siblings(tmp_path, AsyncMock(return_value=b"%d" % number)) for number in (1, 2, 3))
    for each in (one, two, three):
        await each.open()
    assert [each.number for each in (one, two, three)] == [1, 2, 3]
    assert await two.ask_all() == {"1": b"1", "2": b"2", "3": b"3"}
    await one.close()
    await one.close()
    assert await two.ask_all() == {"2": b"2", "3": b"3"}
    (tmp_path / "1.sock").touch()  # of one that was killed
    assert await two.ask_all() == {"2": b"2", "3": b"3"}
    again = Siblings(tmp_path, AsyncMock(return_value=b"again"))
    await again.open()
    assert again.number == 1
    assert await two.ask_all() == {"1": b"again", "2": b"2", "3": b"3"}
    await three.close()

    left, silent = asyncio.Event(), [("siblings.silent", 3, str(os.getpid()))]

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, waits: bool) -> None:
        writer.write(b"half")
        if waits:
            await reader.read()  # until whoever asks has had enough
        writer.close()
        left.set()

    for waits in (False, True):
        (tmp_path / "3.sock").unlink(missing_ok=True)
        server = await asyncio.start_unix_server(partial(half, waits=waits), tmp_path / "3.sock")
        with structlog.testing.capture_logs() as lines:
            assert await two.ask_all() == {"1": b"again", "2": b"2"}
        assert [(line["event"], line["process"], line["pid"]) for line in lines] == silent * waits
        async with asyncio.timeout(5):
            await left.wait()
        left.clear()
        server.close()
    for each in (again, two):
        await each.close()


async def test_scrape_reaches_every_process_of_a_server(programs: Programs, postgres_url: str, redis_url: str) -> None:
    """Whichever answers it; one that is killed comes back under its number, and the worker has a port of its own."""
    port = free_port()
    shared = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "JOBS": "external", "WORKER_PORT": str(port)}
    server = await programs.serve(WORKERS="2", **shared).listening()
    everybody = {"1", "2"}

    async def all_answer() -> Samples:
        found = await scraped(server.url)
        while values(found, "process_start_time_seconds", "process").keys() != everybody:
            found = await scraped(server.url)
        return found

    async with asyncio.timeout(60):
        found = await all_answer()
    assert values(found, "porchlight_processes", "state") == {"answering": 2.0, "expected": 2.0}
    assert values(found, "porchlight_build_info", "version") == {VERSION: 1.0}
    assert values(found, "porchlight_oldest_job_seconds").keys() == {""}
    begun = values(found, "process_start_time_seconds", "process")
    children = psutil.Process(server.process.pid).children()
    serving = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
    serving[0].kill()

    async def replaced() -> bool:
        return begun != values(await all_answer(), "process_start_time_seconds", "process")

    await until(replaced, 60)
    worker = programs.run("-m", "worker", **shared)
    await until(lambda: "worker is on" in worker.out, 60)
    told = f"http://127.0.0.1:{port}"
    found = await scraped(told)
    begun_at_0 = values(found, "porchlight_jobs_total", "kind")
    assert (begun_at_0["mail.send"], begun_at_0["unknown"]) == (0.0, 0.0)
    async with httpx.AsyncClient(base_url=told) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json()["status"] == "ready"
        assert (await client.get("/graphql")).status_code == 404
    assert (await worker.stop(), worker.err.count("Traceback")) == (0, 0)
    taken = programs.run("-m", "worker", **{**shared, "WORKER_PORT": server.port})
    assert (await taken.ended(), "WORKER_PORT: 127.0.0.1" in taken.err) == (2, True)
    assert await server.stop() == 0


async def test_work_that_waits_is_told_once_for_all(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Due, retrying and dead jobs; events of the provider that are not done; what recurs. Kept for seconds."""
    app, now = porchlight.app, porchlight.clock.now()

    with app.database.bound():
        await until(lambda: ScheduleRun.filter(kind=audit.CHAIN).exists(), 10)

    async def told() -> Samples:
        app.stored.told_at = app.stored.dead_at = -math.inf
        return await scraped(porchlight.url)

    assert values(await told(), "porchlight_inbox_age_seconds") == {"": 0.0}
    hour = timedelta(hours=1)
    far: dict[str, Any] = {"payload": {}, "created_at": now}
    event: dict[str, Any] = {"type": "x", "created_at": now, "received_at": now - hour}
    with app.database.bound():
        await Job.create(kind="a", dedup_key="a", due_at=now + hour, attempts=2, **far)
        await Job.create(kind="a", dedup_key="b", due_at=None, dead_at=now, attempts=9, **far)
        for number, state in enumerate((WebhookState.RECEIVED, WebhookState.DEAD, WebhookState.DONE)):
            await WebhookEvent.create(event_id=str(number), state=state, **event)
        await WebhookEvent.create(event_id="nobody's", state=WebhookState.PARKED, error=NOBODY_HERE, **event)
    found = await told()
    waiting = values(found, "porchlight_jobs_waiting", "state")
    assert waiting.pop("due") >= 0.0  # the worker is at its first recurring work
    assert waiting == {"retrying": 1.0, "dead": 1.0}
    assert values(found, "porchlight_inbox_events", "state") == {"received": 1.0, "parked": 0.0, "dead": 1.0}
    assert values(found, "porchlight_inbox_age_seconds") == {"": 3600.0}
    assert values(found, "porchlight_schedule_every_seconds", "kind")[audit.CHAIN] == 30.0
    with app.database.bound():
        await WebhookEvent.all().delete()
    assert values(await scraped(porchlight.url), "porchlight_inbox_age_seconds") == {"": 3600.0}
    found = await told()
    assert values(found, "porchlight_inbox_age_seconds") == {"": 0.0}
    assert values(found, "porchlight_database_up") == {"": 1.0}
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "oldest_due", AsyncMock(side_effect=OSError))
        found = await told()
    assert values(found, "porchlight_database_up") == {"": 0.0}
    assert math.isnan(values(found, "porchlight_oldest_job_seconds")[""])


async def test_statements_of_runbooks_do_what_they_say(porchlight: Porchlight) -> None:
    """Each is understood by the database that it is for, and a job that is taken up again is due."""
    app, now = porchlight.app, porchlight.clock.now()
    with app.database.bound():
        letter: dict[str, Any] = {"payload": {"delivery": "one"}, "created_at": now, "dead_at": now}
        dead = await Job.create(kind="a", dedup_key="a", **letter)
        for key in ("one", "two"):
            await MailDelivery.create(key=key, letter="x", topic="x", status=DeliveryStatus.GIVEN_UP, at=now)
        pages = "".join(page.read_text() for page in sorted((ROOT / "docs" / "runbooks").glob("*.md")))
        statements = re.findall(r"`((?:SELECT|UPDATE|DELETE) [^`]+)`", pages)
        assert len(statements) == 7
        for statement in statements:
            if app.database.dialect == "postgres" or "pg_" not in statement:
                sql = statement.replace("id = …", f"id = {dead.id}").replace("ITS_PID", "0")
                await app.database.execute(sql)
        await dead.refresh_from_db()
        assert [sent.key for sent in await MailDelivery.all()] == ["two"]
    assert dead.dead_at is None
    assert dead.due_at is not None  # now, or later where a worker has tried already


async def test_answers_and_fields_are_told_as_they_were_given(porchlight: Porchlight) -> None:
    """By the bounds of the figures; fields by their names, with the refusal or the code that they ended with."""
    await porchlight.register()
    await porchlight.post("{ me { email } again: me { email } users { totalCount } }")
    await porchlight.ask(REGISTER, {"input": {"email": "ada@example.com", "password": PASSWORD}})
    found = await scraped(porchlight.url)
    answered = {dict(labels)["outcome"]: value for (name, labels), value in found.items()
                if name == "porchlight_answers_total" and ("transport", "http") in labels}  # fmt: skip
    assert answered == {"OK": 3.0, "INTERNAL": 0.0, "UNAVAILABLE": 0.0, "FAILED": 0.0}
    assert values(found, "porchlight_answer_seconds_count", "transport") == {"http": 3.0, "rest": 0.0, "sse": 0.0}
    assert values(found, "porchlight_field_seconds_count", "field") == {"me": 2.0, "register": 2.0, "users": 1.0}
    assert values(found, "porchlight_field_failures_total", "reason") == {"UNAUTHENTICATED": 1.0, "EmailTaken": 1.0}
    assert values(found, "porchlight_viewers_total", "found") == {"kept": 0.0, "read": 0.0}
    database = {"embedded": 1.0, "production": 10.0}
    limit = values(found, "porchlight_pool_limit", "pool")
    assert limit["database"] in database.values()
    assert values(found, "porchlight_pool_waiting", "pool").keys() == {"database", "passwords"}


async def test_others_have_turns_while_figures_are_written(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is the same, and the loop goes on between its parts."""
    app = prepared(settings, clock)
    turns = []
    for turn in (60.0, 0.0):
        monkeypatch.setattr(import_module("services.monitoring.exposition"), "TURN", turn)
        telling, count = asyncio.create_task(own(app)), 0
        while not telling.done():
            await asyncio.sleep(0)
            count += 1
        turns.append((count, telling.result().count(b"# TYPE ")))
    (at_once, families), (in_turns, as_many) = turns
    assert families == as_many > 40
    assert in_turns == at_once + families
    app.passwords.close()


def test_closed_database_and_pool_tell_nothing(settings: Settings, clock: ManualClock) -> None:
    """An app that is not open yet is looked at without a fault."""
    app = prepared(settings, clock)
    assert app.database.pool == (0, 0, 0)
    app.passwords.close()


async def test_lag_of_the_loop_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's long step is seen as what everybody waited."""
    monkeypatch.setattr(watching, "EVERY", 0.01)
    registry = CollectorRegistry()
    lag = Histogram("lag", "Lag.", buckets=(0.1, 10), registry=registry)

    def within(bound: str) -> float:
        return registry.get_sample_value("lag_bucket", {"le": bound}) or 0.0

    with watching_loop(lag):
        await until(lambda: within("10.0") >= 2)
        time.sleep(0.15)  # ruff: ignore[blocking-sleep-in-async-function] -- the long step
        await until(
            lambda: (
                registry.get_sample_value("lag_bucket", {"le": "10.0"})
                != registry.get_sample_value("lag_bucket", {"le": "0.1"})
            )
        )
    counted = registry.get_sample_value("lag_count")
    await asyncio.sleep(0.03)
    assert registry.get_sample_value("lag_count") == counted


def test_version_is_that_of_the_project() -> None:
    """The program and its papers name the same one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
