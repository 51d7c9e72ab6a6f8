import asyncio
import inspect
import itertools
import sqlite3
import stat
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tortoise.connection import ConnectionHandler
from tortoise.context import TortoiseContext, get_current_context
from tortoise.exceptions import IntegrityError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor

from adapters.database import Database, pending
from adapters.database.__main__ import main
from adapters.database.migrating import BrokenReferencesError, downgrade, make, make_empty, migrate
from core.errors import Unavailable
from models import Device, Job, Session, Trial, User
from tests.services.postgres import PostgresServer
from tests.services.schemas import Shape, shapes

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
    empty_database_url: str, tmp_path: Path, postgres_server: PostgresServer
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
            await database.execute("INSERT INTO items (owner_id, code, size, shade, label) VALUES (3, 'd', 4, 'r', 'n')")
            assert await database.rows("SELECT id FROM items ORDER BY id DESC LIMIT 1") == [{"id": 4}]
        assert await make("nothing", history=history.name, models=[after]) is None

    async def test_named_constraints(self, history: History, empty_database_url: str) -> None:
        """Checks and named unique constraints hold from the first table on, through changes, and go when removed."""
        url = empty_database_url
        await history.step(
            BEFORE.replace("from tortoise.models", "from tortoise.migrations.constraints import *\nfrom tortoise.models")
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
