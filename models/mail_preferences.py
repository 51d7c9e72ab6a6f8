"""Who gets no mail: what people have switched off, and addresses that are not to be written to."""

from __future__ import annotations

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class MailPreference(Model):
    """What somebody has said about the letters of one topic. Without a row, they are sent."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="mail_preferences")
    user_id: int
    topic = fields.CharField(max_length=16)
    wanted = fields.BooleanField()
    changed_at = fields.DatetimeField()

    class Meta:
        table = "mail_preferences"
        unique_together = (("user", "topic"),)


class SuppressionReason(StrEnum):
    """Why an address is not written to."""

    BOUNCE = "BOUNCE"
    """Its server says that there is no such mailbox."""
    COMPLAINT = "COMPLAINT"
    """Its reader has called a letter unwanted where they read their mail."""


class MailSuppression(Model):
    """An address, by its keyed hash, that is not to be written to. It outlives accounts."""

    id = fields.BigIntField(primary_key=True)
    address_hash = fields.CharField(max_length=32)
    reason = fields.CharEnumField(SuppressionReason, max_length=16)
    since = fields.DatetimeField()
    lifted_at = fields.DatetimeField(null=True)
    """Since when it no longer holds. What is reported of letters before that changes nothing."""

    class Meta:
        table = "mail_suppressions"
        unique_together = (("address_hash", "reason"),)
