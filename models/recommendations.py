"""What is recommended, to whom, and what came of it."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class InterestSource(StrEnum):
    """How we know of an interest."""

    STATED = "STATED"
    IMAGE = "IMAGE"
    BEHAVIOR = "BEHAVIOR"
    INTENT = "INTENT"


class InteractionKind(StrEnum):
    """What somebody did with an item."""

    VIEW = "VIEW"
    CLICK = "CLICK"
    SAVE = "SAVE"
    COMPLETE = "COMPLETE"
    DISMISS = "DISMISS"
    DISLIKE = "DISLIKE"


class Item(Model):
    """Something that can be recommended.

    `position` is its place in a walk through the catalogue that goes round the categories. `search` is a normalised
    copy of its words, since SQLite's LIKE knows ASCII only. `retired_at` is set when it leaves the catalogue: its row
    stays, for what refers to it. `requires` is the key of the feature that a plan must include for it. It can be had
    from `available_from` until just before `available_until`, where these are set. `revision` is the number of the
    last change to this row: see `CatalogueRevision`.
    """

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=100, unique=True)
    position = fields.IntField(db_index=True)
    category = fields.CharField(max_length=64)
    title = fields.CharField(max_length=200)
    summary = fields.TextField()
    tags: Any = fields.JSONField()
    url = fields.CharField(max_length=500, null=True)
    image_url = fields.CharField(max_length=500, null=True)
    search = fields.TextField()
    requires = fields.CharField(max_length=64, null=True)
    available_from = fields.DatetimeField(null=True)
    available_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    retired_at = fields.DatetimeField(null=True)
    revision = fields.BigIntField(db_default=0)

    class Meta:
        table = "items"
        indexes = (("category",), ("revision", "id"))


class ItemVector(Model):
    """An item in one space of vectors. `content` is the hash of the text that was embedded, `revision` as an item's."""

    id = fields.BigIntField(primary_key=True)
    item: fields.ForeignKeyRelation[Item] = fields.ForeignKeyField("models.Item", related_name="vectors")
    item_id: int
    model = fields.CharField(max_length=100)
    dimension = fields.IntField()
    version = fields.CharField(max_length=64)
    content = fields.CharField(max_length=64)
    vector = fields.BinaryField()
    revision = fields.BigIntField(db_default=0)

    class Meta:
        table = "item_vectors"
        unique_together = (("item", "model", "version"),)
        indexes = (("model", "version", "revision", "id"),)


class CatalogueRevision(Model):
    """One row: how many transactions have changed items or their vectors.

    Each of them raises it by its first statement and marks what it changes with the new number. Since the row is
    locked until the end of the transaction, whoever reads a number can read all that has a smaller one.
    """

    id = fields.IntField(primary_key=True)
    number = fields.BigIntField()

    class Meta:
        table = "catalogue_revisions"


class Interest(Model):
    """One topic of one user. `evidence` is the number of items that speak for it, where such are counted.

    `corrected_at` is set when the user has chosen the weight themselves. A row with `erased_at` is no interest: it
    keeps the topic from being learnt again.
    """

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="interests")
    user_id: int
    topic = fields.CharField(max_length=100)
    topic_key = fields.CharField(max_length=200)
    category = fields.CharField(max_length=64, null=True)
    weight = fields.FloatField()
    source = fields.CharEnumField(InterestSource, max_length=16)
    evidence = fields.IntField(default=0, db_default=0)
    created_at = fields.DatetimeField()
    corrected_at = fields.DatetimeField(null=True)
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "interests"
        unique_together = (("user", "topic_key"),)


class InterestVector(Model):
    """An interest's topic in one space of vectors."""

    id = fields.BigIntField(primary_key=True)
    interest: fields.ForeignKeyRelation[Interest] = fields.ForeignKeyField("models.Interest", related_name="vectors")
    interest_id: int
    model = fields.CharField(max_length=100)
    dimension = fields.IntField()
    version = fields.CharField(max_length=64)
    vector = fields.BinaryField()

    class Meta:
        table = "interest_vectors"
        unique_together = (("interest", "model", "version"),)


class Interaction(Model):
    """What somebody did, once for each idempotency key. `batch` names the call that recorded it."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="interactions")
    user_id: int
    item: fields.ForeignKeyRelation[Item] = fields.ForeignKeyField("models.Item", related_name="interactions")
    item_id: int
    kind = fields.CharEnumField(InteractionKind, max_length=16)
    recommendation = fields.CharField(max_length=128, null=True)
    idempotency_key = fields.CharField(max_length=100)
    batch = fields.CharField(max_length=32)
    occurred_at = fields.DatetimeField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "interactions"
        unique_together = (("user", "idempotency_key"),)
        indexes = (("user", "item"), ("user", "batch"), ("item", "kind"))
