"""What the check of sign-ups sees and decides. Identifiers are keyed hashes, and outlive the accounts they led to."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class FraudAssessment(Model):
    """One sign-up that was checked: its features, by which another rule set can judge it again, and the verdict."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()
    user_id = fields.IntField(null=True)
    """Whose account came of it; no foreign key, for the evidence outlives the account."""
    email = fields.CharField(max_length=320, null=True)
    """For the people who review; forgotten with the account, or after a while where none was made."""
    rules_version = fields.CharField(max_length=32)
    features: Any = fields.JSONField()
    score = fields.FloatField()
    decision = fields.CharField(max_length=16)
    reasons: Any = fields.JSONField()
    shadow_version = fields.CharField(max_length=32, null=True)
    shadow_score = fields.FloatField(null=True)
    shadow_decision = fields.CharField(max_length=16, null=True)
    identifiers: fields.ReverseRelation["FraudIdentifier"]
    case: fields.BackwardOneToOneRelation["FraudCase"]

    class Meta:
        table = "fraud_assessments"
        indexes = (("user_id",), ("at",))


class FraudIdentifier(Model):
    """One key of one sign-up: a device, a card, a network, as a keyed hash of its kind."""

    id = fields.BigIntField(primary_key=True)
    assessment: fields.ForeignKeyRelation[FraudAssessment] = fields.ForeignKeyField(
        "models.FraudAssessment", related_name="identifiers"
    )
    assessment_id: int
    kind = fields.CharField(max_length=16)
    hash = fields.CharField(max_length=64)
    at = fields.DatetimeField()
    granted = fields.BooleanField()
    """Whether a trial came of the sign-up."""

    class Meta:
        table = "fraud_identifiers"
        indexes = (("hash", "at", "assessment", "granted"), ("assessment",))


class FraudKey(Model):
    """The lock of one identifier: sign-ups that share it wait for each other, so that each sees the one before it."""

    hash = fields.CharField(max_length=64, primary_key=True)
    touched_at = fields.DatetimeField()

    class Meta:
        table = "fraud_keys"
        indexes = (("touched_at",),)


class FraudCase(Model):
    """A sign-up that a person should look at. One UPDATE on its status decides it."""

    id = fields.BigIntField(primary_key=True)
    assessment: fields.OneToOneRelation[FraudAssessment] = fields.OneToOneField(
        "models.FraudAssessment", related_name="case"
    )
    assessment_id: int
    status = fields.CharField(max_length=16)
    created_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)
    reviewer_id = fields.IntField(null=True)
    note = fields.CharField(max_length=500, null=True)
    appealed_at = fields.DatetimeField(null=True)
    appeal_message = fields.TextField(null=True)

    class Meta:
        table = "fraud_cases"
        indexes = (("status", "id"), ("closed_at",))


class FraudListEntry(Model):
    """What the staff knows of an address, a domain or a network, until it expires."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=16)
    value_hash = fields.CharField(max_length=64)
    hint = fields.CharField(max_length=320)
    verdict = fields.CharField(max_length=8)
    reason = fields.CharField(max_length=500)
    owner_id = fields.IntField(null=True)
    case_id = fields.BigIntField(null=True)
    """The dismissed case that it makes good: the sign-up that it lets pass uses it up. No foreign key: it is a note."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "fraud_list_entries"
        unique_together = (("kind", "value_hash"),)
