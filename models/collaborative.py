"""What was learnt from what people did with items: about items alone."""

from tortoise import fields
from tortoise.models import Model


class CollaborativeModel(Model):
    """One fitted model. The newest one that a process can read is the one it serves by."""

    id = fields.IntField(primary_key=True)
    format = fields.IntField()
    """Of `content`. A process leaves a model of another format alone."""
    kind = fields.CharField(max_length=16)
    items = fields.IntField()
    people = fields.IntField()
    interactions = fields.IntField()
    """How many were read."""
    newest_interaction = fields.BigIntField()
    """The highest number among them; 0 when there were none."""
    fitted_at = fields.DatetimeField()
    sha256 = fields.CharField(max_length=64)
    content = fields.BinaryField()

    class Meta:
        table = "collaborative_models"
