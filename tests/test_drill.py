"""The drill's own judgement can fail: what is lost, doubled, untyped or late is told."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from models import AuditEvent, BillingCustomer, Interaction, Item, Job, UsageCounter, UsageRecord, User, WebhookEvent
from tests.drill import report
from tests.drill.bounds import Bounds
from tests.drill.checking import Verdict, compare, letters, settled, unfinished
from tests.drill.faults import FAULTS, Fault
from tests.drill.report import Outcome, Row
from tests.drill.visitors import ANSWERED, BROKEN, ME, REFUSED, UNTYPED, Ledger, Sample, Visitors
from tests.drill.world import PROVIDER, World
from tests.porchlight import NO_TLS
from tests.services.schemas import opened

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def world_of(database_url: str = "", *arrived: str, folder: Path | None = None) -> World:
    """As much of a world as is looked at: its database, letters of welcome to these addresses, the provider's book."""
    messages = []
    for address in arrived:
        message = EmailMessage()
        message["To"], message["Subject"] = address, "Welcome to Porchlight"
        messages.append(message)
    mail = SimpleNamespace(book=SimpleNamespace(messages=messages))
    return cast("World", SimpleNamespace(database_url=database_url, mail=mail, folder=folder))


def a_row(fault: Fault, **changes: Any) -> Row:
    """A fault that went well, but for what is said."""
    well: dict[str, Any] = {
        "samples": [Sample(1.0, "question", ANSWERED, "", 0.1)],
        "verdict": Verdict(),
        "recovered": 1.0,
        "ticks": [1.0, 2.0, 4.5],
        "codes": [1012],
        "bounds": None,
    }
    return Row(fault, **(well | changes))


def an_outcome(*rows: Row, verdict: Verdict | None = None, twice: int = 0) -> Outcome:
    """A drill of these faults."""
    doubled = [f"letter {number}" for number in range(twice)]
    return Outcome(list(rows), verdict or Verdict(), Verdict(doubled=doubled), [], "7 events\nmore", 60.0)


async def test_what_was_told_and_is_not_there_is_lost(postgres_url: str) -> None:
    """Each kind of it, by name; what is there once is neither lost nor doubled, and a counter may not be ahead."""
    ledger = Ledger(
        usage={1: {"told", "kept"}},
        interactions={1: {"click", "kept"}},
        sign_ups={"ada@example.com": True, "grace@example.com": True},
        webhooks={"evt_1"},
    )
    async with opened(postgres_url) as database:
        with database.bound():
            user = await User.create(
                id=1, email="ada@example.com", email_key="ada@example.com", password_hash="-", created_at=NOW
            )
            item = await Item.create(
                key="i", position=1, category="c", title="t", summary="s", tags=[], search="t", created_at=NOW
            )
            await UsageRecord.create(
                user=user, idempotency_key="kept", meter="m", period="p", quantity=1, recorded_at=NOW
            )
            await UsageCounter.create(user=user, meter="m", period="p", used=2)
            for number in range(2):
                await AuditEvent.create(action="account.registered", user_id=1, at=NOW, data={})
                letter = {"user_id": 1, "letter": "welcome"}
                about: dict[str, Any] = {
                    "payload": letter,
                    "dedup_key": str(number),
                    "created_at": NOW,
                    "due_at": NOW - timedelta(1),
                }
                await Job.create(kind="mail.send", **about)
            await Interaction.create(
                user=user, item=item, kind="CLICK", idempotency_key="kept", batch="b", occurred_at=NOW, created_at=NOW
            )
    found = await compare(world_of(postgres_url), ledger)
    assert sorted(found.lost) == [
        "audit of grace@example.com", "interaction click", "job of letter to grace@example.com",
        "job of webhook evt_1", "sign-up grace@example.com", "trial ada@example.com", "trial grace@example.com",
        "usage told", "webhook evt_1",
    ]  # fmt: skip
    assert found.doubled == [
        "counter of (1, 'm'): 2 of 1", "job of letter to ada@example.com: 2 times", "audit of ada@example.com: 2 times",
    ]  # fmt: skip
    assert [each.split()[0] for each in await unfinished(world_of(postgres_url), ledger)] == ["mail.send"] * 2
    posted = letters(world_of("", "ada@example.com", "ada@example.com"), ledger)
    assert posted == Verdict(["letter to grace@example.com"], ["letter to ada@example.com: 2 times"])


async def test_nothing_lags_behind_in_the_end(postgres_url: str, tmp_path: Path) -> None:
    """Reports that were not counted, counts that were not asked for, events that nobody looked into, purchases."""
    async with opened(postgres_url) as database:
        with database.bound():
            for number, used in ((1, 1), (2, 3)):
                email = f"{number}@example.com"
                user = await User.create(id=number, email=email, email_key=email, password_hash="-", created_at=NOW)
                await UsageCounter.create(user=user, meter="m", period="p", used=used)
                about = {"user": user, "meter": "m", "period": "p", "recorded_at": NOW}
                await UsageRecord.bulk_create(
                    [UsageRecord(**about, idempotency_key=key, quantity=1) for key in ("a", "b", "c")[: number + 1]]
                )
            for state in ("RECEIVED", "DONE", "PARKED"):
                await WebhookEvent.create(event_id=state, type="t", created_at=NOW, received_at=NOW, state=state)
            await BillingCustomer.create(user_id=1, provider_id="cus_1", created_at=NOW)
    with sqlite3.connect(tmp_path / PROVIDER) as book:
        book.execute("CREATE TABLE documents (kind, content)")
        for kind in ("subscription", "invoice"):
            bought = [(kind, json.dumps({"customer": "cus_1", "total": total})) for total in (0, 1900, 1900)]
            book.executemany("INSERT INTO documents VALUES (?, ?)", bought)
    ledger = Ledger(usage={1: {"a", "b"}, 2: {"a", "b"}}, purchases={1, 2}, webhooks={"RECEIVED", "DONE", "PARKED"})
    world = world_of(postgres_url, folder=tmp_path)
    found = await settled(world, ledger)
    assert [each for each in found.lost if not each.startswith("job of webhook")] == [
        "counter of (1, 'm'): 1 of 2", "subscription of 1", "subscription of 2", "invoice of 1", "invoice of 2",
        "provider's subscription of 2", "consequence of webhook RECEIVED: RECEIVED",
    ]  # fmt: skip
    assert found.doubled == [
        "counter of (2, 'm'): 3, of which 2 were asked for", "provider's subscription of 1: 3 times",
        "charge of 1: 2 times",
    ]  # fmt: skip
    assert await unfinished(world, ledger) == ["purchase of 1", "purchase of 2"]


def test_what_did_not_hold_is_told() -> None:
    """Losses, doubles, answers without a code, trouble where none may be, slow recovery, bounds; and nothing else."""
    loud, silent = FAULTS[0], next(fault for fault in FAULTS if fault.silent)
    refused = Sample(1.0, "usage", REFUSED, "UNAVAILABLE", 0.1)
    assert report.wrong(an_outcome(a_row(loud, samples=[refused]), a_row(silent), twice=10)) == []
    reloaded = next(fault for fault in FAULTS if fault.cuts)
    cut = a_row(reloaded, samples=[Sample(1.0, "usage", BROKEN, "", 0.1)])
    assert report.wrong(an_outcome(cut)) == []
    kept, passed = Bounds("Valkey", 4.9, 1, 20, 20), Bounds("Valkey", 5.1, 2, 21, 20)
    rows = [
        a_row(loud, samples=[Sample(1.0, "usage", UNTYPED, "500", 0.1), Sample(1.0, "usage", BROKEN, "", 0.1)]),
        a_row(silent, samples=[refused], recovered=61.0),
        a_row(silent, bounds=kept),
        a_row(silent, bounds=passed, verdict=Verdict(["a"], ["b"])),
        a_row(silent, bounds=Bounds("Valkey", 4.9, 1, 9, 20)),
        a_row(silent, codes=[1012, 1006]),
        a_row(loud, codes=[1012, 1006, 1011]),
        a_row(silent, ticks=[1.0, 17.0]),
    ]
    assert len(report.wrong(an_outcome(*rows, verdict=Verdict(["c"], ["d"]), twice=11))) == 14
    assert report.summary(an_outcome(*rows))[-1] == "Some of it is wrong."


def test_the_table_is_put_into_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its marks, and the rest stays."""
    page = tmp_path / "reliability.md"
    page.write_text("Before\n<!-- drill: begin -->\nold\n<!-- drill: end -->\nAfter\n")
    monkeypatch.setattr(report, "PAGE", page)
    row = a_row(FAULTS[0], samples=[Sample(1.0, "usage", REFUSED, "UNAVAILABLE", 0.1)])
    outcome = an_outcome(row, a_row(FAULTS[1], bounds=Bounds("Valkey", 4.9, 1, 20, 20)))
    report.write(outcome)
    written = page.read_text()
    assert written.startswith("Before\n<!-- drill: begin -->\nWhat `make drill")
    assert written.endswith("<!-- drill: end -->\nAfter\n")
    assert "1 × UNAVAILABLE, socket closed 1012 | 0.1 s | 0 | 0 | 1.0 s |" in written
    assert "| a session that was ended is refused everywhere, within 5 s | 4.9 s |" in written
    assert "revoked after 4.9 s" in report.line(outcome.rows[1])
    assert outcome.rows[0].silence == 2.5


async def test_a_visitor_knows_answers_from_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is answered, refused with a code, without one, in no JSON, or not at all."""
    answers = iter(
        [
            httpx.Response(200, json={"data": {"me": None}}),
            httpx.Response(503, json={"errors": [{"message": "", "extensions": {"code": "UNAVAILABLE"}}]}),
            httpx.Response(200, json={"errors": [{"message": ""}]}),
            httpx.Response(502, text="<html>"),
        ]
    )

    async def post(*_: Any, **__: Any) -> httpx.Response:
        await asyncio.sleep(0)
        if (answer := next(answers, None)) is None:
            raise httpx.ReadError("")
        return answer

    visitors = Visitors("http://localhost", NO_TLS)
    async with visitors.client() as http:
        monkeypatch.setattr(http, "post", post)
        for _ in range(5):
            await visitors.ask("question", http, ME)
    assert [sample.outcome for sample in visitors.samples] == [ANSWERED, REFUSED, UNTYPED, UNTYPED, BROKEN]
