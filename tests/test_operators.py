"""What operators run beside the server, as programs: the first administrator, the audit log."""

import subprocess
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.settings import Settings
from models import AuditEvent, Job, Passkey, Role, User
from services import audit
from services.app import App, open_app
from services.audit import Action
from tests.clock import ManualClock
from tests.porchlight import SECRET, Porchlight, settings_for
from tests.program import ROOT, Programs
from tests.services.valkey import until
from worker.schedule import SCHEDULE


@pytest.fixture
async def app(settings: Settings) -> AsyncGenerator[App]:
    """An application over the same database, by the machine's clock."""
    async with open_app(settings) as app:
        yield app


async def run(programs: Programs, settings: Settings, *arguments: str) -> tuple[int, str, str]:
    """Status and words of a program."""
    shared = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": SECRET}
    program = programs.run("-m", *arguments, **shared, LOG_LEVEL="warning")
    return await program.ended(), program.out, program.err


async def user(app: App, email: str, **state: Any) -> User:
    now = app.clock.now()
    given = {"email": email, "email_key": email, "password_hash": "x", "role": Role.USER, "created_at": now}
    return await User.create(**{**given, "email_verified_at": now, **state})


async def test_make_admin_tells_what_comes_next(app: App, settings: Settings, programs: Programs) -> None:
    """Who has no second factor learns how to add one; who has one needs no advice; a closed account is refused."""
    now = SystemClock().now()
    with app.database.bound():
        ada, grace = await user(app, "ada@example.com"), await user(app, "grace@example.com")
        await Passkey.create(user=grace, credential_id="x", handle="x", public_key=b"x", name="Key", created_at=now)
        await user(app, "gone@example.com", suspended_at=now)
    status, out, err = await run(programs, settings, "worker.admin", "Ada@Example.com")
    assert (status, err) == (0, "")
    assert out.startswith("Ada@Example.com is an administrator. A new one is signed out everywhere")
    assert "enrollTotp or startPasskeyRegistration" in out
    status, out, err = await run(programs, settings, "worker.admin", "grace@example.com")
    assert (status, err) == (0, "")
    assert "enrollTotp" not in out
    status, out, err = await run(programs, settings, "worker.admin", "gone@example.com")
    assert (status, out) == (1, "")
    assert err == "The account of gone@example.com is suspended or is going to be deleted: restore it first.\n"
    with app.database.bound():
        found = await AuditEvent.filter(action=Action.ROLE_ASSIGNED).order_by("id")
        assert [(row.actor_id, row.user_id) for row in found] == [(None, ada.id), (None, grace.id)]


async def test_make_admin_wants_a_proven_address(app: App, settings: Settings, programs: Programs) -> None:
    """Anybody can register with the address of whom an operator means; it is said how its owner shows who they are."""
    with app.database.bound():
        ada = await user(app, "ada@example.com", email_verified_at=None)
    status, out, err = await run(programs, settings, "worker.admin", ada.email)
    assert (status, out) == (1, "")
    assert err.startswith("Nobody has proven yet that they read ada@example.com: open the link of the letter")
    assert "/dev/outbox" in err
    assert "resendVerificationEmail" in err
    with app.database.bound():
        assert (await User.get(id=ada.id)).role is Role.USER
        assert not await AuditEvent.exists()
        await User.filter(id=ada.id).update(email_verified_at=app.clock.now())
    status, out, err = await run(programs, settings, "worker.admin", ada.email)
    assert (status, err) == (0, "")


async def test_audit_verify_tells_head_and_what_waits(app: App, settings: Settings, programs: Programs) -> None:
    """The head that it prints is what it takes; an event that has waited for minutes is told of."""
    assert (await run(programs, settings, "worker.audit"))[1] == "No event has a place in the audit log yet.\n"
    with app.database.bound():
        for _ in range(3):
            await audit.record(app, Action.SIGNED_IN)
        await audit.chain(app, {})
        head = await audit.head()
        await audit.record(app, Action.SIGNED_IN)
    status, out, err = await run(programs, settings, "worker.audit", str(head))
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "3 events of the audit log are as they were written.",
        "Keep its head elsewhere, to see later that its end was not cut off or written anew:",
        f"  make audit-verify HEAD={head}",
        "1 more wait for their place.",
    ]
    with app.database.bound():
        await AuditEvent.filter(sequence=None).update(at=app.clock.now() - timedelta(minutes=3))
    out = (await run(programs, settings, "worker.audit"))[1]
    assert "The oldest has waited since " in out
    assert out.endswith(" UTC: does a worker run?\n")


async def test_audit_verify_tells_the_first_event_that_was_changed(
    app: App, settings: Settings, programs: Programs
) -> None:
    """In a sentence, with status 1; so does an end that differs from the one that was kept."""
    with app.database.bound():
        for _ in range(3):
            await audit.record(app, Action.SIGNED_IN)
        await audit.chain(app, {})
        head = await audit.head()
        await AuditEvent.filter(sequence=3).delete()
    said = "The audit log has been changed. The chain ends at 2, before the event whose hash was kept.\n"
    assert await run(programs, settings, "worker.audit", str(head)) == (1, "", said)
    with app.database.bound():
        await AuditEvent.filter(sequence=2).update(user_id=7)
    said = "The audit log has been changed. Event 2 (id 2, account.signed_in) is not what was written.\n"
    assert await run(programs, settings, "worker.audit") == (1, "", said)


@pytest.mark.parametrize("head", ["3", "x:y", "1:" + "g" * 64, "1:" + "0" * 65])
def test_a_head_that_is_none_is_refused(programs: Programs, head: str) -> None:
    """Before anything is read."""
    program = programs.run("-m", "worker.audit", head)
    assert program.process.wait(30) == 2
    assert "HEAD: a number, a colon and 64 hexadecimal digits" in program.err


def test_make_hands_the_head_over_as_data() -> None:
    """It reaches the program from the command line alone, and no shell reads it."""
    dry = ["make", "-n", "audit-verify", "HEAD=1:a$(shell echo b)`echo c`"]
    said = subprocess.run(
        dry, cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout
    assert '-m worker.audit "$HEAD"' in said
    assert "1:a" not in said


async def test_a_server_keeps_the_schedule(porchlight: Porchlight, clock: ManualClock) -> None:
    """What happened is chained within a minute, without anybody's doing."""
    await porchlight.register()

    async def chained() -> bool:
        with porchlight.app.database.bound():
            return await audit.waiting() == (0, None) and (await audit.head()).sequence > 0

    await clock.advance(timedelta(seconds=30))
    await until(chained)
    with porchlight.app.database.bound():
        assert (await audit.verify(porchlight.app)).sequence == 1


async def test_a_worker_of_its_own_keeps_the_schedule(
    programs: Programs, postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    """`make worker` too."""
    shared = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET}
    settings = settings_for(postgres_url, redis_url, f"outbox://{tmp_path / 'outbox'}", jobs="external")
    worker = programs.run("-m", "worker", JOBS="external", **shared)
    async with open_app(settings) as app:
        with app.database.bound():
            await until(lambda: Job.filter(kind=audit.CHAIN, done_at__isnull=False).exists(), 30)
            assert {job.kind for job in await Job.all()} >= {each.kind for each in SCHEDULE}
    assert await worker.stop() == 0
