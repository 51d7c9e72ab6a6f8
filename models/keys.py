"""Keys that live in the database, sealed with what SECRET_KEY derives."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class KeyUse(StrEnum):
    """What a key is for."""

    SIGN = "SIGN"
    """Ed25519, for access tokens."""
    SEAL = "SEAL"
    """AES-256-GCM, for what must be read back."""
    IDENTIFY = "IDENTIFY"
    """HMAC-SHA256, for hashes that must stay the same for years. It is never rotated."""


class Key(Model):
    """One key of the ring. The newest active key of its use makes; all that have not retired verify."""

    id = fields.IntField(primary_key=True)
    kid = fields.CharField(max_length=64, unique=True)
    use = fields.CharEnumField(KeyUse, max_length=16)
    number = fields.IntField()
    """Counted within the use, from 1, so that two processes cannot both make the same next one."""
    sealed = fields.CharField(max_length=512)
    created_at = fields.DatetimeField()
    active_at = fields.DatetimeField()
    """From then on it makes; before, it is published and verifies."""
    retired_at = fields.DatetimeField(null=True)
    """From then on it is good for nothing."""

    class Meta:
        table = "keys"
        unique_together = (("use", "number"),)
