"""What purchases and changes begin with: who somebody is for the provider, what they have, where they come back to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from tortoise.exceptions import IntegrityError

from adapters.payments import SubscriptionOver
from core.errors import BadUserInput, NotFound, Refusal, Unavailable
from core.setting_values import origin
from models.billing import BillingCustomer, CheckoutAttempt, PlanSubscription
from services import jobs
from services.billing import forgetting
from services.billing.applying import STATUSES, apply_subscription
from services.billing.standing import OVER, purchase_of

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from adapters.payments import SubscriptionSnapshot
    from models.accounts import User
    from services.app import App
    from services.billing.catalogue import Plan

Answer = TypeVar("Answer")

LONGEST_ADDRESS = 2048
MINUTE = 60


class AlreadySubscribed(Refusal):
    """The user has a subscription that is not over: a second one would charge them twice."""

    message = "You have a subscription already. Change its plan instead."


class NotSubscribed(Refusal):
    """The user has no subscription, or it is over."""

    message = "You have no subscription."


class UrlNotAllowed(Refusal):
    """An address to come back to is not one of our own sites."""

    message = "The address to come back to is not one of this service's own."


def require_allowed(app: App, *addresses: str) -> None:
    """Raise UrlNotAllowed unless each address is on our own site, on FRONTEND_URL's, or on one of ALLOWED_ORIGINS."""
    allowed = app.settings.origins | ({origin(app.settings.frontend_url)} if app.settings.frontend_url else set())
    if any(_origin_of(address) not in allowed for address in addresses):
        raise UrlNotAllowed


def plan_for_sale(app: App, key: str | None) -> Plan:
    """The plan that somebody chooses. Raises NotFound for one that is not sold, BadUserInput for a free one."""
    plan = app.catalogue.plans.get(key or "")
    if plan is None or plan.retired:
        raise NotFound
    if not plan.costs:
        raise BadUserInput("This plan is free: it is what is left without a subscription.")
    return plan


async def customer_of(app: App, user: User) -> str:
    """The provider's id of a user, who becomes its customer at the first question. Raises Unavailable.

    A customer that turns out to be nobody's is forgotten: the user has gone meanwhile, or another request was faster.
    """
    known = await BillingCustomer.get_or_none(user_id=user.id)
    if known is not None:
        return known.provider_id
    key = key_of_minute(app, "customer", user.id, user.created_at.isoformat(), user.email)
    provider_id = await app.payments.create_customer(user.email, str(user.id), key=key)
    row = BillingCustomer(user_id=user.id, provider_id=provider_id, created_at=app.clock.now())
    with suppress(IntegrityError):  # the user has gone
        await BillingCustomer.bulk_create([row], ignore_conflicts=True)
    kept = await BillingCustomer.get_or_none(user_id=user.id)
    if kept is None or kept.provider_id != provider_id:
        await forgetting.enqueue(app, provider_id)
        await jobs.wake(app)
    if kept is None:
        raise Unavailable
    return kept.provider_id


async def subscription_of(app: App, user: User) -> PlanSubscription:
    """The subscription of a user that is not over, whether or not a webhook has told of it.

    Raises NotSubscribed, Unavailable.
    """
    rows = await PlanSubscription.filter(user_id=user.id).exclude(status__in=OVER)
    row = purchase_of(rows, app.clock.now()) or await just_bought(app, user)
    if row is None or row.status in OVER:
        raise NotSubscribed
    return row


async def just_bought(app: App, user: User) -> PlanSubscription | None:
    """What was bought on a user's last page, which is written down; None when nothing was. Raises Unavailable."""
    attempt = await CheckoutAttempt.get_or_none(user_id=user.id, provider_id__not_isnull=True)
    page = await app.payments.checkout(attempt.provider_id) if attempt and attempt.provider_id else None
    if page is None or page.subscription_id is None:
        return None
    row, _ = await _asked_anew(app, page.subscription_id)
    return row


async def require_none(app: App, user: User) -> None:
    """Raise AlreadySubscribed for who has a subscription; the provider is asked whether it is still so."""
    for row in await PlanSubscription.filter(user_id=user.id).exclude(status__in=OVER):
        await require_over(app, row.provider_id)


async def require_over(app: App, subscription_id: str) -> None:
    """Raise AlreadySubscribed unless the provider says that a subscription is over, which is then written down."""
    _, snapshot = await _asked_anew(app, subscription_id)
    if snapshot and STATUSES[snapshot.status] not in OVER:
        raise AlreadySubscribed


async def subscription_now(app: App, user: User) -> tuple[PlanSubscription, SubscriptionSnapshot]:
    """A user's subscription as the provider has it now, which is written down. Raises NotSubscribed, Unavailable."""
    row, snapshot = await _asked_anew(app, (await subscription_of(app, user)).provider_id)
    if row is None or snapshot is None or row.status in OVER:
        raise NotSubscribed
    return row, snapshot


async def answered(app: App, row: PlanSubscription, request: Awaitable[Answer]) -> Answer:
    """What the provider answers about a subscription. One that is over there is over here, too, from now on.

    Raises NotSubscribed, Unavailable, PaymentDeclined.
    """
    try:
        return await request
    except SubscriptionOver as error:
        with suppress(AlreadySubscribed):
            await require_over(app, row.provider_id)
        raise NotSubscribed from error


async def written(app: App, snapshot: SubscriptionSnapshot, *, at: datetime) -> PlanSubscription:
    """The row of what the provider has answered to a change that was sent at `at`. Raises Unavailable.

    Somebody may have asked meanwhile, before the change was made or after another one: then it is asked for once more.
    """
    row = await apply_subscription(app, snapshot, at=at)
    if row is not None and row.applied_at > at:
        row, _ = await _asked_anew(app, snapshot.id)
    if row is None:
        raise Unavailable
    return row


def key_of(app: App, *what: object) -> str:
    """The idempotency key of a request: the same whenever the same is asked for, and another one elsewhere."""
    return app.keys.identity("payments", "\0".join(str(part) for part in what))


def key_of_minute(app: App, *what: object) -> str:
    """The key of a request that a double click sends twice; a later try has another one.

    The provider repeats its first answer to a key for a day, a failure too: hence the minute.
    """
    return key_of(app, int(app.clock.now().timestamp()) // MINUTE, *what)


def key_of_change(app: App, row: PlanSubscription, *what: object) -> str:
    """The key of a change of a subscription, for a minute. `what` tells this change from those before it."""
    return key_of_minute(app, row.provider_id, *what)


async def _asked_anew(app: App, subscription_id: str) -> tuple[PlanSubscription | None, SubscriptionSnapshot | None]:
    asked_at = app.clock.now()
    snapshot = await app.payments.subscription(subscription_id)
    row = await apply_subscription(app, snapshot, at=asked_at) if snapshot else None
    return row, snapshot


def _origin_of(address: str) -> str | None:
    """The origin of an address that a browser and we read alike; None of any other."""
    if len(address) > LONGEST_ADDRESS or not (address.isascii() and address.isprintable()) or set(address) & set(" \\"):
        return None
    try:
        parts = urlsplit(address)
        return origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        return None
