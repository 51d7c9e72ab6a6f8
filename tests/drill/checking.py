"""The ledger against the rows: what was acknowledged and is not there, and what is there more than once."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from core.clock import SystemClock
from models import (
    AuditEvent,
    BillingCustomer,
    Interaction,
    Invoice,
    Job,
    PlanSubscription,
    Trial,
    UsageCounter,
    UsageRecord,
    User,
    WebhookEvent,
    WebhookState,
)
from services.audit import Action
from services.billing.inbox import APPLY
from services.jobs import LEASE
from services.notifications import SEND
from services.notifications.welcome import WELCOME
from tests.drill.visitors import Ledger
from tests.drill.world import PROVIDER, World
from tests.services.schemas import opened


@dataclass
class Verdict:
    """What is not as it should be, a sentence each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


async def compare(world: World, ledger: Ledger) -> Verdict:
    """What was acknowledged until now, against the rows. Visitors may go on meanwhile."""
    verdict = Verdict()
    acknowledged = {user: set(keys) for user, keys in ledger.usage.items()}
    done = {user: set(keys) for user, keys in ledger.interactions.items()}
    sign_ups, webhooks = dict(ledger.sign_ups), set(ledger.webhooks)
    async with opened(world.database_url) as database:
        with database.bound():
            await _usage(acknowledged, verdict)
            await _interactions(done, verdict)
            await _sign_ups(sign_ups, verdict)
            await _webhooks(webhooks, verdict)
    return verdict


async def settled(world: World, ledger: Ledger) -> Verdict:
    """The same once nobody asks any more and no job is left: nothing may lag behind then."""
    verdict = await compare(world, ledger)
    async with opened(world.database_url) as database:
        with database.bound():
            for who, used, reported in await _counters():
                if used < reported:
                    verdict.lost.append(f"counter of {who}: {used} of {reported}")
                asked = len(ledger.usage.get(who[0], ()))
                if used > asked:
                    verdict.doubled.append(f"counter of {who}: {used}, of which {asked} were asked for")
            await _purchases(world, ledger, verdict)
            told = WebhookEvent.filter(event_id__in=list(ledger.webhooks))
            waiting = await told.exclude(state__in=[WebhookState.DONE, WebhookState.PARKED])
            verdict.lost += [f"consequence of webhook {row.event_id}: {row.state}" for row in waiting]
    return verdict


def _told(verdict: Verdict, what: str, wanted: Counter[str], there: Counter[str]) -> None:
    verdict.lost += [f"{what} {key}" for key in wanted if not there[key]]
    verdict.doubled += [f"{what} {key}: {count} times" for key, count in there.items() if count > 1]


async def _usage(acknowledged: dict[int, set[str]], verdict: Verdict) -> None:
    """Each report is a row, and no counter is ahead of its rows: it is read before them."""
    for user, keys in acknowledged.items():
        rows = Counter([row.idempotency_key for row in await UsageRecord.filter(user_id=user)])
        _told(verdict, "usage", Counter(keys), rows)
    for who, used, reported in await _counters():
        if used > reported:  # whoever reports meanwhile is only in the later of the two
            verdict.doubled.append(f"counter of {who}: {used} of {reported}")


async def _counters() -> list[tuple[tuple[int, str], int, int]]:
    """Whose each counter is and of what, what it says, and the sum of its reports."""
    used: Counter[tuple[int, str]] = Counter()
    for row in await UsageCounter.all():
        used[row.user_id, row.meter] += row.used
    reported: Counter[tuple[int, str]] = Counter()
    for record in await UsageRecord.all():
        reported[record.user_id, record.meter] += record.quantity
    return [(who, used[who], reported[who]) for who in {**used, **reported}]


async def _interactions(done: dict[int, set[str]], verdict: Verdict) -> None:
    for user, keys in done.items():
        rows = Counter([row.idempotency_key for row in await Interaction.filter(user_id=user)])
        _told(verdict, "interaction", Counter(keys), rows)


async def _sign_ups(sign_ups: dict[str, bool], verdict: Verdict) -> None:
    people = {user.id: user.email for user in await User.all()}
    _told(verdict, "sign-up", Counter(sign_ups), Counter(people.values()))
    trials = Counter(people.get(trial.user_id, "?") for trial in await Trial.all())
    _told(verdict, "trial", Counter([address for address, begun in sign_ups.items() if begun]), trials)
    sent = await Job.filter(kind=SEND)
    welcomes = Counter(people.get(job.payload["user_id"], "?") for job in sent if job.payload["letter"] == WELCOME)
    _told(verdict, "job of letter to", Counter(sign_ups), welcomes)
    audited = Counter(people.get(each.user_id or 0, "?") for each in await AuditEvent.filter(action=Action.REGISTERED))
    _told(verdict, "audit of", Counter(sign_ups), audited)


async def _webhooks(webhooks: set[str], verdict: Verdict) -> None:
    _told(verdict, "webhook", Counter(webhooks), Counter([row.event_id for row in await WebhookEvent.all()]))
    jobs = Counter({job.payload["event"] for job in await Job.filter(kind=APPLY)})  # one more for each time it waits
    _told(verdict, "job of webhook", Counter(webhooks), jobs)


async def _purchases(world: World, ledger: Ledger, verdict: Verdict) -> None:
    """Who has subscribed has one subscription and an invoice, for the provider and for us, and was charged once.

    All pay with one card, so that each but the first begins paid: a job ends the trial with the provider.
    """
    wanted = Counter(map(str, ledger.purchases))
    _told(verdict, "subscription of", wanted, Counter(str(row.user_id) for row in await PlanSubscription.all()))
    _told(verdict, "invoice of", wanted, Counter({str(row.user_id) for row in await Invoice.all()}))
    whose = {row.provider_id: str(row.user_id) for row in await BillingCustomer.all()}
    subscribed = Counter(whose.get(each["customer"], "?") for each in _booked(world, "subscription"))
    _told(verdict, "provider's subscription of", wanted, subscribed)
    charged = [whose.get(each["customer"], "?") for each in _booked(world, "invoice") if each["total"]]
    _told(verdict, "charge of", Counter(), Counter(charged))


def _booked(world: World, kind: str) -> list[dict[str, Any]]:
    """What the simulated provider has of a kind."""
    with closing(sqlite3.connect(world.folder / PROVIDER)) as book:
        return [json.loads(row[0]) for row in book.execute("SELECT content FROM documents WHERE kind = ?", [kind])]


async def unfinished(world: World, ledger: Ledger) -> list[str]:
    """Jobs that are due, under a lease or dead, and purchases not heard of, a sentence each; empty once all is done."""
    soon = SystemClock().now() + LEASE * 2
    async with opened(world.database_url) as database:
        with database.bound():
            jobs = await Job.filter(done_at=None)
            heard = {row.user_id for row in await PlanSubscription.all()} & {row.user_id for row in await Invoice.all()}
    unheard = [f"purchase of {user_id}" for user_id in ledger.purchases - heard]
    return unheard + [
        f"{job.kind} after {job.attempts}: {job.last_error}"
        for job in jobs
        if job.dead_at or (job.due_at and job.due_at < soon)
    ]


def letters(world: World, ledger: Ledger) -> Verdict:
    """Letters of welcome that did not arrive, and those that arrived more than once."""
    verdict = Verdict()
    arrived = Counter(message["To"] for message in world.mail.book.messages if "Welcome" in message["Subject"])
    _told(verdict, "letter to", Counter(list(ledger.sign_ups)), arrived)
    return verdict
