"""How satisfied people say they are."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Feedback(Model):
    """One answer: a user gives one in each window of 30 days."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="feedback")
    user_id: int
    window = fields.IntField()
    """Its number, counted from 1970 on."""
    score = fields.SmallIntField()
    """From 1 to 5."""
    comment = fields.TextField(null=True)
    surface = fields.CharField(max_length=64, null=True)
    """Where it was asked for, by the frontend's name."""
    at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "feedback"
        unique_together = (("user", "window"),)
