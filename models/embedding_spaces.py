"""Which spaces of vectors there are, which one serves, and which one each process was told to use."""

from tortoise import fields
from tortoise.models import Model


class EmbeddingSpace(Model):
    """One space. `url` opens its embeddings, on a process that has the key for it.

    `used_at` is when it last served, or last got a vector that it lacked.
    """

    id = fields.IntField(primary_key=True)
    model = fields.CharField(max_length=100)
    dimension = fields.IntField()
    version = fields.CharField(max_length=64)
    url = fields.CharField(max_length=500)
    used_at = fields.DatetimeField()

    class Meta:
        table = "embedding_spaces"
        unique_together = (("model", "dimension", "version"),)


class ServingSpace(Model):
    """The one space that all processes read: the row whose id is 1."""

    id = fields.IntField(primary_key=True)
    space: fields.ForeignKeyRelation[EmbeddingSpace] = fields.ForeignKeyField(
        "models.EmbeddingSpace", related_name="serving", on_delete=fields.RESTRICT
    )
    space_id: int
    since = fields.DatetimeField()

    class Meta:
        table = "serving_space"


class EmbeddingProcess(Model):
    """A running process and the space that its settings name. One that has not been seen for a while is dead."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    space: fields.ForeignKeyRelation[EmbeddingSpace] = fields.ForeignKeyField(
        "models.EmbeddingSpace", related_name="processes"
    )
    space_id: int
    seen_at = fields.DatetimeField()

    class Meta:
        table = "embedding_processes"
