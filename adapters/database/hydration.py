"""Models out of records: what Tortoise would make of the same rows, at a twentieth of its price.

Tortoise builds each query anew and sets each attribute by a call. A statement that is written down once, and a
dictionary for the instance, do the same.
"""

# ruff: file-ignore[private-member-access] -- Tortoise's own marks on an instance; the version is pinned, and tests/test_instances.py compares with it

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeVar

from tortoise import fields
from tortoise.fields.base import Field
from tortoise.models import Model
from tortoise.timezone import get_default_timezone

from adapters.database.addresses import Dialect
from adapters.database.failures import Record

M = TypeVar("M", bound=Model)
Convert = Callable[[Any], Any]


class Instances(Generic[M]):
    """Makes instances of one model of the records of one dialect. Use `instances`, which keeps it."""

    def __init__(self, model: type[M], dialect: Dialect) -> None:
        meta = model._meta
        plain = [(column, name, None) for column, name, _ in meta.db_native_fields]
        cast = [(column, name, _nullable(field.field_type)) for column, name, field in meta.db_default_fields]
        others = [(column, name, _conversion(field, dialect)) for column, name, field in meta.db_complex_fields]
        order = list(meta.fields_db_projection.values())
        every = sorted([*plain, *cast, *others], key=lambda column: order.index(column[0]))
        self._model = model
        self._columns = [column for column, _, _ in every]
        self._names = [name for _, name, _ in every]
        self._converts = [(name, convert) for _, name, convert in every if convert is not None]
        self._marks = {
            "_partial": False,
            "_saved_in_db": True,
            "_custom_generated_pk": meta.db_pk_column not in meta.generated_db_fields,
        }
        self.width = len(every)
        """How many columns an instance takes."""

    def columns(self, table: str) -> str:
        """The columns to select, of a table by its name or alias, in the order that `of` wants."""
        return ", ".join(f'{table}."{column}"' for column in self._columns)

    def of(self, record: Record, at: int = 0) -> M:
        """The instance whose columns begin at place `at` of the record. It shares nothing with any other."""
        state: dict[str, Any] = dict(zip(self._names, record[at : at + self.width], strict=True))
        for name, convert in self._converts:
            state[name] = convert(state[name])
        instance = self._model.__new__(self._model)
        vars(instance).update(state, _await_when_save={}, **self._marks)
        return instance


@lru_cache(maxsize=256)
def instances(model: type[M], dialect: Dialect) -> Instances[M]:
    """What makes instances of a model out of this dialect's records. A database of that dialect is open."""
    return Instances(model, dialect)


def related(instance: Model, name: str, other: Model | None) -> None:
    """Let `instance` have the related object that was read along with it, as `select_related` does."""
    vars(instance)[f"_{name}"] = other


def _nullable(kind: Convert) -> Convert:
    return lambda value: None if value is None else kind(value)


def _conversion(field: Field[Any], dialect: Dialect) -> Convert:
    """The field's own `to_python_value`, with a short cut for what most rows have many of."""
    slow: Convert = field.to_python_value
    if type(field) is fields.DatetimeField:
        return _moments(slow, dialect)
    enum_type = getattr(field, "enum_type", None)
    if isinstance(enum_type, type) and issubclass(enum_type, Enum):
        members = {None: None} | {member.value: member for member in enum_type}
        return lambda value: members[value] if value in members else slow(value)
    return slow


def _moments(slow: Convert, dialect: Dialect) -> Convert:
    """Moments are in UTC in both databases, here as a text: they only want Tortoise's name of it."""
    zone = get_default_timezone()
    if getattr(zone, "key", None) != "UTC":
        return slow

    def told(value: Any) -> Any:
        if type(value) is str and value.endswith("+00:00"):
            return datetime.fromisoformat(value).replace(tzinfo=zone)
        return slow(value)

    def given(value: Any) -> Any:
        if type(value) is datetime and value.tzinfo is UTC:
            return value.replace(tzinfo=zone)
        return slow(value)

    return told if dialect == "sqlite" else given
