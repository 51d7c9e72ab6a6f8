"""What a schema is, read from the database itself, and histories of migrations that are made for one test."""

import itertools
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tortoise.context import get_current_context

from adapters.database import Database
from adapters.database.migrating import downgrade, make, make_empty, migrate
from tests.services.postgres import PostgresServer

Column = tuple[Any, ...]

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


@dataclass
class Shape:
    """One table: columns by name, and its indexes and constraints, without the names given to them."""

    columns: dict[str, Column] = field(default_factory=dict)
    rules: list[Any] = field(default_factory=list)


async def shapes(database: Database) -> dict[str, Shape]:
    """The tables of a database, less those that are not the models'."""
    found = await (_sqlite(database) if database.dialect == "sqlite" else _postgres(database))
    found.pop("tortoise_migrations", None)
    for shape in found.values():
        shape.rules.sort()
    return found


async def _sqlite(database: Database) -> dict[str, Shape]:
    found = {}
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for table in await database.rows(query):
        name = table["name"]
        shape = found[name] = Shape()
        for row in await database.rows(f'PRAGMA table_info("{name}")'):
            shape.columns[row["name"]] = (row["type"], row["notnull"], row["dflt_value"], row["pk"])
        for row in await database.rows(f'PRAGMA foreign_key_list("{name}")'):
            shape.rules.append(("foreign key", row["from"], row["table"], row["to"], row["on_delete"]))
        for row in await database.rows(f'PRAGMA index_list("{name}")'):
            columns = [column["name"] for column in await database.rows(f'PRAGMA index_info("{row["name"]}")')]
            if row["origin"] != "pk":
                shape.rules.append(("unique" if row["unique"] else "index", *columns))
        shape.rules += [("check", text) for text in re.findall(r"CHECK \(.*?\)", table["sql"])]
        shape.rules += [("counted",)] * ("AUTOINCREMENT" in table["sql"])
    return found


async def _postgres(database: Database) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    columns = (
        "SELECT table_name, column_name, data_type, character_maximum_length AS length, is_nullable,"
        " column_default, is_identity, numeric_precision, numeric_scale"
        " FROM information_schema.columns WHERE table_schema = 'public'"
    )
    for row in await database.rows(columns):
        shape = found.setdefault(row.pop("table_name"), Shape())
        shape.columns[row.pop("column_name")] = tuple(row.values())
    rules = (
        "SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS text FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace UNION ALL"
        " SELECT tablename, regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') FROM pg_indexes"
        " WHERE schemaname = 'public'"
    )
    for row in await database.rows(rules):
        found[row["name"].strip('"')].rules.append(row["text"])
    return found


@asynccontextmanager
async def opened(url: str, models: str = "models", **options: Any) -> AsyncGenerator[Database]:
    """An open database, closed afterwards."""
    database = Database(url, models=[models], **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def shapes_of(url: str) -> dict[str, Shape]:
    """The tables of a database that is not open."""
    async with opened(url) as database:
        return await shapes(database)


async def count(url: str, *tables: str) -> list[int]:
    """How many rows each table of a database has."""
    async with opened(url) as database:
        return [(await database.rows(f'SELECT count(*) AS n FROM "{table}"'))[0]["n"] for table in tables]  # ruff: ignore[hardcoded-sql-expression] -- the test's own names


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
    """A history without steps."""
    monkeypatch.syspath_prepend(tmp_path)
    return History(tmp_path)


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
