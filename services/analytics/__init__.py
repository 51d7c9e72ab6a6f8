"""Events for figures: typed by name and version, written in the transactions of what they tell.

`await analytics.record(app, user_id, FeedbackSubmitted(score=5, surface="settings"))`
"""

from services.analytics.client_events import CLIENT_EVENTS, CLIENT_NAMES, SERVER_NAMES
from services.analytics.consent import set_consent
from services.analytics.events import (
    FeedbackSubmitted,
    FlagExposed,
    Happened,
    InvoicePaid,
    OnboardingCompleted,
    OnboardingStepCompleted,
    Outcome,
    SignInProven,
    SubscriptionCanceled,
    TrialWinBackSent,
    UserEmailVerified,
    UserRegistered,
)
from services.analytics.names import Name
from services.analytics.recording import event, record
from services.analytics.tracking import LARGEST_BATCH, Told, Tracked, track

__all__ = [
    "CLIENT_EVENTS",
    "CLIENT_NAMES",
    "LARGEST_BATCH",
    "SERVER_NAMES",
    "FeedbackSubmitted",
    "FlagExposed",
    "Happened",
    "InvoicePaid",
    "Name",
    "OnboardingCompleted",
    "OnboardingStepCompleted",
    "Outcome",
    "SignInProven",
    "SubscriptionCanceled",
    "Told",
    "Tracked",
    "TrialWinBackSent",
    "UserEmailVerified",
    "UserRegistered",
    "event",
    "record",
    "set_consent",
    "track",
]
