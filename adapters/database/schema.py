"""What Tortoise 1.1.9's schema editors forget: found by comparing a migrated schema with a fresh one.

On SQLite a table that changes is rebuilt. Tortoise's rebuild loses indexes, unique constraints and the counter of
AUTOINCREMENT, and deletes child rows while foreign keys are on. Here the rebuilt table comes from the same words as a
new one, so it cannot differ from it.
"""

# ruff: file-ignore[private-member-access] -- a schema editor is made of its models' _meta

import re
from collections.abc import Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any

from tortoise.fields.base import Field
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.base_postgres import BasePostgresSchemaEditor
from tortoise.migrations.schema_editor.data import ModelSqlData
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor
from tortoise.models import Model

from adapters.database.database import forget_statements
from adapters.database.sqlite import statements

Table = type[Model] | Any
"""A model, or what `_without_field` makes of it: something with a `_meta`."""

Constraint = UniqueConstraint | CheckConstraint

_GENERATED_NAME = re.compile(r"(idx|uid|uidx)_.{1,11}_.{1,7}_[0-9a-f]{6}")
"""The names that Tortoise gives to indexes; the models say which of these a rebuilt table has."""


class _Complete(BaseSchemaEditor):
    """What both dialects forget: named constraints of a new table, the index of an added field.

    And an index over a relation: its column is `user_id`, where Tortoise writes "user". PostgreSQL knows no such
    column; SQLite takes it for a text and makes an index that serves nobody.
    """

    _constraints_in_table: list[str]

    def _get_model_sql_data(self, model: Table) -> ModelSqlData:
        inside = [each for each in model._meta.constraints or () if not getattr(each, "condition", None)]
        self._constraints_in_table = [self._constraint_sql(model, each) for each in inside]
        return super()._get_model_sql_data(model)

    def _get_inner_statements(self) -> list[str]:
        return self._constraints_in_table

    def _constraint_sql(self, model: Table, constraint: Constraint) -> str:
        if isinstance(constraint, CheckConstraint):
            return self.CHECK_CONSTRAINT_CREATE_TEMPLATE.format(name=constraint.name, check=constraint.check)
        columns = self._resolve_fields_to_columns(model, constraint.fields)
        return self.UNIQUE_CONSTRAINT_CREATE_TEMPLATE.format(
            index_name=self._constraint_name_for_model(model, UniqueConstraint(tuple(columns), constraint.name)),
            fields=", ".join(self.quote(column) for column in columns),
        )

    async def _run_sql(self, sql: str) -> None:
        # A later step of the migration may write to this table through its model of that time.
        forget_statements(self.client.connection_name)
        await self.client.execute_script(sql)

    async def create_model(self, model: type[Model]) -> None:
        await super().create_model(model)
        for constraint in model._meta.constraints or ():
            if getattr(constraint, "condition", None):
                await self.add_constraint(model, constraint)

    async def add_field(self, model: type[Model], field_name: str) -> None:
        await super().add_field(model, field_name)
        field = model._meta.fields_map[field_name]
        if isinstance(field, ForeignKeyFieldInstance):
            field = model._meta.fields_map[field.source_field or field_name]
        if not isinstance(field, ManyToManyFieldInstance) and field.index and not field.unique:
            await self.add_index(model, Index(fields=(_column(field),)))

    async def _renamed(self, model: Table, old_field: Field[Any], new_field: Field[Any]) -> Field[Any]:
        """The old field under the column that the new one has; Tortoise would alter that column before it is there."""
        old, new = _column(old_field), _column(new_field)
        if old == new:
            return old_field
        table = self.quote(model._meta.db_table)
        await self._run_sql(f"ALTER TABLE {table} RENAME COLUMN {self.quote(old)} TO {self.quote(new)}")
        renamed = copy(old_field)
        renamed.source_field = new
        return renamed

    def _get_index_sql(
        self,
        model: Table,
        field_names: Sequence[str],
        safe: bool = False,  # ruff: ignore[boolean-type-hint-positional-argument, boolean-default-value-positional-argument] -- Tortoise's signature
        index_name: str | None = None,
        index_type: str | None = None,
        extra: str | None = None,
    ) -> str:
        columns = self._resolve_fields_to_columns(model, list(field_names))
        return super()._get_index_sql(model, columns, safe, index_name, index_type, extra)

    def _index_name_for_model(self, model: Table, index: Index) -> str:
        if index.name or not index.fields:
            return super()._index_name_for_model(model, index)
        return self._generate_index_name("idx", model, self._resolve_fields_to_columns(model, index.fields))


class PostgresEditor(_Complete, BasePostgresSchemaEditor):
    """PostgreSQL changes a table in place. An index of a large table was made by hand before (docs/releases.md)."""

    INDEX_CREATE_TEMPLATE = BasePostgresSchemaEditor.INDEX_CREATE_TEMPLATE.replace("INDEX", "INDEX IF NOT EXISTS")

    async def _alter_field(self, model: Table, old_field: Field[Any], new_field: Field[Any]) -> None:
        await super()._alter_field(model, await self._renamed(model, old_field, new_field), new_field)


class SqliteEditor(_Complete, SqliteSchemaEditor):
    """SQLite copies a changed table into a new one, in the order of section 7 of its page on ALTER TABLE."""

    async def add_constraint(self, model: Table, constraint: Constraint) -> None:
        if getattr(constraint, "condition", None):
            await super().add_constraint(model, constraint)  # Says that there is no such thing.
        await self._remake_table(model)

    async def remove_constraint(self, model: Table, constraint: Constraint) -> None:
        await self._remake_table(_without_constraint(model, constraint))

    async def rename_constraint(self, model: Table, old_constraint: Constraint, new_constraint: Constraint) -> None:
        await self._remake_table(model)

    async def _alter_field(self, model: Table, old_field: Field[Any], new_field: Field[Any]) -> None:
        await self._renamed(model, old_field, new_field)
        await self._remake_table(model)

    async def _remake_table(
        self,
        model: Table,
        create_field: Field[Any] | None = None,
        delete_field: Field[Any] | None = None,
        alter_fields: list[tuple[Field[Any], Field[Any]]] | None = None,
    ) -> None:
        """Give the table the shape of `model`, less `delete_field`. Columns keep their values by name."""
        assert create_field is None
        assert alter_fields is None
        await self._refuse_foreign_keys()
        shape = model if delete_field is None else _without_field(model, delete_field)
        table = shape._meta.db_table
        new = f"new__{table}"
        create, *indexes = statements(self._get_model_sql_data(shape).table_sql)
        extras = await self._made_by_hand(table)
        counter = await self._counter(table)

        await self._run_sql(create.replace(self.quote(table), self.quote(new), 1))
        await self._copy_rows(table, new, list(shape._meta.fields_db_projection.values()))
        await self._run_sql(f"DROP TABLE {self.quote(table)}")
        await self._run_sql(f"ALTER TABLE {self.quote(new)} RENAME TO {self.quote(table)}")
        for statement in indexes:
            await self._run_sql(statement)
        await self._restore(table, extras)
        if counter is not None:
            await self._set_counter(table, counter)

    async def _query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return await self.client.execute_query_dict(sql, list(values))

    async def _refuse_foreign_keys(self) -> None:
        if (await self._query("PRAGMA foreign_keys"))[0]["foreign_keys"]:
            raise RuntimeError("With foreign keys on, rebuilding a table would delete the rows that refer to it.")

    async def _copy_rows(self, old: str, new: str, columns: list[str]) -> None:
        known = {row["name"] for row in await self._query(f"PRAGMA table_info({self.quote(old)})")}
        kept = ", ".join(self.quote(column) for column in columns if column in known)
        await self._run_sql(f"INSERT INTO {self.quote(new)} ({kept}) SELECT {kept} FROM {self.quote(old)}")  # ruff: ignore[hardcoded-sql-expression] -- names from the models, quoted

    async def _made_by_hand(self, table: str) -> list[dict[str, Any]]:
        """The table's indexes and triggers that the models know nothing of, with the columns they stand on."""
        found = await self._query(
            "SELECT type, name, sql FROM sqlite_master"
            " WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            table,
        )
        extras = [extra for extra in found if not _GENERATED_NAME.fullmatch(extra["name"])]
        for extra in extras:
            columns = await self._query(f"PRAGMA index_info({self.quote(extra['name'])})")
            extra["columns"] = {column["name"] for column in columns} - {None}
        return extras

    async def _restore(self, table: str, extras: list[dict[str, Any]]) -> None:
        columns = {row["name"] for row in await self._query(f"PRAGMA table_info({self.quote(table)})")}
        present = {row["name"] for row in await self._query("SELECT name FROM sqlite_master WHERE tbl_name = ?", table)}
        for extra in extras:
            if extra["name"] not in present and extra["columns"] <= columns:
                await self.client.execute_query(extra["sql"])

    async def _counter(self, table: str) -> int | None:
        """The highest id that AUTOINCREMENT has given: those of deleted rows must not come again."""
        found = await self._query("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return found[0]["seq"] if found else None

    async def _set_counter(self, table: str, counter: int) -> None:
        await self._query("DELETE FROM sqlite_sequence WHERE name = ?", table)
        await self._query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, counter)


def _column(field: Field[Any]) -> str:
    return field.source_field or field.model_field_name


def _fields(what: Index | Constraint | Sequence[str]) -> Sequence[str]:
    return what if isinstance(what, Sequence) else getattr(what, "fields", ())


def _without_field(model: Table, field: Field[Any]) -> Table:
    """The model less one field, and less the indexes and constraints that name it, as PostgreSQL's CASCADE does."""
    gone = {field.model_field_name, _column(field)}
    meta = copy(model._meta)
    meta.fields_db_projection = {
        name: column for name, column in meta.fields_db_projection.items() if column != _column(field)
    }
    meta.unique_together = tuple(group for group in meta.unique_together or () if not gone & set(group))
    meta.indexes = tuple(each for each in meta.indexes or () if not gone & set(_fields(each)))
    meta.constraints = tuple(each for each in meta.constraints or () if not gone & set(_fields(each)))
    return SimpleNamespace(_meta=meta)


def _without_constraint(model: Table, constraint: Constraint) -> Table:
    meta = copy(model._meta)
    meta.constraints = tuple(each for each in meta.constraints or () if each != constraint)
    if isinstance(constraint, UniqueConstraint):
        groups = meta.unique_together or ()
        meta.unique_together = tuple(group for group in groups if tuple(group) != tuple(constraint.fields))
    return SimpleNamespace(_meta=meta)
