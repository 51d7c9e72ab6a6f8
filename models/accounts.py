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
    name_key = fields.CharField(max_length=400, null=True)
    """The name as `users(search:)` compares it: NFKC and without case."""
    locale = fields.CharField(max_length=35, null=True)
    timezone = fields.CharField(max_length=64, null=True)
    password_hash = fields.CharField(max_length=255)
    password_needs_factor = fields.BooleanField(default=False, db_default=False)
    """Whether the password is shorter than one that stands alone may be."""
    role = fields.CharEnumField(Role, max_length=16, default=Role.USER)
    factor_failures = fields.IntField(default=0, db_default=0)
    """Second factors that failed in a row, whatever their kind."""
    factor_retry_at = fields.DatetimeField(null=True)
    """Until then no second factor is looked at."""
    suspended_at = fields.DatetimeField(null=True)
    deletion_at = fields.DatetimeField(null=True)
    """When the account goes, once its owner has asked for it."""
    analytics_consent = fields.BooleanField(default=True, db_default=True)
    """Whether what the user's client tells of their doings is written down."""
    personalization = fields.BooleanField(default=True, db_default=True)
    """Whether what the user does is kept and used to find what suits them."""
    personalization_epoch = fields.IntField(default=0, db_default=0)
    """How often the user has said otherwise or erased: what was made of their deeds before is not to be used."""
    taste = fields.IntField(default=0, db_default=0)
    """How often what is known of the user has changed: a list that was made of less is not shown again."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "users"
        indexes = (("created_at",),)
