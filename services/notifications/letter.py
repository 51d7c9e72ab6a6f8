"""What a letter is: a job of one kind, composed when it is sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from services import jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from models.accounts import User
    from models.jobs import Job
    from models.mail import DeliveryStatus
    from services.app import App
    from services.languages import Phrase
    from services.notifications.printing import Value

SEND = "mail.send"
"""The kind of job that every letter is."""


class Topic(StrEnum):
    """What a letter is about, as its reader chooses."""

    SECURITY = "SECURITY"
    """Links, sign-ins, changes of the account: sent whatever happens."""
    BILLING = "BILLING"
    """Payments, and a trial whose end will charge a card."""
    TRIAL = "TRIAL"
    """A trial whose end charges nobody."""
    PRODUCT = "PRODUCT"
    """What is new, and what somebody may like."""


MANDATORY = frozenset({Topic.SECURITY, Topic.BILLING})
"""What nobody can switch off."""


@dataclass(frozen=True)
class Mailbox:
    """Where a letter goes: an address as written, and its key."""

    written: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What one letter says, not printed yet. A user that is not stored has no id, and owns no entry of the log."""

    user: User
    template: str
    subject: Phrase
    values: Mapping[str, Value] = field(default_factory=dict)
    to: Mailbox | None = None
    """Another mailbox than the account's present one."""
    topic: Topic | None = None
    """Another topic than the letter's own."""

    @property
    def mailbox(self) -> Mailbox:
        """Where it goes."""
        return self.to or Mailbox(self.user.email, self.user.email_key)


@dataclass(frozen=True)
class Letter:
    """A kind of letter: `compose` says what there is to tell at the moment of sending, None when there is nothing.

    A second attempt composes again. What it makes, such as a token, is the same for the same delivery: `Delivery`.
    `settled` is called once, in the transaction that writes down how the letter ended.
    """

    name: str
    topic: Topic
    compose: Callable[[App, Delivery], Awaitable[Draft | None]]
    settled: Callable[[App, Delivery, DeliveryStatus], Awaitable[None]] | None = None


@dataclass(frozen=True)
class Delivery:
    """One letter that is to be sent, however many attempts it takes: its job's key, and what the job says."""

    key: str
    payload: Mapping[str, Any]

    @property
    def seed(self) -> str:
        """What tokens and codes of this letter are made of, with our key: it is no secret, and nobody can guess it."""
        return f"{self.key} {self.payload.get('nonce', '')}"

    @property
    def asked_at(self) -> str:
        """When the letter was asked for, in a form that sorts by time; empty for one of an earlier version."""
        return str(self.payload.get("asked_at", ""))


def letter_job(
    app: App,
    name: str,
    payload: Mapping[str, Any],
    *,
    dedup_key: str,
    due_at: datetime | None = None,
    not_after: datetime | None = None,
) -> Job:
    """The job of a letter, not stored yet. What would be sent later than `not_after` is not sent."""
    about = {
        **payload,
        "letter": name,
        "delivery": dedup_key,
        "nonce": secrets.token_hex(16),
        "asked_at": app.clock.now().isoformat(),
    }
    if not_after is not None:
        about["not_after"] = not_after.isoformat()
    return jobs.job(app, SEND, about, dedup_key=dedup_key, due_at=due_at)


async def enqueue_letter(
    app: App,
    name: str,
    payload: Mapping[str, Any],
    *,
    dedup_key: str,
    due_at: datetime | None = None,
    not_after: datetime | None = None,
) -> None:
    """Write the job of a letter inside the caller's transaction. Two with the same `dedup_key` are one.

    Call `jobs.wake` once it has committed.
    """
    await jobs.enqueue_all([letter_job(app, name, payload, dedup_key=dedup_key, due_at=due_at, not_after=not_after)])
