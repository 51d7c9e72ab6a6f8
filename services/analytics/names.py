"""The names of all events. A name is never given to something else, and never leaves the list: rows bear it."""

from __future__ import annotations

from enum import StrEnum


class Name(StrEnum):
    """What happened, by the name that figures ask for."""

    USER_REGISTERED = "user.registered"
    USER_EMAIL_VERIFIED = "user.email_verified"
    SIGN_IN_PROVEN = "sign_in.proven"
    TRIAL_STARTED = "trial.started"
    TRIAL_EXTENDED = "trial.extended"
    TRIAL_PAUSED = "trial.paused"
    TRIAL_RESUMED = "trial.resumed"
    TRIAL_CANCELED = "trial.canceled"
    TRIAL_PAYMENT_METHOD_ADDED = "trial.payment_method_added"
    TRIAL_PAYMENT_METHOD_REMOVED = "trial.payment_method_removed"
    TRIAL_CHARGE_FAILED = "trial.charge_failed"
    TRIAL_CONVERTED = "trial.converted"
    TRIAL_QUOTA_RAISED = "trial.quota_raised"
    TRIAL_ENDED = "trial.ended"
    TRIAL_WIN_BACK_SENT = "trial.win_back_sent"
    INVOICE_PAID = "invoice.paid"
    SUBSCRIPTION_CANCELED = "subscription.canceled"
    ONBOARDING_STEP_COMPLETED = "onboarding.step_completed"
    ONBOARDING_COMPLETED = "onboarding.completed"
    FEEDBACK_SUBMITTED = "feedback.submitted"
    FLAG_EXPOSED = "flag.exposed"

    PAGE_VIEWED = "page.viewed"
    ONBOARDING_STARTED = "onboarding.started"
    CHECKOUT_VIEWED = "checkout.viewed"
    PAYWALL_VIEWED = "paywall.viewed"
    FEEDBACK_PROMPTED = "feedback.prompted"
