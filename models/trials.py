"""Free trials. The row holds facts; the status follows from them and the clock (services.trials)."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class EndPolicy(StrEnum):
    """What follows the end of a trial that nobody has paid for."""

    BILL = "BILL"
    """The payment method on file is charged; without one the trial expires."""
    REVERT = "REVERT"
    PAUSE = "PAUSE"
    CANCEL = "CANCEL"


class TrialChangeKind(StrEnum):
    """What happened to a trial."""

    STARTED = "STARTED"
    EXTENDED = "EXTENDED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    CANCELED = "CANCELED"
    PAYMENT_METHOD_ADDED = "PAYMENT_METHOD_ADDED"
    PAYMENT_METHOD_REMOVED = "PAYMENT_METHOD_REMOVED"
    """What had been bought during the trial was canceled: the end charges nobody."""
    CHARGE_FAILED = "CHARGE_FAILED"
    CONVERTED = "CONVERTED"
    QUOTA_RAISED = "QUOTA_RAISED"
    """A smaller trial became a full one."""
    ENDED = "ENDED"
    """Time alone did it."""


class Trial(Model):
    """One trial of one person. `person_key` is unique: a second trial of a person cannot be stored."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="trial")
    user_id: int
    person_key = fields.CharField(max_length=320, unique=True)
    plan_key = fields.CharField(max_length=64)
    end_policy = fields.CharEnumField(EndPolicy, max_length=16, default=EndPolicy.REVERT, db_default="REVERT")
    """As the plan file said when the trial began."""
    revert_to = fields.CharField(max_length=64, null=True)
    """The plan that is left when the trial's own is not."""
    started_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    """When it ends if nobody does anything: while it is paused, a pause of full length is in it."""
    paused_at = fields.DatetimeField(null=True)
    resumes_at = fields.DatetimeField(null=True)
    """When the pause ends by itself. The time from then to `ends_at` is what the pause keeps."""
    pauses = fields.IntField(default=0, db_default=0)
    halted_microseconds = fields.BigIntField(default=0, db_default=0)
    """Of the time from `started_at` to `ends_at`, how much does not count: pauses, gaps before late extensions."""
    billable_at = fields.DatetimeField(null=True)
    """Since when a payment method is on file."""
    charge_failed_at = fields.DatetimeField(null=True)
    """The first failure of the charge that follows the end."""
    converted_at = fields.DatetimeField(null=True)
    canceled_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)
    """When the end, or what follows it, is to be written down; null when nothing is left to be."""
    version = fields.IntField(default=1)
    quota_percent = fields.IntField(default=100, db_default=100)
    """How much of the plan's quotas the trial gives: less than 100 where risk says so."""

    class Meta:
        table = "trials"
        indexes = (("due_at",), ("started_at",))


class TrialChange(Model):
    """One change of a trial, written in the transaction that made it."""

    id = fields.BigIntField(primary_key=True)
    trial: fields.ForeignKeyRelation[Trial] = fields.ForeignKeyField("models.Trial", related_name="changes")
    trial_id: int
    version = fields.IntField()
    """The version of the trial that the change led to."""
    kind = fields.CharEnumField(TrialChangeKind, max_length=24)
    from_status = fields.CharField(max_length=16, null=True)
    to_status = fields.CharField(max_length=16)
    ends_at = fields.DatetimeField()
    """The trial's end after the change."""
    actor_id = fields.IntField(null=True)
    """Who did it; no foreign key, for it outlives the account. Null for time and for payments."""
    reason = fields.CharField(max_length=500, null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "trial_changes"
        unique_together = (("trial", "version"),)


class TrialClaim(Model):
    """That a person has had a trial: a keyed hash, kept when the account and the trial are gone."""

    id = fields.BigIntField(primary_key=True)
    person_hash = fields.CharField(max_length=64, unique=True)
    user_id = fields.IntField()
    """Whose registration claimed it; no foreign key, for it outlives the account."""
    claimed_at = fields.DatetimeField()

    class Meta:
        table = "trial_claims"
