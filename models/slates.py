"""Lists that were recommended, for as long as somebody may page through them, and what came of all of them."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class RecommendationSlate(Model):
    """One frozen list of one user. `number` follows from its content: the same list is the same row.

    `taste` is the user's from before what is known of them was read, `revision` the catalogue's as it was known where
    the list was made, and `basis` a hash of whatever else it was made of: null where it is not to be shown again.
    Lists from before these were written down have none of them.
    """

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="slates")
    user_id: int
    number = fields.IntField()
    strategy = fields.CharField(max_length=16)
    degraded_reason = fields.CharField(max_length=100, null=True)
    items: Any = fields.JSONField()
    """Of each place the item's number, its score, and which of `grounds` brought it there."""
    grounds: Any = fields.JSONField()
    """Of each ground its kind, and the topic or the number of the item that it is about."""
    taste = fields.IntField(null=True)
    revision = fields.BigIntField(null=True)
    basis = fields.CharField(max_length=32, null=True)
    excludes_seen = fields.BooleanField(default=False, db_default=False)
    """Whether what the user had met was left out."""
    made_at = fields.DatetimeField(null=True)
    """When the list was last made."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "recommendation_slates"
        unique_together = (("user", "number"),)


class RecommendationDay(Model):
    """How often an item in one slot of lists of one strategy was seen and opened on one day, in UTC, by anybody."""

    id = fields.BigIntField(primary_key=True)
    day = fields.CharField(max_length=10)
    strategy = fields.CharField(max_length=16)
    slot = fields.IntField()
    """The place in the list, from 1."""
    impressions = fields.IntField()
    clicks = fields.IntField()

    class Meta:
        table = "recommendation_days"
        unique_together = (("day", "strategy", "slot"),)
