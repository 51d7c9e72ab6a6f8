"""Free trials. The row holds facts; the status follows from them and the clock (services.trials)."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Trial(Model):
    """One trial of one person. `person_key` is unique: a second trial of a person cannot be stored."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="trial")
    user_id: int
    person_key = fields.CharField(max_length=320, unique=True)
    plan_key = fields.CharField(max_length=64)
    started_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    converted_at = fields.DatetimeField(null=True)
    canceled_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    quota_percent = fields.IntField(default=100, db_default=100)
    """How much of the plan's quotas the trial gives: less than 100 where risk says so."""

    class Meta:
        table = "trials"


class TrialClaim(Model):
    """That a person has had a trial: a keyed hash, kept when the account and the trial are gone."""

    id = fields.BigIntField(primary_key=True)
    person_hash = fields.CharField(max_length=64, unique=True)
    user_id = fields.IntField()
    """Whose registration claimed it; no foreign key, for it outlives the account."""
    claimed_at = fields.DatetimeField()

    class Meta:
        table = "trial_claims"
