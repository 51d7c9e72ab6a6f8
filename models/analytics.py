"""What people did, as figures are made of it: an event is written in the transaction of what it tells."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Event(Model):
    """One event. Names and versions of their properties are those of `services.analytics`."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64)
    version = fields.IntField()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="events")
    user_id: int
    at = fields.DatetimeField()
    properties: Any = fields.JSONField()
    idempotency_key = fields.CharField(max_length=100, null=True)
    """What its sender calls it: the same key of the same user is the same event. Null where each one counts."""

    class Meta:
        table = "events"
        unique_together = (("user", "idempotency_key"),)
        indexes = (("name", "at"),)


class EventDay(Model):
    """How many events of a name there were on a day, in UTC, and of how many users. Kept when the events are gone."""

    id = fields.BigIntField(primary_key=True)
    day = fields.DateField()
    name = fields.CharField(max_length=64)
    count = fields.BigIntField()
    users = fields.BigIntField()

    class Meta:
        table = "event_days"
        unique_together = (("day", "name"),)
