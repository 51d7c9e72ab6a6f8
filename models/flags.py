"""How feature flags stand that somebody has set: what may be set is declared in `flags.yaml`."""

from tortoise import fields
from tortoise.models import Model


class FeatureFlag(Model):
    """One flag. A declared one that nobody has set has no row; the row of one that is declared no more stays."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=64, unique=True)
    rollout = fields.IntField()
    """How many of the 10,000 buckets have it."""
    killed = fields.BooleanField()
    version = fields.IntField()
    """How often it was set."""
    changed_at = fields.DatetimeField()

    class Meta:
        table = "feature_flags"
