"""Models out of records are what Tortoise makes of the same rows."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from tortoise.context import get_current_context
from tortoise.models import Model

import models
from adapters.database import Database, Instances, hydration, instances, related
from models import Session, User
from tests.porchlight import Porchlight
from tests.services.schemas import History, opened

EVERYTHING = """
from enum import Enum, IntEnum
from tortoise import fields
from tortoise.models import Model

class Shade(Enum):
    DARK = "dark"
    LIGHT = "light"

class Size(IntEnum):
    SMALL = 1

class Owner(Model):
    id = fields.UUIDField(primary_key=True)
    class Meta:
        table = "owners"

class Item(Model):
    id = fields.IntField(primary_key=True)
    renamed = fields.CharField(max_length=20, source_field="other_name")
    owner = fields.ForeignKeyField("models.Owner", related_name="items", null=True)
    text = fields.TextField(null=True)
    small = fields.SmallIntField(null=True)
    big = fields.BigIntField(null=True)
    real = fields.FloatField(null=True)
    exact = fields.DecimalField(max_digits=8, decimal_places=2, null=True)
    truth = fields.BooleanField(null=True)
    moment = fields.DatetimeField(null=True)
    day = fields.DateField(null=True)
    lasting = fields.TimeDeltaField(null=True)
    data = fields.JSONField(null=True)
    bytes = fields.BinaryField(null=True)
    shade = fields.CharEnumField(Shade, null=True)
    size = fields.IntEnumField(Size, null=True)
    class Meta:
        table = "items"
"""
NAME = UUID("00000000-0000-4000-8000-000000000001")
FULL = {
    "text": "héllo", "small": 1, "big": 2**40, "real": 0.5, "exact": Decimal("12.30"), "truth": False,
    "moment": datetime(2026, 11, 23, 12, 30, 1, 5, tzinfo=timezone(timedelta(hours=2))), "day": date(2026, 11, 23),
    "lasting": timedelta(seconds=5), "data": {"a": [1, None]}, "bytes": b"\0\xff",
}  # fmt: skip


def shape(instance: Model) -> dict[str, tuple[Any, type, Any]]:
    """Everything an instance holds, with the kinds of it."""
    return {name: (value, type(value), getattr(value, "tzinfo", None)) for name, value in vars(instance).items()}


async def made(database: Database, model: type[Model]) -> list[Model]:
    """Every row of a model, by our way."""
    makes = instances(model, database.dialect)
    table = model._meta.db_table
    sql = f'SELECT 0 AS first, {makes.columns("t")} FROM "{table}" t ORDER BY {model._meta.db_pk_column}'  # ruff: ignore[hardcoded-sql-expression] -- names of our tables
    return [makes.of(record, 1) for record in await database.records(sql)]


async def read_both_ways(database: Database, model: type[Model]) -> tuple[list[Any], list[Any]]:
    """The shapes of a model's rows by our way and by Tortoise's, of a moment in which nobody has changed them.

    What follows a registration is written beside the test: rows that differ before and after are read again.
    """
    while True:
        before = [shape(row) for row in await model.all().order_by(model._meta.pk_attr)]
        ours = [shape(row) for row in await made(database, model)]
        theirs = [shape(row) for row in await model.all().order_by(model._meta.pk_attr)]
        if theirs == before:
            return ours, theirs


async def test_every_kind_of_field(empty_database_url: str, history: History) -> None:
    """Values, their types and their zones are Tortoise's own, full and empty, and the instance can be saved."""
    name = history.models(EVERYTHING)
    async with opened(empty_database_url, name) as database:
        with database.bound():
            context = get_current_context()
            assert context is not None
            await context.generate_schemas()
            module = import_module(name)
            await module.Owner.create(id=NAME)
            kinds = {"shade": module.Shade.LIGHT, "size": module.Size.SMALL}
            await module.Item.create(renamed="full", owner_id=NAME, **FULL, **kinds)
            await module.Item.create(renamed="empty")
            ours, theirs = await made(database, module.Item), await module.Item.all().order_by("id")
            assert [shape(item) for item in ours] == [shape(item) for item in theirs]
            assert len(ours) == 2
            assert ours == theirs
            again, _ = await made(database, module.Item)
            assert vars(again)["_await_when_save"] is not vars(ours[0])["_await_when_save"]
            ours[0].renamed = "other"
            await ours[0].save(update_fields=["renamed"])
            assert await module.Item.filter(renamed="other").count() == 1


async def test_every_model_of_ours(porchlight: Porchlight) -> None:
    """Rows that a registration leaves behind are the same by either way, table by table."""
    await porchlight.register()
    database, seen = porchlight.app.database, 0
    with database.bound():
        for model in [getattr(models, name) for name in models.__all__]:
            if isinstance(model, type) and issubclass(model, Model):
                ours, theirs = await read_both_ways(database, model)
                assert ours == theirs, model
                seen += len(theirs) > 0
    assert seen > 5


def test_related_objects_are_there() -> None:
    """What was read along is not read again, and neither is that nothing was there."""
    user, session = User(id=1), Session(id=2)
    related(session, "user", user)
    related(session, "device", None)
    assert session.user is user
    assert session.device is None


async def test_moments_in_another_zone(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Tortoise is told of another zone than UTC, its own conversion is used."""
    monkeypatch.setattr(hydration, "get_default_timezone", lambda: ZoneInfo("Europe/Vienna"))
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with opened(database_url) as database:
        with database.bound():
            await User.create(email="a", email_key="a", password_hash="-", created_at=now)
            makes = Instances(User, database.dialect)
            (record,) = await database.records(f"SELECT {makes.columns('u')} FROM users u")  # ruff: ignore[hardcoded-sql-expression] -- names of columns
            assert shape(makes.of(record)) == shape(await User.get())
