"""Second factors: authenticator apps, recovery codes, passkeys."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Totp(Model):
    """An authenticator app. It counts once it is confirmed; `last_step` keeps a code from working twice."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="totp")
    user_id: int
    sealed_secret = fields.CharField(max_length=255)
    created_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)
    last_step = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "totps"


class RecoveryCode(Model):
    """A code for the day on which the other factors are lost. It works once."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="recovery_codes")
    user_id: int
    code_hash = fields.CharField(max_length=64)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "recovery_codes"
        unique_together = (("user", "code_hash"),)


class Passkey(Model):
    """A WebAuthn credential. `credential_id` and `handle` are base64url; a credential belongs to one user."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="passkeys")
    user_id: int
    credential_id = fields.CharField(max_length=1400, unique=True)
    handle = fields.CharField(max_length=90)
    """The random user handle that the authenticator keeps with it."""
    public_key = fields.BinaryField()
    sign_count = fields.BigIntField(default=0, db_default=0)
    backed_up = fields.BooleanField(default=False, db_default=False)
    transports = fields.CharField(max_length=100, null=True)
    name = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "passkeys"
        indexes = (("user",),)
