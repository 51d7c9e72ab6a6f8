"""Letters about payments. What is sent is what is so when it is sent: nobody is told to pay what they have paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from models.accounts import User
from models.billing import Invoice, InvoiceStatus, PlanSubscription, PlanSubscriptionStatus, WebhookEvent
from services.languages import Money, Phrase, Told, label, phrase
from services.notifications import Delivery, Draft, Letter, Topic, enqueue_letter

if TYPE_CHECKING:
    from services.app import App

BILLING = "billing"
PATIENCE = timedelta(minutes=1)
"""Until a letter about a failed payment is written: by then it is known whether the bank only wants to be asked."""
ACTION_REQUIRED = "invoice.payment_action_required"


class News(StrEnum):
    """What there is to tell."""

    UNPAID = "UNPAID"
    PAID = "PAID"
    CANCELED = "CANCELED"


@dataclass(frozen=True)
class _Text:
    subject: Phrase
    sentence: Phrase
    details: dict[str, Told]
    label: Phrase | None = None
    url: str | None = None
    advice: Phrase | None = None


async def enqueue(app: App, news: News, user_id: int, subject: str, attempt: int = 0) -> None:
    """Write the job of a letter, inside the caller's transaction: one for each subject and attempt at charging it."""
    due_at = app.clock.now() + PATIENCE if news is News.UNPAID else None
    payload = {"user_id": user_id, "news": news, "subject": subject}
    dedup_key = f"mail.billing:{news}:{subject}:{attempt}"
    await enqueue_letter(app, BILLING, payload, dedup_key=dedup_key, due_at=due_at)


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """A letter, if what it tells is still so and somebody is there to read it."""
    payload = delivery.payload
    user = await User.get_or_none(id=payload["user_id"])
    if user is None or user.suspended_at is not None:
        return None
    news, subject = News(payload["news"]), payload["subject"]
    text = await (_canceled(app, subject) if news is News.CANCELED else _of_invoice(news, subject))
    if text is None:
        return None
    return Draft(
        user=user,
        template="notice",
        subject=text.subject,
        values={
            "sentence": text.sentence,
            "details": text.details,
            "advice": text.advice,
            "label": text.label,
            "url": text.url,
        },
    )


async def _canceled(app: App, subject: str) -> _Text | None:
    row = await PlanSubscription.get_or_none(provider_id=subject)
    if row is None or row.status is not PlanSubscriptionStatus.CANCELED:
        return None
    plan = app.catalogue.plans.get(row.plan_key or "")
    return _Text(
        phrase("Your plan has ended"),
        phrase("Your plan has ended, and nothing more is charged for it. You can choose one again at any time."),
        {label("Plan"): plan.name} if plan else {},
    )


async def _of_invoice(news: News, subject: str) -> _Text | None:
    row = await Invoice.get_or_none(provider_id=subject)
    if row is None or (row.status is InvoiceStatus.PAID) is not (news is News.PAID):
        return None
    if news is News.PAID:
        return _paid(row)
    if row.status is not InvoiceStatus.OPEN:
        return None
    asked = await WebhookEvent.exists(object_id=subject, type=ACTION_REQUIRED)
    return _to_confirm(row) if asked else _failed(row)


def _paid(row: Invoice) -> _Text:
    return _Text(
        phrase("Your payment has arrived"),
        phrase("Thank you: your payment has arrived."),
        _facts(row),
        phrase("See the invoice"),
        row.hosted_url,
    )


def _to_confirm(row: Invoice) -> _Text:
    return _Text(
        phrase("Confirm your payment"),
        phrase("Your bank asks you to confirm a payment. Until you do, nothing is charged, and your plan may end."),
        _facts(row),
        phrase("Confirm the payment"),
        row.hosted_url,
    )


def _failed(row: Invoice) -> _Text:
    return _Text(
        phrase("Your payment has failed"),
        phrase("We could not charge your card, and will try again in a few days."),
        _facts(row),
        phrase("Pay now"),
        row.hosted_url,
        phrase("Pay now, or with another card, and your plan goes on without a break."),
    )


def _facts(row: Invoice) -> dict[str, Told]:
    amount: dict[str, Told] = {label("Amount"): Money(row.total, row.currency)}
    return {label("Invoice"): row.number, **amount} if row.number else amount


BILLING_LETTERS = Letter(BILLING, Topic.BILLING, _compose)
