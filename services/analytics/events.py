"""What the server writes down: one class an event, whose fields are its properties.

Properties are states, keys and numbers: never a secret, an address or what somebody wrote. A field that is added,
removed or means something else makes a new `revision`, which is stored as the event's version.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from services.analytics.names import Name


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something that happened to a user's account."""

    name: ClassVar[Name]
    revision: ClassVar[int] = 1

    @property
    def properties(self) -> dict[str, Any]:
        """The fields by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Happened):
    """An account was made. `trial`: whether a trial began with it."""

    name: ClassVar[Name] = Name.USER_REGISTERED
    trial: bool


@dataclass(frozen=True, kw_only=True)
class UserEmailVerified(Happened):
    """The owner has proven, for the first time, to read the address of the account."""

    name: ClassVar[Name] = Name.USER_EMAIL_VERIFIED


class Outcome(StrEnum):
    """What came of a sign-in with the right credentials."""

    SIGNED_IN = "signed_in"
    SUSPENDED = "suspended"
    FACTOR_FAILED = "factor_failed"
    """The second factor was tried, and was wrong until its time was over."""
    FACTOR_ABANDONED = "factor_abandoned"
    """The second factor was asked for, and nobody gave one."""


@dataclass(frozen=True, kw_only=True)
class SignInProven(Happened):
    """An attempt at signing in whose first factor was right is over: one event an attempt, with what came of it.

    `factor`: whether a second one was asked for.
    """

    name: ClassVar[Name] = Name.SIGN_IN_PROVEN
    outcome: Outcome
    factor: bool


@dataclass(frozen=True, kw_only=True)
class TrialWinBackSent(Happened):
    """Somebody whose trial had expired was asked back, once."""

    name: ClassVar[Name] = Name.TRIAL_WIN_BACK_SENT
    plan: str


@dataclass(frozen=True, kw_only=True)
class InvoicePaid(Happened):
    """An invoice of more than nothing was paid. `amount` is in the smallest unit of `currency`."""

    name: ClassVar[Name] = Name.INVOICE_PAID
    plan: str | None
    amount: int
    currency: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class SubscriptionCanceled(Happened):
    """A subscription that had begun is over. `status` is the one before."""

    name: ClassVar[Name] = Name.SUBSCRIPTION_CANCELED
    plan: str | None
    status: str


@dataclass(frozen=True, kw_only=True)
class OnboardingStepCompleted(Happened):
    """A step of the onboarding is done, for the first time."""

    name: ClassVar[Name] = Name.ONBOARDING_STEP_COMPLETED
    step: str


@dataclass(frozen=True, kw_only=True)
class OnboardingCompleted(Happened):
    """All steps of the onboarding that are not optional are done."""

    name: ClassVar[Name] = Name.ONBOARDING_COMPLETED


@dataclass(frozen=True, kw_only=True)
class FeedbackSubmitted(Happened):
    """A score from 1 to 5 was given. `surface`: where."""

    name: ClassVar[Name] = Name.FEEDBACK_SUBMITTED
    score: int
    surface: str | None


@dataclass(frozen=True, kw_only=True)
class FlagExposed(Happened):
    """A flag was first seen by a user, as `variant` and switched on or not."""

    name: ClassVar[Name] = Name.FLAG_EXPOSED
    flag: str
    enabled: bool
    variant: str | None
