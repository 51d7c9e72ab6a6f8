"""Small worlds of people, trials and invoices, and what figures of them are by hand: plain Python over plain rows."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from models import (
    FraudAssessment,
    FraudCase,
    Invoice,
    InvoiceStatus,
    PlanSubscription,
    PlanSubscriptionStatus,
    Role,
    Trial,
    User,
)
from services.analytics.figures.measure import Counts
from tests.clock import START

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
TO_PAY = timedelta(hours=72)
MIDNIGHT = START.replace(hour=0)
LINES = {"pro-monthly": "pro", "pro-yearly": "pro"}
DOMAINS = ["people.figures"] * 12 + ["notexample.com", "example.com", "a.example.org", "b.test", "lamp.figures"]
"""Where people have their mailboxes. `lamp.figures` is one of TEST_DOMAINS in these tests."""
TEST_MARKS = ("example.com", "example.net", "example.org", "test", "lamp.figures")


@dataclass
class Bill:
    """An invoice of a subscription to `plan`."""

    plan: str | None
    status: InvoiceStatus
    total: int
    created_at: datetime
    paid_at: datetime | None


@dataclass
class Being:
    """Somebody with a trial. `fraud` is the decision and the case's status, where they were checked."""

    email: str
    started_at: datetime
    ends_at: datetime
    role: Role = Role.USER
    fraud: tuple[str, str | None] | None = None
    plan: str = "pro-monthly"
    charge_failed_at: datetime | None = None
    bills: list[Bill] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    user_id: int = 0

    @property
    def counts(self) -> bool:
        """Neither staff, nor test, nor fraud."""
        domain = self.email.partition("@")[2]
        is_test = any(domain == mark or domain.endswith(f".{mark}") for mark in TEST_MARKS)
        is_fraud = self.fraud is not None and (
            self.fraud[1] == "CONFIRMED" or (self.fraud[0] == "BLOCK" and self.fraud[1] != "DISMISSED")
        )
        return self.role is Role.USER and not is_test and not is_fraud

    @property
    def deadline(self) -> datetime:
        return self.ends_at + TO_PAY

    @property
    def of_line(self) -> list[Bill]:
        """Invoices of more than nothing for what the trial was of."""
        line = LINES.get(self.plan, self.plan)
        return [bill for bill in self.bills if bill.plan and LINES.get(bill.plan, bill.plan) == line and bill.total > 0]

    @property
    def first_paid_at(self) -> datetime | None:
        paid = [bill.paid_at for bill in self.of_line if bill.status is InvoiceStatus.PAID and bill.paid_at]
        return min(paid, default=None)

    @property
    def paid(self) -> bool:
        first = self.first_paid_at
        return first is not None and self.started_at <= first <= self.deadline

    @property
    def failed(self) -> bool:
        if self.first_paid_at is not None and self.first_paid_at <= self.deadline:
            return False
        asked = [bill.created_at for bill in self.of_line if bill.status is not InvoiceStatus.DRAFT]
        asked += [self.charge_failed_at] if self.charge_failed_at else []
        return any(moment <= self.deadline for moment in asked)


def a_being(random: Random, number: int, days: int = 60) -> Being:
    """Somebody drawn at random, from few values, so that the odd ones meet."""
    moment = random.choice([timedelta(0), SECOND, 9 * HOUR, DAY - SECOND])
    started_at = MIDNIGHT + random.randrange(days) * DAY + moment
    ends_at = started_at + random.choice([14, 14, 14, 14, 21, 3]) * DAY
    being = Being(
        email=f"p{number}@{random.choice(DOMAINS)}",
        started_at=started_at,
        ends_at=ends_at,
        role=random.choice([Role.USER] * 14 + [Role.SUPPORT, Role.ADMIN]),
        fraud=random.choice(
            [None] * 12
            + [("REVIEW", "CONFIRMED"), ("REVIEW", "DISMISSED"), ("LIMIT", "OPEN"), ("BLOCK", "OPEN")]
            + [("BLOCK", "DISMISSED"), ("BLOCK", None), ("ALLOW", None)]
        ),
        plan=random.choice(["pro-monthly"] * 6 + ["once-sold"]),
        charge_failed_at=random.choice([None, None, None, ends_at + HOUR, ends_at + TO_PAY + SECOND]),
        more=random.choice(
            [{}, {"canceled_at": started_at + DAY}, {"converted_at": ends_at}, {"paused_at": started_at}]
        ),
    )
    for _ in range(random.choice([0, 0, 1, 1, 1, 2, 3])):
        being.bills.append(a_bill(random, being))
    return being


def a_bill(random: Random, being: Being) -> Bill:
    """An invoice at one of the moments that matter."""
    offsets = [-9 * DAY, timedelta(0), HOUR, TO_PAY, TO_PAY + SECOND, 9 * DAY, -40 * DAY]
    created_at = being.ends_at + random.choice(offsets)
    status = random.choice([*InvoiceStatus] + [InvoiceStatus.PAID] * 5)
    return Bill(
        plan=random.choice(["pro-monthly"] * 5 + ["pro-yearly", "free", "once-sold", None]),
        status=status,
        total=random.choice([0, 1900, 1900, 1900]),
        created_at=created_at,
        paid_at=being.ends_at + random.choice(offsets) if status is InvoiceStatus.PAID else None,
    )


async def settle_in(beings: list[Being]) -> None:
    """Write them down, as the services would have."""
    for being in beings:
        user = await User.create(
            email=being.email, email_key=being.email, password_hash="", role=being.role, created_at=being.started_at
        )
        being.user_id = user.id
        await Trial.create(
            user_id=user.id,
            person_key=f"person of {being.email}",
            plan_key=being.plan,
            started_at=being.started_at,
            ends_at=being.ends_at,
            charge_failed_at=being.charge_failed_at,
            **being.more,
        )
        if being.fraud:
            await check(being.fraud, user_id=user.id, at=being.started_at, email=being.email)
        for place, bill in enumerate(being.bills):
            await write(bill, user.id, f"{user.id}_{place}")


async def check(fraud: tuple[str, str | None], *, at: datetime, **more: Any) -> FraudAssessment:
    """A check of a sign-up, with a case where it has one."""
    told: Any = {"rules_version": "1", "features": {}, "score": 0.5, "reasons": []}
    closed_at = more.pop("closed_at", at)
    row = await FraudAssessment.create(decision=fraud[0], at=at, **told, **more)
    if fraud[1]:
        await FraudCase.create(
            assessment_id=row.id, status=fraud[1], created_at=at, closed_at=None if fraud[1] == "OPEN" else closed_at
        )
    return row


async def write(bill: Bill, user_id: int, name: str) -> None:
    """An invoice with a subscription of its own."""
    await PlanSubscription.create(
        user_id=user_id, provider_id=f"sub_{name}", plan_key=bill.plan, price_id="p", item_id="i", currency="EUR",
        status=PlanSubscriptionStatus.ACTIVE, period_start=START, period_end=START, provider_created_at=START,
        applied_at=START,
    )  # fmt: skip
    await Invoice.create(
        user_id=user_id, provider_id=f"in_{name}", subscription_provider_id=f"sub_{name}", status=bill.status,
        total=bill.total, amount_paid=bill.total, currency="EUR", created_at=bill.created_at, paid_at=bill.paid_at,
        applied_at=START,
    )  # fmt: skip


def by_hand(beings: list[Being], now: datetime) -> tuple[dict[date, Counts], dict[date, Counts]]:
    """Conversions and first payments that failed, by the day on which the trials began."""
    seen: dict[date, Counter[str]] = defaultdict(Counter)
    for being in beings:
        if not being.counts:
            continue
        day = seen[being.started_at.date()]
        if now < being.deadline:
            day["pending"] += 1
            continue
        day["judged"] += 1
        day["paid"] += being.paid
        day["failed"] += being.failed
    conversions = {
        day: Counts.share(each["paid"], each["judged"], pending=each["pending"]) for day, each in seen.items()
    }
    failures = {
        day: Counts.share(each["failed"], each["failed"] + each["paid"], pending=each["pending"])
        for day, each in seen.items()
    }
    return conversions, failures
