"""What is held about somebody: a list of sections, each with a function that reads it batch by batch."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.analytics import Event
from models.audit import AuditEvent
from models.billing import BillingCustomer, CheckoutAttempt, Invoice, PlanSubscription, WebhookEvent
from models.budgets import ModelReservation, ModelSpend
from models.devices import Device
from models.feedback import Feedback
from models.figures import ActiveWeek
from models.fraud import FraudAssessment, FraudCase, FraudIdentifier
from models.images import ImageAnalysis
from models.jobs import Job
from models.mail import MailDelivery
from models.mail_preferences import MailPreference, MailSuppression
from models.mfa import Passkey, RecoveryCode, Totp
from models.onboarding import OnboardingStep
from models.one_time_tokens import OneTimeToken
from models.recommendations import Interaction, Interest, InterestVector
from models.sessions import Session
from models.slates import RecommendationSlate
from models.trials import Trial, TrialChange, TrialClaim
from models.usage import UsageCounter, UsageRecord, UsageReservation
from services import jobs
from services.notifications import suppression

if TYPE_CHECKING:
    from tortoise.models import Model

    from services.app import App

BATCH = 200
"""Rows that are read at a time: few enough that other requests do not wait for them."""

Row = dict[str, Any]
Reader = Callable[["App", User], AsyncGenerator[list[Row], None]]


@dataclass(frozen=True)
class Section:
    """One list of the export. `models` are the tables that it tells of."""

    name: str
    models: tuple[type[Model], ...]
    rows: Reader


def table(name: str, model: type[Model], *fields: str, by: str = "user_id", **renamed: str) -> Section:
    """A section that tells these fields of a user's rows in one table, and nothing else of it: secrets stay here.

    What they are called there follows from their names, or is the name given here.
    """
    told = {_camel(field): field for field in fields} | renamed

    async def rows(_: App, user: User) -> AsyncGenerator[list[Row], None]:
        after = 0
        while True:
            query = model.filter(**{by: user.id, "id__gt": after}).order_by("id").limit(BATCH)
            batch = await query.values(*{"id", *told.values()})
            if not batch:
                return
            after = batch[-1]["id"]
            yield [{name: row[field] for name, field in told.items()} for row in batch]

    return Section(name, (model,), rows)


async def events(app: App, user: User) -> AsyncGenerator[list[Row], None]:
    """What happened to the account. Who else did it, and from where, is about them: both are left blank."""
    async for batch in EVENTS.rows(app, user):
        yield [row if row["actorId"] in {None, user.id} else row | {"actorId": None, "ip": None} for row in batch]


async def trial_changes(app: App, user: User) -> AsyncGenerator[list[Row], None]:
    """What happened to the trial, with who did it as in `events`."""
    async for batch in CHANGES.rows(app, user):
        yield [row if row["actorId"] in {None, user.id} else row | {"actorId": None} for row in batch]


async def letters(app: App, user: User) -> AsyncGenerator[list[Row], None]:
    """Jobs that concern the user: mostly letters to them. What is told of a payload holds no token: none is in it."""
    after = 0
    while ids := await jobs.about(app, user, after=after, limit=BATCH):
        after = ids[-1]
        batch = await Job.filter(id__in=ids).order_by("id")
        yield [
            {
                "kind": job.kind,
                "letter": job.payload.get("letter"),
                "notice": job.payload.get("notice"),
                "to": job.payload.get("to"),
                "details": job.payload.get("details"),
                "createdAt": job.created_at,
                "doneAt": job.done_at,
            }
            for job in batch
        ]


async def sign_up_checks(_: App, user: User) -> AsyncGenerator[list[Row], None]:
    """What the check of the sign-up saw and decided, and what a person made of it. Notes of reviewers stay here."""
    found = await FraudAssessment.filter(user_id=user.id).order_by("id").limit(BATCH).prefetch_related("identifiers")
    cases = await FraudCase.filter(assessment__user_id=user.id).limit(BATCH)
    yield [
        {
            "at": row.at,
            "decision": row.decision,
            "score": row.score,
            "reasons": row.reasons,
            "features": row.features,
            "rulesVersion": row.rules_version,
            "identifiers": [{"kind": each.kind, "hash": each.hash} for each in row.identifiers],
            "cases": [
                {"status": each.status, "closedAt": each.closed_at} for each in cases if each.assessment_id == row.id
            ],
        }
        for row in found
    ]


async def mail_suppressions(app: App, user: User) -> AsyncGenerator[list[Row], None]:
    """Why the user's address is not written to, or was not."""
    rows = MailSuppression.filter(address_hash=suppression.address_hash(app, user.email_key)).order_by("id")
    yield [{_camel(name): row[name] for name in row} for row in await rows.values("reason", "since", "lifted_at")]


async def payment_news(_: App, user: User) -> AsyncGenerator[list[Row], None]:
    """What the payment provider has told of the user, with what of it has not been looked into yet."""
    customer = await BillingCustomer.get_or_none(user_id=user.id)
    told = ("type", "object_id", "state", "created_at", "received_at", "payload")
    rows = WebhookEvent.filter(customer_id=customer.provider_id if customer else "").order_by("id")
    yield [{_camel(name): row[name] for name in told} for row in await rows.values(*told)]


def _camel(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(map(str.capitalize, others))


EVENTS = table("events", AuditEvent, "action", "actor_id", "subject", "ip", "at", "data")
CHANGES = table(
    "trialChanges", TrialChange, "kind", "from_status", "to_status", "ends_at", "actor_id", "reason", "at",
    by="trial__user_id",
)  # fmt: skip
SECTIONS: tuple[Section, ...] = (
    table(
        "account", User, "id", "email", "email_verified_at", "name", "locale", "timezone", "role", "created_at",
        "suspended_at", "deletion_at", "analytics_consent", "personalization", by="id",
    ),
    table(
        "sessions", Session, "id", "device_id", "created_at", "last_seen_at", "rotated_at", "expires_at", "revoked_at",
        "revoked_reason", "ip", "location", "user_agent", "methods", "assurance",
    ),
    table(
        "devices", Device, "id", "name", "platform", "locale", "timezone", "fingerprint", "first_seen_at",
        "last_seen_at", "trusted_until",
    ),
    table("authenticatorApps", Totp, "created_at", "confirmed_at"),
    table("recoveryCodes", RecoveryCode, "created_at", "used_at"),
    table(
        "passkeys", Passkey, "name", "credential_id", "transports", "backed_up", "created_at", "last_used_at",
    ),
    table("links", OneTimeToken, "purpose", "address", "created_at", "expires_at", "used_at"),
    table(
        "trials", Trial, "plan_key", "started_at", "ends_at", "converted_at", "canceled_at", "quota_percent",
        "end_policy", "revert_to", "paused_at", "resumes_at", "pauses", "billable_at", "charge_failed_at",
        person="person_key",
    ),
    Section("trialChanges", (TrialChange,), trial_changes),
    table("analytics", Event, "name", "version", "at", "properties", "idempotency_key"),
    table("activeWeeks", ActiveWeek, "week"),
    table("trialClaims", TrialClaim, "person_hash", "claimed_at"),
    table("usage", UsageCounter, "meter", "used", "reserved", "ends_at", window="period"),
    table("usageReports", UsageRecord, "meter", "quantity", "idempotency_key", "recorded_at", window="period"),
    table(
        "usageReservations", UsageReservation, "meter", "quantity", "committed", "idempotency_key", "created_at",
        "expires_at", "ended_at", window="period",
    ),
    table("paymentCustomer", BillingCustomer, "provider_id", "created_at"),
    table(
        "subscriptions", PlanSubscription, "provider_id", "plan_key", "price_id", "status", "currency", "period_start",
        "period_end", "cancel_at_period_end", "canceled_at", "trial_ends_at", "past_due_since", "provider_created_at",
    ),
    table(
        "invoices", Invoice, "provider_id", "number", "status", "total", "amount_paid", "currency", "hosted_url",
        "billing_reason", "created_at", "paid_at", subscription="subscription_provider_id",
    ),
    table("checkouts", CheckoutAttempt, "provider_id", "url", "expires_at"),
    Section("paymentNews", (WebhookEvent,), payment_news),
    Section("signUpChecks", (FraudAssessment, FraudIdentifier, FraudCase), sign_up_checks),
    table(
        "interests", Interest, "topic", "category", "weight", "source", "evidence", "created_at", "corrected_at",
        "erased_at",
    ),
    table(
        "interestVectors", InterestVector, "model", "dimension", "version", by="interest__user_id",
        topic="interest__topic",
    ),
    table(
        "interactions", Interaction, "kind", "occurred_at", "created_at", "idempotency_key", "recommendation",
        item="item__key", title="item__title",
    ),
    table("imageAnalyses", ImageAnalysis, "model", "prompt_version", "tags", "confidence", "created_at"),
    table(
        "recommendationLists", RecommendationSlate, "strategy", "degraded_reason", "created_at", "expires_at", "items",
        "grounds",
    ),
    table("modelSpends", ModelSpend, "day", "tokens", "micros"),
    table("modelReservations", ModelReservation, "plan", "day", "model", "tokens", "micros", "expires_at"),
    table("onboarding", OnboardingStep, "step", "done_at"),
    table("feedback", Feedback, "score", "comment", "surface", "at"),
    table("notificationPreferences", MailPreference, "topic", "wanted", "changed_at"),
    table("mailDeliveries", MailDelivery, "letter", "topic", "status", "code", "at", "message_id"),
    Section("mailSuppressions", (MailSuppression,), mail_suppressions),
    Section(EVENTS.name, EVENTS.models, events),
    Section("letters", (Job,), letters),
)  # fmt: skip
"""The export, in its order. Whoever adds a table about people adds a section: a test asks for it."""
