"""Rows of a model by the values of one column, without building a query: for what is read in nearly every request."""

from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar

import orjson
from tortoise.models import Model

from adapters.database.addresses import Dialect
from adapters.database.database import dialect, records
from adapters.database.hydration import instances

M = TypeVar("M", bound=Model)


async def found_by(model: type[M], column: str, keys: Collection[int]) -> list[M]:
    """The rows whose `column`, of integers, has one of these values; in no order. One statement."""
    spoken = dialect()
    sought: Any = list(keys) if spoken == "postgres" else orjson.dumps(list(keys)).decode()
    made = instances(model, spoken)
    return [made.of(record) for record in await records(_statement(model, column, spoken), [sought])]


@cache
def _statement(model: type[Model], column: str, spoken: Dialect) -> str:
    among = "= ANY($1::bigint[])" if spoken == "postgres" else "IN (SELECT value FROM json_each($1))"
    columns = instances(model, spoken).columns("t")
    return f'SELECT {columns} FROM "{model._meta.db_table}" t WHERE t."{column}" {among}'  # ruff: ignore[hardcoded-sql-expression, private-member-access] -- names of a model
