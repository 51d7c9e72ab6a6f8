"""What is thrown away when nobody needs it any more. Each function is a recurring job; the figures are days.

The audit log is kept: it names people by number alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tortoise.expressions import Q, Subquery

from adapters.database import delete_in_parts
from models.budgets import ModelSpend, PlanSpend
from models.fraud import FraudAssessment, FraudCase, FraudKey, FraudListEntry
from models.jobs import Job
from models.mail import MailDelivery
from models.one_time_tokens import OneTimeToken
from models.sessions import Session
from models.usage import UsageCounter, UsageRecord, UsageReservation
from services.notifications import FAREWELL_KEYS
from services.sessions import IDLE_LIFETIME

if TYPE_CHECKING:
    from services.app import App

JOBS = "jobs.prune"
TOKENS = "one_time_tokens.prune"
SESSIONS = "sessions.prune"
USAGE = "usage.prune"
FRAUD = "fraud.prune"
MAIL = "mail.prune"

JOBS_KEPT = timedelta(days=7)
"""Of jobs that are done. A `dedup_key` holds as long."""
DEAD_JOBS_KEPT = timedelta(days=90)
"""A dead letter waits for somebody to read it, but not for ever: it may name whom it was for."""
TOKENS_KEPT = timedelta(days=7)
SESSIONS_KEPT = timedelta(days=90)
USAGE_RECORDS_KEPT = timedelta(days=35)
"""Of reports and ended reservations: an idempotency key holds as long, which is longer than any window but for good."""
USAGE_COUNTERS_KEPT = timedelta(days=400)
"""Of windows that are over: thirteen months, to compare one with that of last year."""
FRAUD_KEPT = timedelta(days=180)
"""Of what the check of sign-ups has seen: as far back as it looks. Claims of trials stay for good."""
REFUSED_KEPT = timedelta(days=90)
"""Of the address of somebody who was refused."""
MAIL_KEPT = timedelta(days=180)
"""Of what became of letters."""
LOCKS_KEPT = timedelta(days=1)


async def prune_jobs(app: App, _: dict[str, Any]) -> None:
    """Forget jobs that were done a week ago, or were given up 90 days ago; a given-up farewell goes at once.

    The account of a farewell is gone. However its letter failed, even with its worker, the address does not stay.
    """
    now = app.clock.now()
    farewell = Q(dedup_key__startswith=FAREWELL_KEYS, dead_at__isnull=False)
    await delete_in_parts(Job.filter(Q(done_at__lt=now - JOBS_KEPT) | Q(dead_at__lt=now - DEAD_JOBS_KEPT) | farewell))


async def prune_one_time_tokens(app: App, _: dict[str, Any]) -> None:
    """Forget tokens that were spent, or had run out, a week ago."""
    before = app.clock.now() - TOKENS_KEPT
    await delete_in_parts(OneTimeToken.filter(Q(used_at__lt=before) | Q(expires_at__lt=before)))


async def prune_sessions(app: App, _: dict[str, Any]) -> None:
    """Forget sessions that had ended, in whichever way, 90 days ago."""
    before = app.clock.now() - SESSIONS_KEPT
    ended = Q(revoked_at__lt=before) | Q(expires_at__lt=before) | Q(rotated_at__lt=before - IDLE_LIFETIME)
    await delete_in_parts(Session.filter(ended))


async def prune_usage(app: App, _: dict[str, Any]) -> None:
    """Forget reports and reservations that ended 35 days ago, and sums whose window ended 400 days ago."""
    now = app.clock.now()
    await delete_in_parts(UsageRecord.filter(recorded_at__lt=now - USAGE_RECORDS_KEPT))
    await delete_in_parts(UsageReservation.filter(ended_at__lt=now - USAGE_RECORDS_KEPT))
    await delete_in_parts(UsageCounter.filter(ends_at__lt=now - USAGE_COUNTERS_KEPT))
    before = (now - USAGE_COUNTERS_KEPT).date().isoformat()
    await ModelSpend.filter(day__lt=before).delete()
    await PlanSpend.filter(day__lt=before).delete()


async def prune_fraud(app: App, _: dict[str, Any]) -> None:
    """Forget sign-ups that the check no longer looks at, but those with an open case, and addresses of the refused.

    The case of a smaller trial waits for nobody, and goes with the others.
    """
    now = app.clock.now()
    old = FraudAssessment.filter(at__lt=now - FRAUD_KEPT)
    await delete_in_parts(old.filter(Q(case__id__isnull=True) | ~Q(case__status="OPEN") | Q(decision="LIMIT")))
    refused = FraudAssessment.filter(user_id__isnull=True, email__isnull=False, at__lt=now - REFUSED_KEPT)
    waiting = FraudCase.filter(status="OPEN").only("assessment_id")
    await refused.exclude(id__in=Subquery(waiting)).update(email=None)
    await FraudKey.filter(touched_at__lt=now - LOCKS_KEPT).delete()
    await FraudListEntry.filter(expires_at__lt=now - REFUSED_KEPT).delete()


async def prune_mail(app: App, _: dict[str, Any]) -> None:
    """Forget what became of letters half a year ago."""
    await delete_in_parts(MailDelivery.filter(at__lt=app.clock.now() - MAIL_KEPT))
