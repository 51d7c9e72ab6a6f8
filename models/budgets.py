"""What asking vendors' models has cost, and what is set aside for answers that are awaited. Days are in UTC."""

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


class PlanSpend(Model):
    """What everybody on one plan has spent on one day, what is reserved included."""

    id = fields.BigIntField(primary_key=True)
    plan = fields.CharField(max_length=63)
    day = fields.CharField(max_length=10)
    tokens = fields.BigIntField()
    micros = fields.BigIntField()

    class Meta:
        table = "plan_spends"
        unique_together = (("plan", "day"),)


class ModelReservation(Model):
    """What is set aside for one question, and counted in both sums, until it is settled or lapses."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="model_reservations")
    user_id: int
    plan = fields.CharField(max_length=63)
    day = fields.CharField(max_length=10)
    model = fields.CharField(max_length=100)
    tokens = fields.BigIntField()
    micros = fields.BigIntField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "model_reservations"
