"""Bringing a schema up to date: Tortoise's own migrations, one history for both databases, with its faults cured.

All that is pending runs in one transaction with its record, under a lock: it is applied once, and wholly or not at all.
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Literal

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget, PlanStep
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import AddField, AlterModelOptions, Operation, RemoveField
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.writer import MigrationWriter, format_migration_name
from tortoise.transactions import in_transaction

from adapters.database.addresses import SqliteFile, parse
from adapters.database.database import active
from adapters.database.failures import reporting
from adapters.database.history import on_disk
from adapters.database.schema import PostgresEditor, SqliteEditor
from adapters.database.states import found, nothing

Direction = Literal["forward", "backward"]

HISTORY = "migrations"
"""Our own. In it, a step on rows changes what is there and makes nothing out of nothing: see `states`."""

CONNECTION = "migrating"
"""Unlike a `Database`'s, so that what Tortoise keeps by connection's name stays apart."""

PATIENCE = 60_000
"""Milliseconds to wait for another process's migration of the same SQLite file."""

TABLE_SECONDS = 5
"""How long a migration waits for a table of PostgreSQL that somebody uses: whoever comes next waits behind it."""

COPIES = 3
"""How many copies of a SQLite file are kept beside it."""

_LOCK = int.from_bytes(b"porchlgt")


class BrokenReferencesError(Exception):
    """A migration would leave rows that refer to no row. Nothing was changed."""


async def migrate(url: str, target: str | None = None, *, history: str = HISTORY) -> list[str]:
    """Apply what is pending, up to `target` (a name or its number), and give the names applied.

    A SQLite file that holds tables is copied first, beside itself. Raises `Unavailable` when the database is
    not to be had, and whatever the migration raises; the former state is then left as it was.
    """
    goal = _resolve(target, history) if target else "__latest__"
    return await _run(url, goal, "forward", history)


async def downgrade(url: str, target: str, *, history: str = HISTORY) -> list[str]:
    """Undo the migrations after `target`; `zero` undoes all. The names undone, latest first."""
    goal = "__first__" if target == "zero" else _resolve(target, history)
    return await _run(url, goal, "backward", history)


async def make(name: str, *, history: str = HISTORY, models: Sequence[str] = ("models",)) -> Path | None:
    """Write the migration that takes the history to the models as they stand; None when there is nothing to do."""
    context = TortoiseContext()
    apps = {"models": {"models": list(models), "default_connection": "default", "migrations": history}}
    with active(context):
        await context.init({"connections": {"default": "sqlite://unused"}, "apps": apps}, init_connections=False)
        assert context.apps is not None
        writers = await MigrationAutodetector(context.apps, apps).changes()
    # Options change nothing in the database: without this, each new docstring of a model would ask for a migration.
    operations = [each for writer in writers for each in writer.operations if not isinstance(each, AlterModelOptions)]
    _refuse_replaced_columns(operations)
    return _write(name, operations, history) if operations else None


def make_empty(name: str, *, history: str = HISTORY) -> Path:
    """Write a migration without operations, for a change of data that is filled in by hand."""
    return _write(name, [], history)


def _refuse_replaced_columns(operations: Sequence[Operation]) -> None:
    """Tortoise drops a primary key that changed, and adds it anew: its values would be gone."""
    removed = {(each.model_name, each.name) for each in operations if isinstance(each, RemoveField)}
    for each in operations:
        if isinstance(each, AddField) and (each.model_name, each.name) in removed:
            raise ValueError(f"{each.model_name}.{each.name} changed: write ops.AlterField into an empty migration.")


def _write(name: str, operations: list[Operation], history: str) -> Path:
    names = on_disk(history)
    writer = MigrationWriter(
        format_migration_name(len(names) + 1, name),
        "models",
        operations,
        dependencies=[("models", names[-1])] if names else [],
        initial=not names,
        migrations_module=history,
    )
    return Path(writer.write())


def _resolve(target: str, history: str) -> str:
    matches = [name for name in on_disk(history) if name == target or name.startswith(f"{target}_")]
    if len(matches) != 1:
        raise LookupError(f"{target} names {len(matches)} migrations, not one.")
    return matches[0]


async def _run(url: str, goal: str, direction: Direction, history: str) -> list[str]:
    address = parse(url)
    done: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event.endswith("_done"):
            done.append(name)

    async with _connected(url), in_transaction(CONNECTION) as transaction:
        if transaction.capabilities.dialect == "postgres":
            await transaction.execute_query("SELECT pg_advisory_xact_lock($1)", [_LOCK])
            await transaction.execute_query(f"SET LOCAL lock_timeout = '{TABLE_SECONDS}s'")
        executor = _Executor(transaction, {"models": {"migrations": history, "default_connection": CONNECTION}})
        await executor.recorder.ensure_schema(executor.editor())
        targets = [MigrationTarget("models", goal)]
        steps = await executor.plan(targets)
        if steps and isinstance(address, SqliteFile):
            with reporting():
                await asyncio.to_thread(_copy_aside, address.path, steps[0].migration.name)
        if history == HISTORY and goal == "__latest__" and await executor.nothing_is_applied():
            done += await _found(executor, steps)
        else:
            await executor.migrate(targets, direction=direction, progress=note)
        if isinstance(address, SqliteFile):
            await _check_references(transaction)
    return done


async def _found(executor: "_Executor", steps: Sequence[PlanStep]) -> list[str]:
    """Make the whole schema of an empty database, and write down the names of what leads to it."""
    names = [step.migration.name for step in steps]
    await found(executor.editor(), [step.migration for step in steps], CONNECTION)
    for name in names:
        await executor.recorder.record_applied("models", name)
    return names


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[None]:
    """A connection and a Tortoise context of their own; those of an open `Database` are not touched."""
    address = parse(url)
    if isinstance(address, SqliteFile):
        # A rebuilt table is dropped: with foreign keys on, its children's rows would go with it.
        connection = SqliteFile(address.path, PATIENCE).connection(foreign_keys=False)
    else:
        connection = address.connection()
    context = TortoiseContext()
    context.connections._init_config({CONNECTION: connection})  # ruff: ignore[private-member-access] -- init() would import and change the models
    with active(context):
        try:
            await context.connections.get(CONNECTION).create_connection(with_db=True)
            yield
        finally:
            await context.close_connections()


class _Executor(MigrationExecutor):
    """Tortoise's executor with our editors."""

    # ruff: ignore[boolean-type-hint-positional-argument, boolean-default-value-positional-argument] -- Tortoise's signature
    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> BaseSchemaEditor:
        editor = SqliteEditor if self.connection.capabilities.dialect == "sqlite" else PostgresEditor
        return editor(self.connection, atomic=atomic, collect_sql=collect_sql)

    def editor(self) -> BaseSchemaEditor:
        return self._schema_editor()

    async def _project_state(self, applied: set[MigrationKey], *, upto: MigrationKey | None = None) -> State:
        state: State = nothing(CONNECTION)
        for key in self._known(applied):
            if key == upto:
                break
            await self._migration(key).apply(state, dry_run=True)
        return state

    async def _project_state_cache(self, applied: set[MigrationKey]) -> dict[MigrationKey, State]:
        state: State = nothing(CONNECTION)
        cache = {}
        for key in self._known(applied):
            cache[key] = state.clone()
            await self._migration(key).apply(state, dry_run=True)
        return cache

    def _known(self, applied: set[MigrationKey]) -> list[MigrationKey]:
        return [key for key in self._full_plan() if key in applied]

    def _migration(self, key: MigrationKey) -> Migration:
        found = self.loader.graph.nodes[key]
        assert isinstance(found, Migration)
        return found

    async def nothing_is_applied(self) -> bool:
        return not await self.recorder.applied_migrations()


async def _check_references(client: BaseDBAsyncClient) -> None:
    if broken := await client.execute_query_dict("PRAGMA foreign_key_check"):
        places = sorted({f"{row['table']} -> {row['parent']}" for row in broken})
        raise BrokenReferencesError(f"{len(broken)} rows would refer to nothing: {', '.join(places)}.")


def _copy_aside(file: Path, migration: str) -> None:
    """Copy a file that holds tables to `<file>.copy-<number>-before-<migration>`, complete or not at all."""
    with closing(sqlite3.connect(file)) as source:
        if not source.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone():
            return
        copies = _copies(file)
        number = _number(copies[-1]) + 1 if copies else 1
        unfinished = file.with_name(f"{file.name}.copying")
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(unfinished)) as destination:
            source.backup(destination)
        unfinished.rename(file.with_name(f"{file.name}.copy-{number:04d}-before-{migration}"))
    for old in _copies(file)[:-COPIES]:
        old.unlink()


def _copies(file: Path) -> list[Path]:
    pattern = re.compile(re.escape(file.name) + r"\.copy-\d+-before-\w+")
    return sorted((each for each in file.parent.iterdir() if pattern.fullmatch(each.name)), key=_number)


def _number(copy: Path) -> int:
    return int(copy.name.rpartition(".copy-")[2].partition("-")[0])
