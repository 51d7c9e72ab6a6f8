# ruff: file-ignore[hardcoded-sql-expression] -- made of the test's own words

from collections.abc import Callable
from typing import Any

import pytest
from tortoise.connection import get_connection

from adapters.database.migrating import make
from adapters.database.schema import SqliteEditor
from models import User
from tests.services.schemas import BEFORE, History, count, opened, shapes_of

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
        parts: dict[str, list[Any]] = {}
        for target in ("0001", "0002", "0003", "0002", "0001"):
            await (history.up(url, target) if target not in parts or target == "0003" else history.down(url, target))
            rules = (await shapes_of(url))["parts"].rules
            assert parts.setdefault(target, rules) == rules
        checks = [len([rule for rule in parts[target] if "9" in str(rule)]) for target in sorted(parts)]
        assert checks == [1, 1, 0]
        assert len(parts["0001"]) == len(parts["0002"])

    async def test_columns_and_indexes_with_names_of_their_own(self, history: History, empty_database_url: str) -> None:
        """A column renamed and widened at once keeps its values; named indexes and those on expressions stay."""
        url = empty_database_url
        await history.step(BEFORE)
        history.hand_made(
            "ops.AlterField('Owner', 'nick', fields.CharField(max_length=30, null=True, source_field='called')),"
            "ops.AddIndex('Owner', Index(fields=['nick'], name='by_nick')),"
            "ops.AddIndex('Owner', Index(RawSQL('lower(name)'), name='by_lower_name')),"
        )
        file = max(history.package.glob("0002*"))
        file.write_text(f"from tortoise.expressions import RawSQL\n{file.read_text()}")
        history.hand_made("ops.AlterField('Owner', 'name', fields.CharField(max_length=30)),")
        await history.up(url, "0001")
        old = await shapes_of(url)
        async with opened(url) as database:
            await database.execute("INSERT INTO owners (name, nick) VALUES ('Ada', 'ada')")
        await history.up(url)
        async with opened(url) as database:
            assert await database.rows("SELECT called FROM owners") == [{"called": "ada"}]
            catalogue = "sqlite_master" if database.dialect == "sqlite" else "pg_indexes"
            name = "name" if database.dialect == "sqlite" else "indexname"
            found = await database.rows(f"SELECT {name} AS name FROM {catalogue} WHERE {name} LIKE 'by_%' ORDER BY 1")
        assert [row["name"] for row in found] == ["by_lower_name", "by_nick"]
        await history.down(url, "0001")
        assert await shapes_of(url) == old

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
        async with opened(sqlite_url) as database, database.transaction():
            with pytest.raises(RuntimeError, match="delete the rows"):
                await SqliteEditor(get_connection("default"))._remake_table(User)

    async def test_a_partial_constraint(self, history: History, empty_database_url: str) -> None:
        """A unique constraint with a condition is made on PostgreSQL from the first table on, and refused on SQLite."""
        await history.step(
            BEFORE.replace(
                "from tortoise.models", "from tortoise.migrations.constraints import *\nfrom tortoise.models"
            )
            + "        constraints = [UniqueConstraint(('item',), 'one_part', \"id > 5\")]\n"
        )
        if empty_database_url.startswith("sqlite"):
            with pytest.raises(NotImplementedError, match="Partial unique indexes"):  # Tortoise makes none on SQLite
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
