"""Signed-in sessions: one row a session, however often its tokens are refreshed."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User
from models.devices import Device


class Session(Model):
    """One sign-in of one user.

    `key` names the session in tokens. A refresh token is valid when its counter and `salt` give its
    HMAC, so the row holds no token and stays one row for the session's whole life.
    """

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=32, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="sessions")
    user_id: int
    device: fields.ForeignKeyNullableRelation[Device] = fields.ForeignKeyField(
        "models.Device", related_name="sessions", null=True, on_delete=fields.SET_NULL
    )
    device_id: int | None
    salt = fields.BinaryField()
    counter = fields.IntField()
    previous_counter = fields.IntField(null=True)
    """The refresh token that the current one succeeds."""
    seen_counter = fields.IntField(default=0, db_default=0)
    """The newest refresh token one of whose access tokens has been used."""
    resumed = fields.BooleanField(default=False, db_default=False)
    """Whether the previous token has already been accepted late."""
    assurance = fields.IntField(default=1, db_default=1)
    """1: one factor; 2: two, or a passkey that verified its user."""
    methods = fields.CharField(max_length=64, default="pwd", db_default="pwd")
    """How the user has authenticated, by the names of RFC 8176, separated by spaces."""
    password_at = fields.DatetimeField(null=True)
    """When this session last gave the password."""
    factor_at = fields.DatetimeField(null=True)
    """When this session last used a second factor."""
    ip = fields.CharField(max_length=45, null=True)
    location = fields.CharField(max_length=100, null=True)
    user_agent = fields.CharField(max_length=255, null=True)
    last_seen_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    rotated_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revoked_reason = fields.CharField(max_length=32, null=True)

    class Meta:
        table = "sessions"
        indexes = (("user",),)
