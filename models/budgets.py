"""What asking vendors' models has cost."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class ModelSpend(Model):
    """What one user has spent on one day in UTC, what is reserved included."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="model_spends")
    user_id: int
    day = fields.CharField(max_length=10, db_index=True)
    """As ISO 8601 writes it: `2026-03-02`."""
    tokens = fields.BigIntField()
    micros = fields.BigIntField()
    """Millionths of a US dollar."""

    class Meta:
        table = "model_spends"
        unique_together = (("user", "day"),)
