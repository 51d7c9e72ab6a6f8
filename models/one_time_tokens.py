"""Tokens that work once: links in letters, half sessions, challenges. Stored as keyed hashes."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Purpose(StrEnum):
    """What a token is good for, and for nothing else."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    CHANGE_EMAIL = "CHANGE_EMAIL"
    RESET_PASSWORD = "RESET_PASSWORD"  # ruff: ignore[hardcoded-password-string] -- a purpose, not a password
    MAGIC_LINK = "MAGIC_LINK"
    MFA = "MFA"
    ENROLL_PASSKEY = "ENROLL_PASSKEY"
    PASSKEY = "PASSKEY"
    REPORT_SIGN_IN = "REPORT_SIGN_IN"
    CANCEL_DELETION = "CANCEL_DELETION"
    EXPORT = "EXPORT"
    CHALLENGE = "CHALLENGE"
    EMAIL_CODE = "EMAIL_CODE"
    APPEAL = "APPEAL"


class OneTimeToken(Model):
    """One token. It is spent by setting `used_at`, which one UPDATE decides."""

    id = fields.BigIntField(primary_key=True)
    purpose = fields.CharEnumField(Purpose, max_length=32)
    key_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="one_time_tokens", null=True
    )
    user_id: int | None
    address = fields.CharField(max_length=320, null=True)
    """The key of the address that the token was sent to: it proves this address and no other."""
    data: Any = fields.JSONField(null=True)
    attempts = fields.IntField(default=0, db_default=0)
    attempts_elsewhere = fields.IntField(default=0, db_default=0)
    """Those of all networks but the one that asked for the token, where they are told apart."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "one_time_tokens"
        indexes = (("user", "purpose"), ("expires_at",))
