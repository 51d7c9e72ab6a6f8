"""What became of letters."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class DeliveryStatus(StrEnum):
    """How a letter ended."""

    SENT = "SENT"
    """A mail server, or the outbox, has taken it."""
    SUPPRESSED = "SUPPRESSED"
    """Its address takes no mail, or its owner has complained."""
    UNWANTED = "UNWANTED"
    """Its reader has switched its topic off."""
    OBSOLETE = "OBSOLETE"
    """What it would have told was no longer so, or nobody was there to read it."""
    EXPIRED = "EXPIRED"
    """It was too late for it."""
    REJECTED = "REJECTED"
    """The recipient's side will never take it."""
    GIVEN_UP = "GIVEN_UP"
    """Every attempt has failed."""
    BOUNCED = "BOUNCED"
    """It was sent, and came back."""
    COMPLAINED = "COMPLAINED"
    """It was sent, and called spam."""


class MailDelivery(Model):
    """The end of one letter: neither its words nor its address, of which a keyed hash is kept."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=200, unique=True)
    """The `dedup_key` of its job."""
    letter = fields.CharField(max_length=64)
    topic = fields.CharField(max_length=16)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="mail_deliveries", null=True
    )
    user_id: int | None
    address_hash = fields.CharField(max_length=32, null=True)
    message_id = fields.CharField(max_length=255, null=True)
    status = fields.CharEnumField(DeliveryStatus, max_length=16)
    code = fields.IntField(null=True)
    """What the mail server said, by RFC 5321's reply code, when it refused."""
    at = fields.DatetimeField()

    class Meta:
        table = "mail_deliveries"
        indexes = (("user",), ("at",), ("message_id",))
