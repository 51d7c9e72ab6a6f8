"""What a schema is, read from the database itself: to compare one that was migrated with one made afresh."""

import re
from dataclasses import dataclass, field
from typing import Any

from adapters.database import Database

Column = tuple[Any, ...]


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
