"""Events for figures: typed by name and version, written in the transactions of what they tell.

`await analytics.record(app, user_id, FeedbackSubmitted(score=5, surface="settings"))`
"""

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

__all__ = [
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
    "TrialWinBackSent",
    "UserEmailVerified",
    "UserRegistered",
    "event",
    "record",
]
