"""People who have an account."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class Role(StrEnum):
    """What a user may do beyond their own account. Kept in the contract's spelling."""

    USER = "USER"
    SUPPORT = "SUPPORT"
    ANALYST = "ANALYST"
    ADMIN = "ADMIN"


class User(Model):
    """One account. `email` is kept as written, `email_key` is what must be unique."""

    id = fields.IntField(primary_key=True)
    email = fields.CharField(max_length=320)
    email_key = fields.CharField(max_length=320, unique=True)
    email_verified_at = fields.DatetimeField(null=True)
    name = fields.CharField(max_length=100, null=True)
    password_hash = fields.CharField(max_length=255)
    role = fields.CharEnumField(Role, max_length=16, default=Role.USER)
    created_at = fields.DatetimeField()

    class Meta:
        table = "users"
