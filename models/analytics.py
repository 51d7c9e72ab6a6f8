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

    class Meta:
        table = "events"
        indexes = (("name", "at"), ("user",))
