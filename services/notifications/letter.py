"""What letters are about, and which of them cannot be switched off."""

from enum import StrEnum


class Topic(StrEnum):
    """What a letter is about."""

    SECURITY = "SECURITY"
    """Links, sign-ins, changes of the account: sent whatever happens."""
    BILLING = "BILLING"
    """Payments, and a trial whose end will charge a card."""
    TRIAL = "TRIAL"
    """A trial whose end charges nobody."""
    PRODUCT = "PRODUCT"
    """What is new, and what somebody may like."""


MANDATORY = frozenset({Topic.SECURITY, Topic.BILLING})
