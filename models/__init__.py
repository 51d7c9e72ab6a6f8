"""What is stored: Tortoise tables, one file a noun, with no decisions beyond constraints."""

from models.accounts import Role, User
from models.analytics import Event, EventDay
from models.audit import AuditEvent
from models.billing import (
    BillingCustomer,
    CheckoutAttempt,
    Invoice,
    InvoiceStatus,
    PlanSubscription,
    PlanSubscriptionStatus,
    WebhookEvent,
    WebhookState,
)
from models.budgets import ModelReservation, ModelSpend, PlanSpend
from models.clock import ClockOffset
from models.collaborative import CollaborativeModel
from models.devices import Device
from models.embedding_spaces import EmbeddingProcess, EmbeddingSpace, ServingSpace
from models.feedback import Feedback
from models.figures import ActiveWeek, DepartedTrial, KpiDay, RetentionWeek
from models.flags import FeatureFlag
from models.fraud import FraudAssessment, FraudCase, FraudIdentifier, FraudKey, FraudListEntry
from models.images import ImageAnalysis
from models.jobs import Job
from models.keys import Key, KeyUse
from models.mail import DeliveryStatus, MailDelivery
from models.mail_preferences import MailPreference, MailSuppression, SuppressionReason
from models.measuring import AnswerOutcome, RequestMinute
from models.mfa import Passkey, RecoveryCode, Totp
from models.onboarding import OnboardingStep
from models.one_time_tokens import OneTimeToken, Purpose
from models.recommendations import (
    CatalogueRevision,
    Interaction,
    InteractionKind,
    Interest,
    InterestSource,
    InterestVector,
    Item,
    ItemVector,
)
from models.schedule import ScheduleRun
from models.sessions import Session
from models.slates import RecommendationDay, RecommendationSlate
from models.trials import EndPolicy, Trial, TrialChange, TrialChangeKind, TrialClaim
from models.usage import UsageCounter, UsageRecord, UsageReservation

__all__ = [
    "ActiveWeek",
    "AnswerOutcome",
    "AuditEvent",
    "BillingCustomer",
    "CatalogueRevision",
    "CheckoutAttempt",
    "ClockOffset",
    "CollaborativeModel",
    "DeliveryStatus",
    "DepartedTrial",
    "Device",
    "EmbeddingProcess",
    "EmbeddingSpace",
    "EndPolicy",
    "Event",
    "EventDay",
    "FeatureFlag",
    "Feedback",
    "FraudAssessment",
    "FraudCase",
    "FraudIdentifier",
    "FraudKey",
    "FraudListEntry",
    "ImageAnalysis",
    "Interaction",
    "InteractionKind",
    "Interest",
    "InterestSource",
    "InterestVector",
    "Invoice",
    "InvoiceStatus",
    "Item",
    "ItemVector",
    "Job",
    "Key",
    "KeyUse",
    "KpiDay",
    "MailDelivery",
    "MailPreference",
    "MailSuppression",
    "ModelReservation",
    "ModelSpend",
    "OnboardingStep",
    "OneTimeToken",
    "Passkey",
    "PlanSpend",
    "PlanSubscription",
    "PlanSubscriptionStatus",
    "Purpose",
    "RecommendationDay",
    "RecommendationSlate",
    "RecoveryCode",
    "RequestMinute",
    "RetentionWeek",
    "Role",
    "ScheduleRun",
    "ServingSpace",
    "Session",
    "SuppressionReason",
    "Totp",
    "Trial",
    "TrialChange",
    "TrialChangeKind",
    "TrialClaim",
    "UsageCounter",
    "UsageRecord",
    "UsageReservation",
    "User",
    "WebhookEvent",
    "WebhookState",
]
