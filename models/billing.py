"""What we know of purchases: a mirror of the provider's objects, and the inbox of what it tells us."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class PlanSubscriptionStatus(StrEnum):
    """Where a subscription stands, in the provider's words."""

    INCOMPLETE = "INCOMPLETE"
    """Its first payment has not been made."""
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    """A renewal could not be charged; the provider tries again."""
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    """It is over for good. What never began in time counts as this too."""
    UNPAID = "UNPAID"
    """The provider has given up charging it."""


class InvoiceStatus(StrEnum):
    """Where an invoice stands, in the provider's words."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    PAID = "PAID"
    VOID = "VOID"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"


class WebhookState(StrEnum):
    """What became of an event that the provider told us."""

    RECEIVED = "RECEIVED"
    DONE = "DONE"
    PARKED = "PARKED"
    """Of another mode or version than ours. It is kept, and an administrator may have it read."""
    DEAD = "DEAD"
    """Every attempt has failed. An administrator may have it tried again."""


class BillingCustomer(Model):
    """Who a user is for the provider."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="billing_customer")
    user_id: int
    provider_id = fields.CharField(max_length=255, unique=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "billing_customers"


class PlanSubscription(Model):
    """One subscription of a user, as the provider last told it."""

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="plan_subscriptions")
    user_id: int
    provider_id = fields.CharField(max_length=255, unique=True)
    plan_key = fields.CharField(max_length=64, null=True)
    """The plan of the catalogue that its price belongs to; null when the catalogue has none."""
    price_id = fields.CharField(max_length=255)
    item_id = fields.CharField(max_length=255)
    status = fields.CharEnumField(PlanSubscriptionStatus, max_length=16)
    currency = fields.CharField(max_length=3)
    period_start = fields.DatetimeField()
    period_end = fields.DatetimeField()
    cancel_at_period_end = fields.BooleanField(default=False, db_default=False)
    canceled_at = fields.DatetimeField(null=True)
    trial_ends_at = fields.DatetimeField(null=True)
    past_due_since = fields.DatetimeField(null=True)
    """Since when we know that it is past due, by our clock; null when it is not."""
    provider_created_at = fields.DatetimeField()
    applied_at = fields.DatetimeField()
    """When the provider was asked for what stands here, by our clock."""
    applied_event_at = fields.DatetimeField(null=True)
    """When the provider made the newest event whose content was taken as it is, without asking."""
    version = fields.IntField(default=1, db_default=1)

    class Meta:
        table = "plan_subscriptions"
        indexes = (("user",), ("status", "id"))


class Invoice(Model):
    """One invoice, as the provider last told it. It outlives its user: then nobody's name stands in it."""

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="invoices", null=True, on_delete=fields.SET_NULL
    )
    user_id: int | None
    provider_id = fields.CharField(max_length=255, unique=True)
    subscription_provider_id = fields.CharField(max_length=255, null=True)
    number = fields.CharField(max_length=64, null=True)
    status = fields.CharEnumField(InvoiceStatus, max_length=16)
    total = fields.BigIntField()
    """Minor units."""
    amount_paid = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    hosted_url = fields.TextField(null=True)
    billing_reason = fields.CharField(max_length=64, null=True)
    created_at = fields.DatetimeField()
    paid_at = fields.DatetimeField(null=True)
    applied_at = fields.DatetimeField()
    """When the provider was asked for what stands here, by our clock."""
    applied_event_at = fields.DatetimeField(null=True)

    class Meta:
        table = "invoices"
        indexes = (("user", "id"),)


class CheckoutAttempt(Model):
    """The one checkout that a user has open: a second tab or a double click finds it."""

    id = fields.IntField(primary_key=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="checkout_attempt")
    user_id: int
    key = fields.CharField(max_length=255)
    """What was chosen, and so the idempotency key that the provider was asked with."""
    provider_id = fields.CharField(max_length=255, null=True)
    url = fields.TextField(null=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "checkout_attempts"


class WebhookEvent(Model):
    """One event of the provider, written down before anything is done about it. A second delivery changes nothing."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.CharField(max_length=255, unique=True)
    type = fields.CharField(max_length=100)
    api_version = fields.CharField(max_length=64, null=True)
    object_kind = fields.CharField(max_length=32, null=True)
    object_id = fields.CharField(max_length=255, null=True)
    """What to look at: the subscription or the invoice; null where there is nothing."""
    customer_id = fields.CharField(max_length=255, null=True)
    created_at = fields.DatetimeField()
    """When the provider made it, in whole seconds."""
    received_at = fields.DatetimeField()
    state = fields.CharEnumField(WebhookState, max_length=16)
    payload = fields.TextField(null=True)
    """As it came; null once nothing more will be read from it, for it may name people."""
    attempts = fields.IntField(default=0, db_default=0)
    error = fields.CharField(max_length=500, null=True)

    class Meta:
        table = "webhook_events"
        indexes = (("object_id", "state"), ("customer_id",), ("state", "id"), ("received_at",))
