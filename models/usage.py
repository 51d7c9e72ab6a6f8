"""What users have used: counters, what they were counted up by, and what is set aside for later."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class UsageCounter(Model):
    """What one user has used of one meter in one window. `reserved` is set aside and not used yet."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="usage_counters")
    user_id: int
    meter = fields.CharField(max_length=64)
    period = fields.CharField(max_length=16)
    """The name of its window: `2026-03`, `2026-03-02` or `always`."""
    used = fields.BigIntField()
    reserved = fields.BigIntField(default=0)
    ends_at = fields.DatetimeField(null=True, db_index=True)
    """When the window is over; null where it never is."""

    class Meta:
        table = "usage_counters"
        unique_together = (("user", "meter", "period"),)


class UsageRecord(Model):
    """One report that was counted, by the key that keeps it from being counted twice."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="usage_records")
    user_id: int
    idempotency_key = fields.CharField(max_length=100)
    meter = fields.CharField(max_length=64)
    period = fields.CharField(max_length=16)
    quantity = fields.BigIntField()
    recorded_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "usage_records"
        unique_together = (("user", "idempotency_key"),)


class UsageReservation(Model):
    """A quantity that is set aside until `expires_at`. `committed` is what of it was used in the end."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="usage_reservations")
    user_id: int
    key = fields.CharField(max_length=32, unique=True)
    """Its name for clients, which nobody guesses."""
    idempotency_key = fields.CharField(max_length=100)
    meter = fields.CharField(max_length=64)
    period = fields.CharField(max_length=16)
    quantity = fields.BigIntField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    """When it was committed, released or given back after its time."""
    committed = fields.BigIntField(null=True)

    class Meta:
        table = "usage_reservations"
        unique_together = (("user", "idempotency_key"),)
        indexes = (("ended_at", "expires_at"),)
