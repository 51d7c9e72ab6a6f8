# ruff: file-ignore[hardcoded-sql-expression] -- made of the test's own words

import asyncio
import inspect
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionContext
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import ConnectionHandler
from tortoise.context import get_current_context
from tortoise.exceptions import OperationalError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor

import migrations
from adapters.database import __main__ as command
from adapters.database import migrating, pending
from adapters.database.migrating import BrokenReferencesError, downgrade, make, make_empty, migrate
from adapters.database.schema import SqliteEditor
from core.errors import Unavailable
from models import Device, Job, Session, Trial, User
from tests.services.schemas import BEFORE, History, count, opened, shapes_of

ROOT = Path(migrations.__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class TestOurHistory:
    """The migrations of this house."""

    async def test_up_down_up(self, empty_database_url: str, fresh: Callable[[str], Any]) -> None:
        """The history leads to the models' schema, back to nothing and up again, whatever is stored."""
        url = empty_database_url
        names = await pending(url)
        assert names[0] == "0001_initial"
        assert await migrate(url) == names
        assert await pending(url) == []
        assert await migrate(url) == []
        assert await shapes_of(url) == await fresh("models")
        await seed(url)
        assert await downgrade(url, "zero") == names[::-1]
        assert await shapes_of(url) == {}
        assert await migrate(url) == names
        await seed(url)
        assert await shapes_of(url) == await fresh("models")

    async def test_step_by_step(self, empty_database_url: str, fresh: Callable[[str], Any]) -> None:
        """One migration after the other leads to the schema that an empty database gets at once."""
        names = await pending(empty_database_url)
        assert await migrate(empty_database_url, "0001") == names[:1]
        assert await migrate(empty_database_url) == names[1:]
        assert await shapes_of(empty_database_url) == await fresh("models")

    async def test_nothing_left_to_make(self) -> None:
        """The models ask for no migration that is not there."""
        assert await make("nothing") is None

    async def test_of_an_open_database(self, database_url: str) -> None:
        """Migrating leaves the models of an open database as they were."""
        async with opened(database_url) as database:
            with database.bound():
                await User.create(email="ada", email_key="ada", password_hash="-", created_at=NOW)
            await migrate(database_url)
            with database.bound():
                await User.create(email="bob", email_key="bob", password_hash="-", created_at=NOW)
                assert await User.all().count() == 2


PERSON = """
INSERT INTO users (email, email_key, password_hash, role, created_at) VALUES ($1, $1, '-', 'USER', $2) RETURNING id
"""


async def seed(url: str) -> None:
    """One row of each table, twice; of people the columns that every migration knows."""
    async with opened(url) as database:
        for name in ("ada", "bob"):
            async with database.transaction():
                user = (await database.rows(PERSON, [name, NOW]))[0]["id"]
                seen: dict[str, Any] = {"first_seen_at": NOW, "last_seen_at": NOW}
                device = await Device.create(user_id=user, key_hash=name, name="Firefox", **seen)
                until: dict[str, Any] = {"created_at": NOW, "rotated_at": NOW, "expires_at": NOW + timedelta(days=1)}
                await Session.create(key=name, user_id=user, device=device, salt=b"\0", counter=0, **until)
                period: dict[str, Any] = {"started_at": NOW, "ends_at": NOW + timedelta(days=14)}
                await Trial.create(user_id=user, person_key=name, plan_key="pro", **period)
                await Job.create(kind="mail", payload={"to": name}, dedup_key=name, created_at=NOW)


class TestRunning:
    """Once, wholly or not at all, whoever else is about."""

    @pytest.fixture
    async def two_steps(self, history: History) -> History:
        await history.step(BEFORE)
        history.hand_made("ops.AddField('Owner', 'age', fields.IntField(null=True))")
        return history

    async def test_a_migration_that_fails(self, two_steps: History, empty_database_url: str) -> None:
        """Neither it nor those before it leave anything; what was applied earlier stays."""
        url = empty_database_url
        two_steps.hand_made(
            "ops.RunSQL('INSERT INTO owners (name, age) VALUES (\\'ada\\', 7)'),"
            "ops.AddIndex('Owner', Index(fields=['nonsense']))"
            if url.startswith("postgres")
            else "ops.RunSQL('INSERT INTO owners (name, age) VALUES (\\'ada\\', 7)'),ops.RunSQL('nonsense')"
        )
        assert await two_steps.up(url, "0001") == ["0001_step"]
        before = await shapes_of(url)
        with pytest.raises(OperationalError):
            await two_steps.up(url)
        assert await shapes_of(url) == before
        assert await count(url, "owners") == [0]
        assert len(await pending(url, history=two_steps.name)) == 2
        assert await two_steps.up(url, "0002") == ["0002_by_hand"]

    async def test_an_interrupted_migration(self, history: History, empty_database_url: str) -> None:
        """Cancelled half-way it leaves the former state, and the way is free for the next."""
        await history.step(BEFORE)
        history.hand_made("ops.RunSQL('DROP TABLE parts'), ops.RunPython(wait, wait)")
        file = max(history.package.glob("0002*"))
        file.write_text(f"import asyncio\nasync def wait(apps, editor): await asyncio.sleep(60)\n{file.read_text()}")
        await history.up(empty_database_url, "0001")
        before = await shapes_of(empty_database_url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await history.up(empty_database_url)
        assert await shapes_of(empty_database_url) == before
        assert await history.up(empty_database_url, "0001") == []

    async def test_three_at_once(self, empty_database_url: str) -> None:
        """Of three that start together one applies everything and the others find nothing to do."""
        outcomes = await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
        assert sorted(outcomes) == [[], [], await applied(empty_database_url)]

    async def test_rows_that_would_refer_to_nothing(self, history: History, empty_sqlite_url: str) -> None:
        """SQLite does not look while foreign keys are off; so it is looked for at the end, and all is undone."""
        await history.step(BEFORE)
        await history.up(empty_sqlite_url)
        async with opened(empty_sqlite_url) as database:
            await database.execute("INSERT INTO owners (name) VALUES ('ada')")
            values = "1, 'c', 1, 'red', 'l'"
            await database.execute(f"INSERT INTO items (owner_id, code, size, shade, label) VALUES ({values})")
        history.hand_made("ops.RunSQL('DELETE FROM owners')")
        with pytest.raises(BrokenReferencesError, match=r"1 rows .* items -> owners"):
            await history.up(empty_sqlite_url)
        assert await count(empty_sqlite_url, "owners", "items") == [1, 1]

    async def test_copies(self, two_steps: History, empty_sqlite_url: str) -> None:
        """The file as it was is kept beside it, for its owner alone: the last three, and none of an empty one."""
        file = Path(empty_sqlite_url.removeprefix("sqlite://"))
        await two_steps.up(empty_sqlite_url, "0001")
        assert [each.name for each in file.parent.iterdir() if "copy" in each.name] == []
        async with opened(empty_sqlite_url) as database:
            await database.execute("INSERT INTO owners (name) VALUES ('ada')")
        for _ in range(2):
            await two_steps.up(empty_sqlite_url)
            await two_steps.up(empty_sqlite_url)
            await two_steps.down(empty_sqlite_url, "0001")
        copies = sorted(each for each in file.parent.iterdir() if "copy" in each.name)
        assert [copy.name.removeprefix(file.name) for copy in copies] == [
            f".copy-000{number}-before-0002_by_hand" for number in (2, 3, 4)
        ]
        assert {stat.S_IMODE(copy.stat().st_mode) for copy in copies} == {0o600}
        for copy, columns in zip(copies, (4, 3, 4), strict=True):
            with closing(sqlite3.connect(copy)) as connection:
                (row,) = connection.execute("SELECT * FROM owners")
            assert len(row) == columns

    async def test_a_file_that_stays_locked(self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process that holds the file for too long makes migrating Unavailable."""
        monkeypatch.setattr(migrating, "PATIENCE", 20)
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite://"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable):
                await migrate(sqlite_url)

    async def test_nothing_of_tortoise_is_changed(self, two_steps: History, empty_database_url: str) -> None:
        """No context stays current, the models' own state and the kept statements are as before."""
        before = (dict(EXECUTOR_CACHE), User._meta.app, User._meta.basequery, User._meta.default_connection)
        await two_steps.up(empty_database_url)
        assert (dict(EXECUTOR_CACHE), User._meta.app, User._meta.basequery, User._meta.default_connection) == before
        assert get_current_context() is None
        assert SqliteSchemaEditor._remake_table is not SqliteEditor._remake_table

    async def test_targets(self, two_steps: History, empty_sqlite_url: str) -> None:
        """A target is a name or its number; what names nothing is refused, and up never goes down."""
        assert await two_steps.up(empty_sqlite_url, "0001_step") == ["0001_step"]
        assert await two_steps.up(empty_sqlite_url, "0002") == ["0002_by_hand"]
        with pytest.raises(LookupError, match="names 0"):
            await two_steps.up(empty_sqlite_url, "0003")
        with pytest.raises(ValueError, match="Backward"):
            await two_steps.up(empty_sqlite_url, "0001")
        with pytest.raises(LookupError, match="no package"):
            await pending(empty_sqlite_url, history="nowhere")

    async def test_pending(self, two_steps: History, empty_database_url: str) -> None:
        """Told for a database without tables, a half-way one and a finished one, without creating anything."""
        url = empty_database_url
        assert await pending(url, history=two_steps.name) == ["0001_step", "0002_by_hand"]
        assert not is_file(url)
        await two_steps.up(url, "0001")
        assert await pending(url, history=two_steps.name) == ["0002_by_hand"]
        await two_steps.up(url)
        assert await pending(url, history=two_steps.name) == []


def is_file(url: str) -> bool:
    return Path(url.removeprefix("sqlite://")).exists()


async def applied(url: str) -> list[str]:
    async with opened(url) as database:
        return [row["name"] for row in await database.rows("SELECT name FROM tortoise_migrations ORDER BY name")]


class TestCommand:
    """What a developer types."""

    def test_round(self, empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Apply, look, undo: each says what it did, and `pending` has a status for scripts."""
        url = empty_database_url
        statuses = [
            command.main(words.split(), url)
            for words in ("pending", "migrate", "pending", "migrate", "make any", "downgrade zero", "downgrade zero")
        ]
        said = capsys.readouterr().out
        assert statuses == [1, 0, 0, 0, 0, 0, 0]
        assert said.count("0001_initial\n") == 3
        for otherwise in ("Nothing is pending.", "Nothing to apply.", "ask for nothing.", "Nothing to undo."):
            assert said.count(otherwise) == 1

    def test_empty(self, history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """The file to be filled in is named, so that it can be opened."""
        monkeypatch.setattr(command, "make_empty", partial(make_empty, history=history.name))
        assert command.main(["empty", "Fill in the names"], "sqlite://unused") == 0
        assert Path(capsys.readouterr().out.strip()) == history.package / "0001_fill_in_the_names.py"

    def test_making(self, tmp_path: Path) -> None:
        """In a house without migrations, `make` writes the first and `empty` the second."""
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations" / "__init__.py").touch()
        for words in ("make initial", "empty later"):
            run([sys.executable, "-m", "adapters.database", *words.split()], cwd=tmp_path)
        made = sorted(file.name for file in (tmp_path / "migrations").glob("0*.py"))
        assert made == ["0001_initial.py", "0002_later.py"]
        tables = re.findall(r"'table': '(\w+)'", (tmp_path / "migrations" / "0001_initial.py").read_text())
        assert {"users", "sessions", "trials", "jobs"} < set(tables)

    def test_a_normal_start(self, sqlite_url: str) -> None:
        """Asking what is pending imports neither the migration framework nor the other database's driver."""
        script = (
            "import asyncio, sys; from adapters.database import pending;"
            f"assert asyncio.run(pending({sqlite_url!r})) == [];"
            "print([name for name in ('tortoise.migrations', 'asyncpg') if name in sys.modules])"
        )
        assert run([sys.executable, "-c", script], cwd=ROOT) == "[]\n"


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        (BaseSchemaEditor._get_model_sql_data, "(self, model: 'type[Model]') -> 'ModelSqlData'"),
        (BaseSchemaEditor._get_inner_statements, "(self) -> 'list[str]'"),
        (
            BaseSchemaEditor._get_index_sql,
            (
                "(self, model: 'type[Model]', field_names: 'list[str]', safe: 'bool' = False, index_name: 'str | None'"
                " = None, index_type: 'str | None' = None, extra: 'str | None' = None) -> 'str'"
            ),
        ),
        (BaseSchemaEditor._index_name_for_model, "(self, model: 'type[Model]', index: 'Index') -> 'str'"),
        (
            BaseSchemaEditor._constraint_name_for_model,
            "(self, model: 'type[Model]', constraint: 'UniqueConstraint') -> 'str'",
        ),
        (BaseSchemaEditor._run_sql, "(self, sql: 'str') -> 'None'"),
        (
            SqliteSchemaEditor._remake_table,
            "(self, model, create_field=None, delete_field=None, alter_fields=None) -> 'None'",
        ),
        (SqliteSchemaEditor._alter_field, "(self, model, old_field, new_field) -> 'None'"),
        (SqliteSchemaEditor.add_constraint, "(self, model, constraint) -> 'None'"),
        (SqliteSchemaEditor.remove_constraint, "(self, model, constraint) -> 'None'"),
        (SqliteSchemaEditor.rename_constraint, "(self, model, old_constraint, new_constraint) -> 'None'"),
        (
            MigrationExecutor._schema_editor,
            "(self, atomic: 'bool' = True, collect_sql: 'bool' = False) -> 'BaseSchemaEditor'",
        ),
        (
            ConnectionHandler._init_config,
            "(self, db_config: 'DBConfigType', create_db: 'bool' = False) -> 'None'",
        ),
        (TransactionContext.__aenter__, "(self) -> 'TransactionalDBClient'"),
        (BaseDBAsyncClient._in_transaction, "(self) -> 'TransactionContext'"),
    ],
)
def test_what_we_override_is_still_there(method: Callable[..., Any], signature: str) -> None:
    """These are Tortoise's own affairs: when a new version changes one, our layer must be read again first."""
    assert version("tortoise-orm") == "1.1.9"
    assert str(inspect.signature(method)) == signature
