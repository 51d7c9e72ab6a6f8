"""Somebody who has left traces in every table, the tables, and what tests of leaving and exporting share."""

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tortoise.models import Model

import models
from models import (
    ActiveWeek,
    AuditEvent,
    BillingCustomer,
    CheckoutAttempt,
    DeliveryStatus,
    Event,
    Feedback,
    ImageAnalysis,
    Interaction,
    InteractionKind,
    Interest,
    InterestSource,
    InterestVector,
    Invoice,
    InvoiceStatus,
    Item,
    MailDelivery,
    MailPreference,
    MailSuppression,
    ModelReservation,
    ModelSpend,
    OnboardingStep,
    Passkey,
    PlanSubscription,
    PlanSubscriptionStatus,
    Purpose,
    RecommendationSlate,
    RecoveryCode,
    Session,
    SuppressionReason,
    Totp,
    UsageCounter,
    UsageRecord,
    UsageReservation,
    WebhookEvent,
    WebhookState,
)  # fmt: skip
from services import one_time_tokens
from services.notifications import suppression
from tests.clock import START
from tests.porchlight import Person, Porchlight
from worker.loop import Worker
from worker.tasks import TASKS

LIFETIME = timedelta(days=30)
DELETE = """
mutation($password: String) {
  deleteAccount(password: $password) {
    __typename
    ... on Error { message }
    ... on DeleteAccountSuccess { deletionAt }
  }
}
"""

# Tables whose rows about a person outlive the account, and why.
KEPT = {
    "audit_events": "they name the account by its number, and prove what happened to it",
    "trial_claims": "a keyed hash keeps a second trial from being had by leaving and coming back",
}

# Tables whose rows are parted from the account, and why they stay.
PARTED = {
    "fraud_assessments": "what was seen of a sign-up, as keyed hashes and figures, tells farmed trials apart",
    "invoices": "the law wants what was paid to be kept: number, amounts and dates, and nobody's name",
}


async def filled(porchlight: Porchlight, email: str) -> Person:
    """Somebody who has left traces in every table."""
    person = await porchlight.register(email, device={"name": "Firefox", "fingerprint": f"f-{email}"})
    app = porchlight.app
    mine: Any = {"user_id": person.user_id}
    with app.database.bound():
        await Session.filter(**mine).update(assurance=2, factor_at=START)
        item, _ = await Item.get_or_create(
            key="a-walk",
            defaults={"position": 1, "category": "outdoors", "title": "A walk", "summary": "-", "tags": [],
                      "search": "-", "created_at": START},
        )  # fmt: skip
        interest = await Interest.create(
            **mine, topic="walks", topic_key="walks", weight=1.0, source=InterestSource.STATED, created_at=START
        )
        await InterestVector.create(interest=interest, model="m", dimension=0, version="1", vector=b"")
        for number in range(3):
            await Interaction.create(
                **mine, item=item, kind=InteractionKind.VIEW, idempotency_key=str(number), batch="b", occurred_at=START,
                created_at=START,
            )  # fmt: skip
        await RecommendationSlate.create(
            **mine, number=1, strategy="catalogue", items=[[item.id, 0.0, 0]], grounds=[["START", None, None]],
            created_at=START, expires_at=START,
        )  # fmt: skip
        await OnboardingStep.create(**mine, step="take-tour", done_at=START)
        spent: Any = {**mine, "day": "2026-03-01", "tokens": 100, "micros": 40}
        await ModelSpend.create(**spent)
        await ModelReservation.create(**spent, plan="free", model="m", expires_at=START)
        await ImageAnalysis.create(
            **mine, fingerprint=email, model="m", prompt_version="1", tags=[["cooking", 0.4]], confidence=0.4,
            created_at=START,
        )  # fmt: skip
        await Feedback.create(**mine, window=1, score=5, comment=email, at=START)
        await Event.create(
            **mine, name="page.viewed", version=1, at=START, properties={"path": "/"}, idempotency_key=f"e-{email}"
        )
        await Totp.create(**mine, sealed_secret=app.keys.seal(b"seed", "totp"), created_at=START)
        metered: Any = {**mine, "meter": "api-calls", "period": "2026-03"}
        await UsageCounter.create(**metered, used=3, reserved=2)
        await UsageRecord.create(**metered, idempotency_key="a", quantity=3, recorded_at=START)
        await UsageReservation.create(
            **metered, key=email, idempotency_key="b", quantity=2, created_at=START, expires_at=START + LIFETIME
        )
        await MailDelivery.create(
            **mine, key=f"welcome:{email}", letter="welcome", topic="SECURITY", status=DeliveryStatus.SENT, at=START
        )
        await MailPreference.create(**mine, topic="TRIAL", wanted=False, changed_at=START)
        hashed = suppression.address_hash(app, email)
        await MailSuppression.create(address_hash=hashed, reason=SuppressionReason.BOUNCE, since=START)
        await RecoveryCode.create(**mine, code_hash="c0de", created_at=START)
        await Passkey.create(
            **mine, credential_id=f"id-{email}", handle="h", public_key=b"p", name="Key", created_at=START
        )
        await one_time_tokens.issue(app, Purpose.VERIFY_EMAIL, lifetime=LIFETIME, address=email)
        await one_time_tokens.issue(app, Purpose.VERIFY_EMAIL, lifetime=LIFETIME, **mine, address=email)
        await ActiveWeek.create(**mine, week=START.date())
        await buy(person)
    return person


async def buy(person: Person) -> None:
    """A customer's traces, one in each table of billing."""
    mine: Any = {"user_id": person.user_id}
    named: Any = {**mine, "provider_id": f"cus_{person.user_id}"}
    await BillingCustomer.create(**named, created_at=START)
    await PlanSubscription.create(
        **named, plan_key="pro-monthly", price_id="p", item_id="i", status=PlanSubscriptionStatus.ACTIVE,
        currency="EUR", period_start=START, period_end=START + LIFETIME, provider_created_at=START,
        applied_at=START,
    )  # fmt: skip
    for status in (InvoiceStatus.OPEN, InvoiceStatus.PAID):
        await Invoice.create(
            **mine, provider_id=f"in_{person.user_id}_{status}", status=status, total=1900, amount_paid=1900,
            currency="EUR",
            hosted_url=f"https://pay.example.com/{person.email}", created_at=START, applied_at=START,
        )  # fmt: skip
    await CheckoutAttempt.create(**named, key="k", expires_at=START + LIFETIME)
    await WebhookEvent.create(
        event_id=f"evt_{person.user_id}", type="invoice.paid", customer_id=f"cus_{person.user_id}",
        payload=person.email,
        created_at=START, received_at=START, state=WebhookState.PARKED,
    )  # fmt: skip


def tables() -> list[type[Model]]:
    exported = [getattr(models, name) for name in models.__all__]
    return [model for model in exported if isinstance(model, type) and issubclass(model, Model)]


async def drain(porchlight: Porchlight) -> None:
    with porchlight.app.database.bound():
        await Worker(porchlight.app, TASKS).drain()


def letters(porchlight: Porchlight) -> list[EmailMessage]:
    files = sorted(Path(porchlight.app.settings.mail_url.removeprefix("outbox://")).glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), EmailMessage, policy=policy.default) for file in files]


async def ask_for_deletion(porchlight: Porchlight, token: str, password: str | None = None) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(DELETE, {"password": password}, token=token))["deleteAccount"]
    return result


async def actions(porchlight: Porchlight) -> list[str]:
    """What the audit log says of accounts' data."""
    with porchlight.app.database.bound():
        rows = await AuditEvent.filter(action__startswith="account.").order_by("id")
    return [row.action for row in rows if row.action not in {"account.registered", "account.signed_in"}]
