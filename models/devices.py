"""Browsers and apps that users sign in from, recognised by a key that the server gave them."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class Device(Model):
    """One device of one user. `key_hash` is the keyed hash of the device token."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="devices")
    user_id: int
    key_hash = fields.CharField(max_length=64)
    fingerprint = fields.CharField(max_length=128, null=True)
    name = fields.CharField(max_length=100)
    platform = fields.CharField(max_length=100, null=True)
    locale = fields.CharField(max_length=35, null=True)
    timezone = fields.CharField(max_length=64, null=True)
    first_seen_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    trusted_until = fields.DatetimeField(null=True)
    """Until then the device stands for the second factor."""

    class Meta:
        table = "devices"
        unique_together = (("user", "key_hash"),)
