"""Every letter that Porchlight writes, caused as the services cause it, to somebody who reads as a test says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.emails import parse_email
from models import (
    FraudAssessment,
    FraudCase,
    Invoice,
    InvoiceStatus,
    Job,
    PlanSubscription,
    PlanSubscriptionStatus,
    Trial,
    User,
    WebhookEvent,
    WebhookState,
)
from services import accounts, devices, email_codes, notifications, trials
from services.access import Viewer
from services.accounts import email_change, magic_links, password_reset, verification
from services.billing import letters as billing
from services.challenges import ChallengeRequired
from services.fraud import granting
from services.languages import Country, Told, by_day, label, zone_of
from services.notifications import Notice
from services.sessions import Client
from services.trials import reminders
from tests.clock import ManualClock
from tests.mailbox import outbox
from tests.porchlight import PASSWORD
from worker.loop import Worker
from worker.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from email.message import EmailMessage

    from services.app import App

ADDRESS, NEW_ADDRESS = "you@example.com", "new@example.com"
LAPTOP = Client(ip="84.112.0.1", user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
"""An address of an Austrian network."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Desk:
    """Where letters are written: an app with a clock, and the account that they are about."""

    app: App
    clock: ManualClock
    viewer: Viewer

    async def new(self) -> list[EmailMessage]:
        """What is sent when everything that is due has been done."""
        folder = Path(self.app.settings.mail_url.removeprefix("outbox://"))
        before = len(outbox(folder))
        await Worker(self.app, TASKS).drain()
        assert await Job.filter(last_error__isnull=False).values_list("kind", "last_error") == []
        return outbox(folder)[before:]


async def registered(app: App, clock: ManualClock, locale: str | None, timezone: str | None) -> Desk:
    """A desk whose account has just registered and waits for its first letter."""
    signed_in, _ = await accounts.register(app, email=ADDRESS, password=PASSWORD, name=None, device=None, client=LAPTOP)
    await User.filter(id=signed_in.user.id).update(locale=locale, timezone=timezone)
    await reminders.move(app, signed_in.user.id, timezone)
    return Desk(app, clock, Viewer(await User.get(id=signed_in.user.id), signed_in.session))


async def _verify(desk: Desk) -> None:
    await verification.resend(desk.app, desk.viewer)


async def _reset(desk: Desk) -> None:
    await password_reset.request(desk.app, ADDRESS, LAPTOP)


async def _sign_in(desk: Desk) -> None:
    await magic_links.request(desk.app, ADDRESS, LAPTOP)


async def _code(desk: Desk) -> None:
    with suppress(ChallengeRequired):
        await email_codes.require(desk.app, "login", client=LAPTOP, address=parse_email(ADDRESS), answer=None)


async def _change(desk: Desk) -> None:
    await email_change.request(desk.app, desk.viewer, NEW_ADDRESS, LAPTOP)
    await Job.filter(dedup_key__contains=Notice.EMAIL_CHANGE_REQUESTED).delete()


def _notice(notice: Notice) -> Callable[[Desk], Awaitable[None]]:
    async def write(desk: Desk) -> None:
        rows: dict[str, Told] = {}
        data: dict[str, Any] = {}
        if notice in {Notice.NEW_DEVICE, Notice.TOKEN_REUSED}:
            rows, data = devices.circumstances(desk.app, None, LAPTOP), {"session": desk.viewer.session.id}
            rows[label("Device")] = "Firefox on Linux"
            assert rows[label("Place")] == Country("AT")
        if notice is Notice.DELETION_REQUESTED:
            at = desk.clock.now() + 14 * DAY
            rows = {label("It will be deleted"): at, **notifications.WHAT_STAYS}
            data = {"deletion_at": at.isoformat()}
        if notice is Notice.RECOVERY_CODE_USED:
            rows = {label("Codes left"): 7}
        await notifications.notify(
            desk.app, desk.viewer.user.id, notice, dedup_key=f"sample-{notice}", details=rows, token_data=data
        )

    return write


async def _invoice(desk: Desk, status: InvoiceStatus, number: str) -> Invoice:
    now = desk.clock.now()
    return await Invoice.create(
        user_id=desk.viewer.user.id, provider_id=f"in_{number}", number=number, status=status, total=1900,
        amount_paid=0, currency="EUR", hosted_url=f"https://pay.example/{number}", created_at=now, applied_at=now,
    )  # fmt: skip


async def _paid(desk: Desk) -> None:
    invoice = await _invoice(desk, InvoiceStatus.PAID, "PL-0001")
    await billing.enqueue(desk.app, billing.News.PAID, desk.viewer.user.id, invoice.provider_id)


async def _failed(desk: Desk) -> None:
    invoice = await _invoice(desk, InvoiceStatus.OPEN, "PL-0002")
    await billing.enqueue(desk.app, billing.News.UNPAID, desk.viewer.user.id, invoice.provider_id)
    await desk.clock.advance(billing.PATIENCE)


async def _to_confirm(desk: Desk) -> None:
    invoice, now = await _invoice(desk, InvoiceStatus.OPEN, "PL-0003"), desk.clock.now()
    await WebhookEvent.create(
        event_id="evt_1", type=billing.ACTION_REQUIRED, object_id=invoice.provider_id, payload={}, created_at=now,
        received_at=now, state=WebhookState.DONE,
    )  # fmt: skip
    await billing.enqueue(desk.app, billing.News.UNPAID, desk.viewer.user.id, invoice.provider_id)
    await desk.clock.advance(billing.PATIENCE)


async def _canceled(desk: Desk) -> None:
    now = desk.clock.now()
    await PlanSubscription.create(
        user_id=desk.viewer.user.id, provider_id="sub_1", plan_key="pro-monthly", price_id="price_1", item_id="si_1",
        status=PlanSubscriptionStatus.CANCELED, currency="EUR", period_start=now, period_end=now + 30 * DAY,
        provider_created_at=now, applied_at=now,
    )  # fmt: skip
    await billing.enqueue(desk.app, billing.News.CANCELED, desk.viewer.user.id, "sub_1")


async def _cleared(desk: Desk) -> None:
    now = desk.clock.now()
    assessment = await FraudAssessment.create(
        at=now, email=ADDRESS, rules_version="1", features={}, score=0.5, decision="BLOCK", reasons=[]
    )
    case = await FraudCase.create(assessment_id=assessment.id, status="DISMISSED", created_at=now)
    await notifications.enqueue_letter(desk.app, granting.CLEARED, {"case": case.id}, dedup_key="sample-cleared")


def _days(days: int) -> Callable[[Desk], Awaitable[None]]:
    """A reminder of the trial's end: the letters of earlier days are passed over."""

    async def wait(desk: Desk) -> None:
        trial = await Trial.get(user_id=desk.viewer.user.id)
        zone = zone_of(desk.viewer.user.timezone)
        await desk.clock.jump(by_day(trial.ends_at - (days * DAY or reminders.LAST_CALL), zone))

    return wait


async def _win_back(desk: Desk) -> None:
    trial = await Trial.get(user_id=desk.viewer.user.id)
    await desk.clock.jump(trial.ends_at)
    await trials.end_all(desk.app, {})
    assert await desk.new() == []
    await desk.clock.jump(by_day(trial.ends_at + reminders.WIN_BACK_AFTER, zone_of(desk.viewer.user.timezone)))


async def _farewell(desk: Desk) -> None:
    await notifications.farewell(desk.app, await User.get(id=desk.viewer.user.id))


async def _nothing(_: Desk) -> None:
    """The welcome letter has been written by the registration."""


LETTERS: dict[str, Callable[[Desk], Awaitable[None]]] = {
    "welcome": _nothing,
    "confirm-address": _verify,
    "confirm-new-address": _change,
    "new-password": _reset,
    "sign-in": _sign_in,
    "code": _code,
    **{notice.value.replace("_", "-"): _notice(notice) for notice in Notice if notice is not Notice.DELETED},
    "payment-arrived": _paid,
    "payment-failed": _failed,
    "payment-to-confirm": _to_confirm,
    "plan-ended": _canceled,
    "may-register": _cleared,
    "trial-7-days": _days(7),
    "trial-3-days": _days(3),
    "trial-1-day": _days(1),
    "trial-last-day": _days(0),
    "win-back": _win_back,
    "deleted": _farewell,
}
"""How each letter is caused, in an order in which one after the other can be."""


async def every_letter(desk: Desk) -> dict[str, EmailMessage]:
    """Each letter by its name. Each is one, and nothing is left over."""
    written = {}
    for name, cause in LETTERS.items():
        await cause(desk)
        [written[name]] = await desk.new()
    return written
