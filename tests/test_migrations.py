import asyncio
import inspect
import itertools
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionContext
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import ConnectionHandler, get_connection
from tortoise.context import get_current_context
from tortoise.exceptions import OperationalError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor

import migrations
from adapters.database import Database, migrating, pending
from adapters.database.__main__ import main
from adapters.database.addresses import PostgresServer, SqliteFile, parse
from adapters.database.migrating import BrokenReferencesError, downgrade, make, make_empty, migrate
from adapters.database.schema import SqliteEditor
from core.errors import Unavailable
from models import Device, Job, Session, Trial, User
from tests.services import postgres
from tests.services.schemas import Shape, shapes

ROOT = Path(migrations.__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

BEFORE = """
from tortoise import fields
from tortoise.models import Model

class Owner(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20, unique=True)
    nick = fields.CharField(max_length=20, null=True)
    class Meta:
        table = "owners"

class Item(Model):
    id = fields.IntField(primary_key=True)
    owner = fields.ForeignKeyField("models.Owner", related_name="items")
    card = fields.OneToOneField("models.Owner", related_name="card", null=True)
    reviewer = fields.ForeignKeyField("models.Owner", related_name="reviews", null=True)
    code = fields.CharField(max_length=20)
    size = fields.IntField()
    shade = fields.CharField(max_length=20, db_index=True)
    label = fields.CharField(max_length=20, unique=True)
    weight = fields.IntField(null=True)
    class Meta:
        table = "items"
        unique_together = (("owner", "code"), ("code", "size"))
        indexes = (("owner", "size"), ("weight",))

class Part(Model):
    id = fields.IntField(primary_key=True)
    item = fields.ForeignKeyField("models.Item", related_name="parts")
    class Meta:
        table = "parts"
"""

AFTER = """
from tortoise import fields
from tortoise.models import Model

class Tag(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20, unique=True)
    class Meta:
        table = "tags"

class Owner(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=20, unique=True)
    nickname = fields.CharField(max_length=20, null=True)
    class Meta:
        table = "owners"

class Item(Model):
    id = fields.IntField(primary_key=True)
    owner = fields.ForeignKeyField("models.Owner", related_name="items")
    card = fields.OneToOneField("models.Owner", related_name="card", null=True)
    parent = fields.ForeignKeyField("models.Item", related_name="children", null=True)
    double = fields.OneToOneField("models.Item", related_name="original", null=True)
    tags = fields.ManyToManyField("models.Tag", related_name="items", through="item_tags")
    code = fields.CharField(max_length=40)
    size = fields.IntField(null=True)
    shade = fields.CharField(max_length=20)
    label = fields.CharField(max_length=20)
    state = fields.CharField(max_length=12, db_default="one; two", db_index=True)
    serial = fields.CharField(max_length=8, null=True, unique=True)
    class Meta:
        table = "items"
        unique_together = (("owner", "code"), ("label", "shade"))
        indexes = (("owner", "size"), ("parent",))

class Part(Model):
    id = fields.IntField(primary_key=True)
    item = fields.ForeignKeyField("models.Item", related_name="parts")
    class Meta:
        table = "parts"
"""

_numbers = itertools.count()


class History:
    """A history of migrations of its own, in a folder, made from the models of its steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"history_{next(_numbers)}"
        self.package = folder / self.name
        self.package.mkdir()
        (self.package / "__init__.py").touch()

    def models(self, source: str) -> str:
        name = f"{self.name}_models_{next(_numbers)}"
        (self.folder / f"{name}.py").write_text(source)
        return name

    async def step(self, source: str) -> str:
        """Write the migration to the models of `source`, and give their module's name."""
        models = self.models(source)
        assert await make("step", history=self.name, models=[models])
        return models

    def hand_made(self, operations: str) -> None:
        """Write a migration with these operations."""
        file = make_empty("by hand", history=self.name)
        text = file.read_text()
        head = "from tortoise.indexes import Index\nfrom tortoise.migrations.constraints import *\n"
        head += "from tortoise import fields\n"
        file.write_text(head + text.replace("operations = [", f"operations = [{operations}"))

    async def up(self, url: str, target: str | None = None) -> list[str]:
        return await migrate(url, target, history=self.name)

    async def down(self, url: str, target: str) -> list[str]:
        return await downgrade(url, target, history=self.name)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.syspath_prepend(tmp_path)
    return History(tmp_path)


@asynccontextmanager
async def opened(url: str, models: str = "models") -> AsyncGenerator[Database]:
    database = Database(url, models=[models])
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def shapes_of(url: str) -> dict[str, Shape]:
    async with opened(url) as database:
        return await shapes(database)


@pytest.fixture
async def fresh(
    empty_database_url: str, tmp_path: Path, postgres_server: postgres.PostgresServer
) -> AsyncGenerator[Callable[[str], Any]]:
    """What generate_schemas() makes of a module of models, in another database of the same dialect."""
    on_postgres = empty_database_url.startswith("postgres")
    made = []

    async def make_fresh(models: str) -> dict[str, Shape]:
        url = await postgres_server.create() if on_postgres else f"sqlite://{tmp_path / 'fresh' / models}"
        made.append(url)
        async with opened(url, models) as database:
            with database.bound():
                context = get_current_context()
                assert context is not None
                await context.generate_schemas()
            return await shapes(database)

    yield make_fresh
    for url in made if on_postgres else []:
        await postgres_server.drop(url)


async def count(url: str, *tables: str) -> list[int]:
    async with opened(url) as database:
        return [(await database.rows(f'SELECT count(*) AS n FROM "{table}"'))[0]["n"] for table in tables]


class TestOurHistory:
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


async def seed(url: str) -> None:
    """One row of each table, twice."""
    async with opened(url) as database:
        for name in ("ada", "bob"):
            async with database.transaction():
                user = await User.create(email=name, email_key=name, password_hash="-", created_at=NOW)
                seen = {"first_seen_at": NOW, "last_seen_at": NOW}
                device = await Device.create(user=user, key_hash=name, name="Firefox", **seen)
                until = {"created_at": NOW, "rotated_at": NOW, "expires_at": NOW + timedelta(days=1)}
                await Session.create(key=name, user=user, device=device, salt=b"\0", counter=0, **until)
                period = {"started_at": NOW, "ends_at": NOW + timedelta(days=14)}
                await Trial.create(user=user, person_key=name, plan_key="pro", **period)
                await Job.create(kind="mail", payload={"to": name}, dedup_key=name, created_at=NOW)


class TestChangedTables:
    """Altered, dropped, added and renamed columns; relations; indexes and constraints come and go."""

    async def test_every_kind_of_change(
        self, history: History, empty_database_url: str, fresh: Callable[[str], Any]
    ) -> None:
        """Up, down and up again: no row is lost, no index, no constraint, and no difference to a fresh schema."""
        url = empty_database_url
        before = await history.step(BEFORE)
        await history.up(url)
        async with opened(url) as database:
            for number in (1, 2, 3):
                await database.execute(f"INSERT INTO owners (name) VALUES ('owner {number}')")
                values = f"{number}, {number}, 'c', {number}, 'red', 'l{number}'"
                columns = "owner_id, card_id, code, size, shade, label"
                await database.execute(f"INSERT INTO items ({columns}) VALUES ({values})")
                await database.execute(f"INSERT INTO parts (item_id) VALUES ({number}), ({number})")
            await database.execute("DELETE FROM items WHERE id = 3")
        old = await shapes_of(url)
        assert old == await fresh(before)

        after = await history.step(AFTER)
        for _ in range(2):
            assert len(await history.up(url)) == 1
            assert await shapes_of(url) == await fresh(after)
            assert await count(url, "owners", "items", "parts") == [3, 2, 4]
            assert len(await history.down(url, "0001")) == 1
            assert await shapes_of(url) == old
            assert await count(url, "owners", "items", "parts") == [3, 2, 4]
        async with opened(url) as database:
            await database.execute(
                "INSERT INTO items (owner_id, code, size, shade, label) VALUES (3, 'd', 4, 'r', 'n')"
            )
            assert await database.rows("SELECT id FROM items ORDER BY id DESC LIMIT 1") == [{"id": 4}]
        assert await make("nothing", history=history.name, models=[after]) is None

    async def test_named_constraints(self, history: History, empty_database_url: str) -> None:
        """Checks and named unique constraints hold from the first table on, through changes, and go when removed."""
        url = empty_database_url
        await history.step(
            BEFORE.replace(
                "from tortoise.models", "from tortoise.migrations.constraints import *\nfrom tortoise.models"
            )
            + "        constraints = [CheckConstraint('item_id < 9', 'few'),"
            " UniqueConstraint(('item',), 'one_part_each')]\n"
        )
        history.hand_made(
            "ops.AlterField('Part', 'id', fields.BigIntField(primary_key=True)),"
            "ops.RenameConstraint('Part', 'one_part_each', 'one_each'),"
            "ops.AddConstraint('Owner', UniqueConstraint(('nick',), 'nick_once'))"
        )
        history.hand_made("ops.RemoveConstraint('Part', 'few'), ops.RemoveConstraint('Part', 'one_each')")
        parts = {}
        for target in ("0001", "0002", "0003", "0002", "0001"):
            await (history.up(url, target) if target not in parts or target == "0003" else history.down(url, target))
            rules = (await shapes_of(url))["parts"].rules
            assert parts.setdefault(target, rules) == rules
        checks = [len([rule for rule in parts[target] if "9" in str(rule)]) for target in sorted(parts)]
        assert checks == [1, 1, 0]
        assert len(parts["0001"]) == len(parts["0002"])

    async def test_data_between_changes(self, history: History, empty_database_url: str) -> None:
        """A migration may change rows through the models of its time, before and after a change of their table."""
        await history.step(BEFORE)
        history.hand_made(
            "ops.RunPython(add_owner, forget),"
            "ops.AddField('Owner', 'age', fields.IntField(null=True)),"
            "ops.RunPython(add_owner, forget),"
        )
        file = max(history.package.glob("0002*"))
        file.write_text(
            "async def add_owner(apps, editor):\n"
            "    model = apps.get_model('models.Owner')\n"
            "    number = await model.all().count()\n"
            "    await model.create(name=f'owner {number}', **({'age': 7} if 'age' in model._meta.fields else {}))\n"
            "async def forget(apps, editor):\n"
            "    await apps.get_model('models.Owner').all().delete()\n" + file.read_text()
        )
        await history.up(empty_database_url)
        async with opened(empty_database_url) as database:
            rows = await database.rows("SELECT name, age FROM owners ORDER BY id")
        assert rows == [{"name": "owner 0", "age": None}, {"name": "owner 1", "age": 7}]
        await history.down(empty_database_url, "0001")
        assert await count(empty_database_url, "owners") == [0]

    async def test_what_was_made_by_hand(self, history: History, empty_sqlite_url: str) -> None:
        """A rebuilt table keeps the indexes and triggers of SQL statements, less those on a column that is gone."""
        await history.step(BEFORE)
        await history.up(empty_sqlite_url)
        async with opened(empty_sqlite_url) as database:
            await database.execute("CREATE UNIQUE INDEX heavy ON items (code) WHERE weight > 9")
            await database.execute("CREATE INDEX gone ON items (code, reviewer_id)")
            await database.execute("CREATE TRIGGER seen AFTER DELETE ON items BEGIN DELETE FROM parts; SELECT 1; END")
        history.hand_made("ops.RemoveField('Item', 'reviewer')")
        await history.up(empty_sqlite_url)
        async with opened(empty_sqlite_url) as database:
            kept = await database.rows("SELECT name, sql FROM sqlite_master WHERE name IN ('heavy', 'gone', 'seen')")
        assert sorted(row["name"] for row in kept) == ["heavy", "seen"]
        assert "WHERE weight > 9" in kept[0]["sql"]

    async def test_rebuilding_with_foreign_keys_on(self, sqlite_url: str) -> None:
        """It is refused: dropping the old table would delete the rows that refer to it."""
        await seed(sqlite_url)
        async with opened(sqlite_url) as database, database.transaction():
            with pytest.raises(RuntimeError, match="delete the rows"):
                await SqliteEditor(get_connection("default"))._remake_table(User)
        assert await count(sqlite_url, "users", "sessions") == [2, 2]

    async def test_a_partial_constraint(self, history: History, empty_database_url: str) -> None:
        """A unique constraint with a condition is made on PostgreSQL from the first table on, and refused on SQLite."""
        await history.step(
            BEFORE.replace(
                "from tortoise.models", "from tortoise.migrations.constraints import *\nfrom tortoise.models"
            )
            + "        constraints = [UniqueConstraint(('item',), 'one_part', \"id > 5\")]\n"
        )
        if empty_database_url.startswith("sqlite"):
            with pytest.raises(NotImplementedError):
                await history.up(empty_database_url)
        else:
            await history.up(empty_database_url)
            rules = (await shapes_of(empty_database_url))["parts"].rules
            assert any("WHERE (id > 5)" in rule for rule in rules)

    async def test_a_primary_key_that_changed(self, history: History) -> None:
        """Tortoise would drop the column and its values: no such migration is written."""
        await history.step(BEFORE)
        changed = history.models(BEFORE.replace("id = fields.IntField(", "id = fields.BigIntField("))
        with pytest.raises(ValueError, match="AlterField"):
            await make("wide", history=history.name, models=[changed])


class TestRunning:
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
        with pytest.raises(BrokenReferencesError, match="1 rows .* items -> owners"):
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
        assert not Path(url.removeprefix("sqlite://")).exists()
        await two_steps.up(url, "0001")
        assert await pending(url, history=two_steps.name) == ["0002_by_hand"]
        await two_steps.up(url)
        assert await pending(url, history=two_steps.name) == []


async def applied(url: str) -> list[str]:
    async with opened(url) as database:
        return [row["name"] for row in await database.rows("SELECT name FROM tortoise_migrations ORDER BY name")]


class TestCommand:
    def test_round(self, empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Apply, look, undo: each says what it did, and `pending` has a status for scripts."""
        url = empty_database_url
        statuses = [
            main(command.split(), url)
            for command in ("pending", "migrate", "pending", "migrate", "make any", "downgrade zero", "downgrade zero")
        ]
        said = capsys.readouterr().out
        assert statuses == [1, 0, 0, 0, 0, 0, 0]
        assert said.count("0001_initial\n") == 3
        for otherwise in ("Nothing is pending.", "Nothing to apply.", "ask for nothing.", "Nothing to undo."):
            assert said.count(otherwise) == 1

    def test_making(self, tmp_path: Path) -> None:
        """In a house without migrations, `make` writes the first and `empty` the second."""
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations" / "__init__.py").touch()
        for command in ("make initial", "empty later"):
            run([sys.executable, "-m", "adapters.database", *command.split()], cwd=tmp_path)
        made = sorted(file.name for file in (tmp_path / "migrations").glob("0*.py"))
        assert made == ["0001_initial.py", "0002_later.py"]
        ours = Path(migrations.__file__).with_name("0001_initial.py")
        assert (tmp_path / "migrations" / "0001_initial.py").read_text() == ours.read_text()

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
    ("url", "expected"),
    [
        ("sqlite://var/a.sqlite3", SqliteFile(Path("var/a.sqlite3"))),
        ("sqlite:///var/a%20b?busy_timeout=9", SqliteFile(Path("/var/a b"), 9)),
        ("postgres://ada:p%40ss@db:6432/shop", PostgresServer("db", 6432, "ada", "p@ss", "shop", None)),
        ("postgresql://u:@/shop?host=/run/pg", PostgresServer("/run/pg", 5432, "u", None, "shop", None)),
        (
            "postgres:///shop?host=/run/pg&port=1&user=u&password=p&sslmode=require",
            PostgresServer("/run/pg", 1, "u", "p", "shop", "require"),
        ),
        ("postgres://[::1]/", PostgresServer("::1", 5432, None, None, None, None)),
    ],
)
def test_addresses(url: str, expected: SqliteFile | PostgresServer) -> None:
    """Files and servers by TCP or Unix socket, with what is quoted unquoted."""
    assert parse(url) == expected
    assert "p@ss" not in repr(parse(url))
    assert expected.dialect == url[: len(expected.dialect)]


@pytest.mark.parametrize(
    "url", ["mysql://secret@x/y", "sqlite://", "sqlite://:memory:", "sqlite://a/", "postgres://u:secret@h/x?pool=1"]
)
def test_wrong_addresses(url: str) -> None:
    """What we cannot open is refused before anything starts, without saying the password."""
    with pytest.raises(ValueError, match=r"URL") as refused:
        parse(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        (BaseSchemaEditor._get_model_sql_data, "(self, model: 'type[Model]') -> 'ModelSqlData'"),
        (BaseSchemaEditor._get_inner_statements, "(self) -> 'list[str]'"),
        (
            BaseSchemaEditor._get_index_sql,
            "(self, model: 'type[Model]', field_names: 'list[str]', safe: 'bool' = False, "
            "index_name: 'str | None' = None, index_type: 'str | None' = None, extra: 'str | None' = None) -> 'str'",
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
