"""The rows of the feed as Tortoise models with the columns that it needs, and no more: the least to read."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class User(Model):
    """One account."""

    id = fields.IntField(primary_key=True)
    suspended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"


class Session(Model):
    """One sign-in of one user."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=32, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="sessions")
    user_id: int
    rotated_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sessions"


class Trial(Model):
    """The trial of one user."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="trial")
    user_id: int
    ends_at = fields.DatetimeField()

    class Meta:
        table = "trials"


class Slate(Model):
    """One list that was recommended."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="slates")
    user_id: int
    items: Any = fields.JSONField()
    grounds: Any = fields.JSONField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "recommendation_slates"


class Item(Model):
    """Something that can be recommended."""

    id = fields.IntField(primary_key=True)
    category = fields.CharField(max_length=64)
    title = fields.CharField(max_length=200)
    summary = fields.TextField()
    tags: Any = fields.JSONField()

    class Meta:
        table = "items"
