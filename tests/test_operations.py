import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from prometheus_client.parser import text_string_to_metric_families

from core.logging import Unfailing, json_line, printable, redact
from services import jobs, keys
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import SECRET, Porchlight, running, settings_for
from tests.services.postgres import PostgresServer
from tests.services.valkey import RestartableValkey, until
from worker.schedule import SCHEDULE

ROOT = Path(__file__).resolve().parent.parent
NEW_SECRET = "another-secret-that-stands-before-the-old-one"
ME = "{ me { databaseId } }"


async def ready(porchlight: Porchlight) -> tuple[int, dict[str, Any]]:
    """What /readyz says."""
    answer = await porchlight.http.get("/readyz")
    return answer.status_code, answer.json()


async def samples(porchlight: Porchlight) -> dict[str, dict[tuple[str, ...], float]]:
    """What /metrics counts: figures by sample, and by the values of its labels in the order of their names."""
    answer = await porchlight.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def decoded(text: str) -> bytes:
    """Base64url without padding: RFC 7515, section 2."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_process_that_answers_is_alive(porchlight: Porchlight) -> None:
    """Whatever else may be wrong."""
    answer = await porchlight.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


async def test_ready_tells_each_part(porchlight: Porchlight) -> None:
    """Requests are served, and nothing is missing."""
    parts = {
        "database": "ok",
        "limits": "ok",
        "bus": "ok",
        "breaches": "ok",
        "payments": "ok",
        "recommendations": "preparing",
        "vectors": "ok",
    }
    assert await ready(porchlight) == (200, {"status": "ready", "parts": parts})


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_an_address_that_looks_like_another_is_nobodys(porchlight: Porchlight) -> None:
    """A proxy that keeps an address from strangers keeps all of its spellings from them."""
    answers = [await porchlight.http.get(path) for path in ("/metrics%0a", "/readyz%0A", "/healthz%00", "/graphql%0a")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "NOT_FOUND")] * 4


async def test_draining_takes_the_process_out_of_rotation(porchlight: Porchlight) -> None:
    """While it still answers those who are there."""
    porchlight.app.draining = True
    status, said = await ready(porchlight)
    assert (status, said["status"], said["parts"]["database"]) == (503, "draining", "ok")
    assert (await porchlight.http.get("/healthz")).status_code == 200


async def test_lost_database_takes_the_process_out_of_rotation(
    porchlight: Porchlight, postgres_server: PostgresServer
) -> None:
    """It stays alive, and goes on to count."""
    url = porchlight.app.settings.database_url
    if url.startswith("sqlite"):
        await asyncio.to_thread(Path(url.removeprefix("sqlite://")).unlink)
    else:
        await postgres_server.drop(url)
    status, said = await ready(porchlight)
    assert (status, said["status"], said["parts"]["database"]) == (503, "unavailable", "unavailable")
    assert (await porchlight.http.get("/healthz")).status_code == 200
    assert "porchlight_oldest_job_seconds" in await samples(porchlight)


async def test_lost_redis_is_told_and_leaves_the_process_in_rotation(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, restartable_valkey: RestartableValkey
) -> None:
    """Limits and events are kept in memory meanwhile: degraded, and ready."""
    settings = settings_for(sqlite_url, restartable_valkey.url, f"outbox://{tmp_path / 'outbox'}")
    async with running(settings, clock) as porchlight:
        assert (await ready(porchlight))[1]["parts"] == {
            "database": "ok",
            "limits": "ok",
            "bus": "ok",
            "breaches": "ok",
            "payments": "ok",
            "recommendations": "preparing",
            "vectors": "ok",
        }
        await restartable_valkey.kill()
        await until(lambda: porchlight.app.bus.degraded)
        await porchlight.register()
        parts = {"database": "ok", "limits": "degraded", "bus": "degraded", "breaches": "ok", "payments": "ok"}
        parts |= {"recommendations": "preparing", "vectors": "ok"}
        assert await ready(porchlight) == (200, {"status": "ready", "parts": parts})
        assert (await samples(porchlight))["porchlight_degraded"] == {
            ("limits",): 1.0,
            ("bus",): 1.0,
            ("breaches",): 0.0,
            ("payments",): 0.0,
            ("embeddings",): 0.0,
            ("vectors",): 0.0,
        }


async def test_operations_jobs_and_sockets_are_counted(porchlight: Porchlight) -> None:
    """Exactly as many as there were."""
    await porchlight.register()
    await porchlight.ask(ME)
    await porchlight.ask(ME)
    assert await porchlight.codes("{ nothing }") == ["GRAPHQL_VALIDATION_FAILED"]
    async with porchlight.connect():
        found = await samples(porchlight)
        assert found["porchlight_sockets"] == {(): 1.0}
    registry = porchlight.app.metrics.registry
    labels = {"kind": "mail.send", "outcome": "done"}
    await until(lambda: registry.get_sample_value("porchlight_jobs_total", labels) == 1)
    found = await samples(porchlight)
    assert found["porchlight_operations_total"] == {("ok", "http"): 3.0, ("refused", "http"): 1.0}
    assert found["porchlight_errors_total"] == {("GRAPHQL_VALIDATION_FAILED",): 1.0}
    assert found["porchlight_operation_seconds_count"] == {("http",): 4.0}
    assert found["porchlight_jobs_total"]["mail.send", "done"] == 1.0
    assert found["porchlight_oldest_job_seconds"] == {(): 0.0}
    assert found["porchlight_countdowns"] == {(): 0.0}
    await until(lambda: registry.get_sample_value("porchlight_sockets") == 0)


async def test_nothing_that_a_client_chooses_becomes_a_label(porchlight: Porchlight) -> None:
    """Neither names nor paths nor headers: the number of series is ours to decide."""
    registry = porchlight.app.metrics.registry
    recurring = {"kind": SCHEDULE[0].kind, "outcome": "done"}
    await porchlight.clock.advance(SCHEDULE[0].every)
    await jobs.wake(porchlight.app)
    await until(lambda: registry.get_sample_value("porchlight_jobs_total", recurring) == 1)
    before = await samples(porchlight)
    for number in range(3):
        name = f"Evil{number}"
        headers = {"X-Request-Id": f"evil-id-{number}"}
        await porchlight.post(f"query {name} {{ {name}: me {{ email }} }}", None, **headers)
        await porchlight.post(f"query {name} {{ evil{number} }}")
        await porchlight.http.get(f"/evil/{number}")
        await porchlight.http.request(f"EVIL{number}", "/graphql")
        await porchlight.http.post("/graphql", content=b"evil", headers={"Content-Type": f"evil/{number}"})
        async with porchlight.connect() as connection:
            await connection.subscribe(f"query {name} {{ me {{ email }} }}", operation_id=name)
            await connection.next()
    text = (await porchlight.http.get("/metrics")).text
    assert "evil" not in text.lower()
    after = await samples(porchlight)
    assert after.keys() == before.keys() | {
        "porchlight_operations_total",
        "porchlight_errors_total",
        "porchlight_operation_seconds_bucket",
        "porchlight_operation_seconds_count",
        "porchlight_operation_seconds_sum",
        "porchlight_field_seconds_bucket",
        "porchlight_field_seconds_count",
        "porchlight_field_seconds_sum",
    }
    assert after["porchlight_operations_total"].keys() == {("ok", "http"), ("refused", "http"), ("ok", "websocket")}


async def test_published_key_verifies_a_token(porchlight: Porchlight) -> None:
    """By RFC 8037 alone, without any code of ours; the key is named by its thumbprint (RFC 7638)."""
    person = await porchlight.register()
    answer = await porchlight.http.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    [key] = answer.json()["keys"]
    assert {name: key[name] for name in ("kty", "crv", "alg", "use")} == {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
    }
    assert key.keys() == {"kty", "crv", "alg", "use", "kid", "x"}
    head, body, signature = person.access_token.split(".")
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{head}.{body}".encode())
    assert json.loads(decoded(head)) == {"alg": "EdDSA", "kid": key["kid"], "typ": "at+jwt"}
    members = '{"crv":"Ed25519","kty":"OKP","x":"' + key["x"] + '"}'
    assert decoded(key["kid"]) == hashlib.sha256(members.encode()).digest()


async def test_secret_is_rotated_without_signing_anybody_out(start: Start) -> None:
    """With the new one in front, and the stored keys sealed anew, the old one may go: tokens and keys are the same."""
    before = await start()
    person = await before.register()
    published = (await before.http.get("/.well-known/jwks.json")).json()
    between = await start(secret_key=(NEW_SECRET, SECRET))
    assert (await between.http.get("/.well-known/jwks.json")).json() == published
    assert await between.ask(ME, token=person.access_token) == {"me": {"databaseId": person.user_id}}
    fresh = (await between.refresh(person.refresh_token))["tokens"]["accessToken"]
    with between.app.database.bound():
        assert (await keys.rotate(between.app)).rewrapped == 3
    after = await start(secret_key=(NEW_SECRET,))
    assert (await after.http.get("/.well-known/jwks.json")).json()["keys"][0] == published["keys"][0]
    for token in (fresh, person.access_token):
        assert await after.ask(ME, token=token) == {"me": {"databaseId": person.user_id}}


def test_secrets_are_redacted_by_name() -> None:
    """At the top and inside; what is no secret stays."""
    event = {"event": "x", "Password": "p", "input": {"token": "t", "deep": {"secret": "s"}, "email": "a@b.c"}, "n": 1}
    assert redact(None, "", event) == {
        "event": "x",
        "Password": "[redacted]",
        "input": {"token": "[redacted]", "deep": {"secret": "[redacted]"}, "email": "a@b.c"},
        "n": 1,
    }


def test_no_text_moves_the_cursor_of_a_terminal() -> None:
    """Control characters are spelled out, letters of any script are not."""
    event = {"path": "/\x1b[31m\n2026 [info] forged", "name": "Jörg 🌱", "n": 1}
    assert printable(None, "", event) == {"path": r"/\x1b[31m\n2026 [info] forged", "name": "Jörg 🌱", "n": 1}


LINES = """
import logging, structlog
from core.logging import configure_logging
configure_logging({level!r}, {style!r})
log = structlog.get_logger("web.test")
with structlog.contextvars.bound_contextvars(request_id="r-1"):
    log.debug("quiet")
    log.info("said", password="hunter2", name="a\\nb")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed")
logging.getLogger("tortoise.db_client").debug("INSERT INTO users: %s", ["hunter2"])
logging.getLogger("some.library").info("chatter")
logging.getLogger("some.library").warning("beware of %s", "this")
"""


def lines(level: str, style: str) -> list[str]:
    """What a process that logs a little writes on standard error."""
    script = LINES.format(level=level, style=style)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stdout
    assert "hunter2" not in done.stderr
    return done.stderr.splitlines()


def test_json_log_is_one_object_a_line() -> None:
    """With level, logger, time in UTC, the request's id, and a trace as a text."""
    said, failed, library = (json.loads(line) for line in lines("info", "json"))
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "event": "said",
        "level": "info",
        "logger": "web.test",
        "request_id": "r-1",
        "password": "[redacted]",
        "name": "a\nb",
    }
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")
    assert (library["event"], library["level"], library["logger"]) == ("beware of this", "warning", "some.library")


def test_debug_is_ours_alone() -> None:
    """Libraries tell every value of a query at debug: they stay at warning, whatever LOG_LEVEL says."""
    assert [json.loads(line)["event"] for line in lines("debug", "json")] == [
        "quiet",
        "said",
        "failed",
        "beware of this",
    ]
    assert [json.loads(line)["event"] for line in lines("warning", "json")] == ["failed", "beware of this"]
    assert [json.loads(line)["event"] for line in lines("error", "json")] == ["failed"]


def test_console_log_is_readable() -> None:
    """One line an event, and the trace below it."""
    said, failed, *trace, library = lines("info", "console")
    assert "[info     ] said " in said
    assert said.endswith(r"[web.test] name=a\nb password=[redacted] request_id=r-1")
    assert "[error    ] failed " in failed
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] == "ZeroDivisionError: division by zero"
    assert "[warning  ] beware of this " in library


def test_a_line_that_orjson_cannot_write_is_written() -> None:
    """Logging fails nobody: integers beyond 64 bits, and half a character, are told all the same."""
    assert json.loads(json_line({"n": 2**70, "half": "\ud800", "kind": set}, repr)) == {
        "n": 2**70,
        "half": "\ud800",
        "kind": "<class 'set'>",
    }


def test_nobody_fails_because_a_line_cannot_be_written(tmp_path: Path) -> None:
    """Standard error that is closed takes no request along."""
    with (tmp_path / "log").open("wb") as file:
        log = Unfailing(file)
        log.write(b"said")
        log.flush()
    log.write(b"unsaid")
    log.flush()
    assert (tmp_path / "log").read_bytes() == b"said"
