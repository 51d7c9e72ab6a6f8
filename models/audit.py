"""What happened to accounts: append-only, chained by hashes."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class AuditEvent(Model):
    """One security-relevant act. It names users by number and outlives them; `sequence` and `hash` come later."""

    id = fields.BigIntField(primary_key=True)
    action = fields.CharField(max_length=64)
    actor_id = fields.IntField(null=True)
    """Who did it; null for the system and for nobody."""
    user_id = fields.IntField(null=True)
    """Whose account it concerns."""
    subject = fields.CharField(max_length=100, null=True)
    """What it was done to, as `Type:key`."""
    ip = fields.CharField(max_length=45, null=True)
    at = fields.DatetimeField()
    data: Any = fields.JSONField()
    sequence = fields.BigIntField(null=True, unique=True)
    """The event's place in the chain; null until the chaining job has come by."""
    hash = fields.CharField(max_length=64, null=True)
    """Over the event and the hash before it, in hexadecimal."""

    class Meta:
        table = "audit_events"
        indexes = (("user_id", "id"), ("action", "id"))
