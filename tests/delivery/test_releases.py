import asyncio
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.fields.base import Field
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import Operation

from adapters.database import migrating
from adapters.database.history import on_disk, pending
from adapters.database.migrating import downgrade, migrate
from core.errors import Unavailable
from core.settings import VARIABLES
from tests.delivery.releases import THIS, VISITORS, Drill, Fleet, check_the_ledger, environment_of, next_release
from tests.services.schemas import opened, shapes_of

FIRST = "0030"
"""What came before was never run beside other code: there was no release yet."""
NARROWING: dict[str, str] = {}
"""Migrations that the code of the release before does not bear, and how they are rolled out."""
ASKED = "SELECT count(*) AS n FROM users WHERE nickname IS NOT NULL"


@pytest.mark.timeout(300)
async def test_one_release_forward_and_back(empty_postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """Schema, servers and worker go forward and back while people register, and nobody notices.

    No request fails; who was told that they are registered is, with one welcome letter each; the new column is filled
    by its migration and by the new code; and the schema ends as it began.
    """
    home, url = tmp_path / "home", empty_postgres_url
    home.mkdir()
    THIS.schema(url, "migrate")
    began, newest = await shapes_of(url), on_disk("migrations")[-1]
    after = next_release(tmp_path / "next", url)
    drill = Drill(url, Fleet(home, environment_of(url, redis_url, home)))
    fleet = drill.fleet
    try:
        await drill.begin(THIS)
        async with fleet.traffic():
            applied = await drill.forward(THIS, after)
            assert applied == [f"{int(newest[:4]) + 1:04}_nickname"]
            async with opened(url) as database:
                before = (await database.rows(ASKED))[0]["n"]
                await fleet.visited(VISITORS + 3)  # as many may have been written and not yet told
                assert (await database.rows(ASKED))[0]["n"] >= before + 3 > 3
            assert await drill.back(THIS, after, newest) == applied
        assert fleet.ledger.failures == []
        await check_the_ledger(fleet, url, home)
    finally:
        fleet.end()
    assert await shapes_of(url) == began
    assert [step.failures for step in drill.steps] == [0] * 5
    assert min(step.requests for step in drill.steps) > 0


def bears(operation: Operation) -> bool:
    """Whether code that knows nothing of an operation goes on as before, with rows that it writes without it."""
    match operation:
        case ops.CreateModel() | ops.AddIndex() | ops.RemoveIndex() | ops.RunPython():
            return True
        case ops.RunSQL(sql=str() as statement):
            return statement.lstrip().upper().startswith(("UPDATE ", "INSERT "))
        case ops.AddField(field=Field() as added):
            return bool(added.null or added.has_db_default())
        case _:
            return False


def test_migrations_are_borne_by_the_release_before() -> None:
    """New ones add tables, indexes and columns that may be left out; what takes away is listed with its way."""
    narrowing = {
        name
        for name in on_disk("migrations")
        if name >= FIRST and not all(map(bears, import_module(f"migrations.{name}").Migration.operations))
    }
    assert narrowing == set(NARROWING)
    assert all(NARROWING.values())


def test_what_takes_away_is_seen() -> None:
    """The history has some of these, from before the first release."""
    found = {
        name: [
            type(each).__name__ for each in import_module(f"migrations.{name}").Migration.operations if not bears(each)
        ]
        for name in ("0007_email_code", "0024_profile", "0029_taste")
    }
    assert found == {
        "0007_email_code": ["AlterField"],
        "0024_profile": ["AlterField"] * 3 + ["RunSQL"] + ["RemoveField"] * 3,
        "0029_taste": [],
    }
    assert not bears(ops.RunSQL("ALTER TABLE users DROP COLUMN name", "SELECT 1"))
    assert bears(ops.RunSQL("UPDATE users SET nickname = name", "SELECT 1"))


async def test_an_index_that_was_made_by_hand_is_left_as_it_is(postgres_url: str) -> None:
    """A large table is indexed before the release, without a lock; the migration goes on to what comes after it."""
    before, after = "0027_epochs", "0028_batches_of_interactions"
    named = "SELECT indexdef, indexrelid FROM pg_indexes JOIN pg_stat_all_indexes ON indexname = indexrelname "
    async with opened(postgres_url) as database:
        (made,) = await database.rows(f"{named} WHERE indexdef LIKE '%interactions%(user_id, batch)'")
        assert (await downgrade(postgres_url, before))[-1] == after
        await database.execute(made["indexdef"].replace("INDEX", "INDEX CONCURRENTLY"))
        (by_hand,) = await database.rows(f"{named} WHERE indexdef = $1", [made["indexdef"]])
        assert (await migrate(postgres_url))[0] == after
        assert await database.rows(f"{named} WHERE indexdef = $1", [made["indexdef"]]) == [by_hand]


async def test_a_migration_does_not_keep_everybody_waiting(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It gives up when a table is not to be had, for others queue behind it. Nothing was changed; it may try again."""
    monkeypatch.setattr(migrating, "TABLE_SECONDS", 0.1)
    newest = on_disk("migrations")[-1]
    async with opened(postgres_url) as database:
        async with database.transaction():
            tables = await database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            await database.execute(f"LOCK TABLE {', '.join(row['tablename'] for row in tables)} IN ROW EXCLUSIVE MODE")
            with pytest.raises(Unavailable):
                await downgrade(postgres_url, on_disk("migrations")[-2])
        assert await pending(postgres_url) == []
    assert await downgrade(postgres_url, on_disk("migrations")[-2]) == [newest]
    outer = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    gone = {**outer, "DATABASE_URL": f"{postgres_url}_of_nobody"}
    problems = {
        ("migrate",): "The database is busy or out of reach. Try again shortly.\n",
        ("downgrade", "0000"): "0000 names 0 migrations, not one.\n",
    }
    for arguments, problem in problems.items():
        command = [sys.executable, "-m", "adapters.database", *arguments]
        done = await asyncio.to_thread(subprocess.run, command, env=gone, cwd=THIS.tree, check=False)
        assert (done.returncode, capfd.readouterr().err) == (1, problem)
