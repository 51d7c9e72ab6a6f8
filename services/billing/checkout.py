"""Buying a plan: one open page of the provider for each user, whichever tab and device they come from."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.payments import Purchase
from core.errors import BadUserInput, Refusal, Unavailable
from models.billing import CheckoutAttempt
from models.trials import Trial
from services.billing.buying import customer_of, key_of, plan_for_sale, require_allowed, require_none, require_over
from services.billing.syncing import price_of
from services.trials.status import RUNNING, trial_status

if TYPE_CHECKING:
    from datetime import datetime

    from models.accounts import User
    from services.app import App

NEAREST_START = timedelta(hours=48, minutes=1)
"""A first charge that is nearer is made at once: the provider takes no other."""
REMEMBERED = timedelta(hours=23)
"""How long an unanswered request may be repeated by its key: the provider forgets keys after 24 h."""
ROUNDS = 5
"""Pages that are looked at before somebody is asked to come back: another tab, a bought one, an old one."""
LONGEST_CODE = 255


class PromotionCodeInvalid(Refusal):
    """There is no such promotion code, it is over, or it is not for this user or plan."""

    message = "This promotion code does not exist, is over, or is not for you or this plan."


@dataclass(frozen=True)
class Choice:
    """What somebody wants to buy, and where they come back to."""

    plan_key: str | None
    success_url: str
    cancel_url: str
    currency: str | None = None
    promotion_code: str | None = None


async def start_checkout(app: App, user: User, choice: Choice) -> str:
    """The address of the page on which a user buys a plan. Asked twice, it is the same page.

    Whoever chooses another plan meanwhile closes the page of the first: at most one of them can be paid. During a
    trial that has 48 h to go, the first charge is due at its end. Raises UrlNotAllowed, AlreadySubscribed,
    PromotionCodeInvalid, NotFound, BadUserInput, Unavailable.
    """
    if user.deletion_at is not None:
        raise BadUserInput("This account is going to be deleted. Call cancelAccountDeletion first, then buy.")
    require_allowed(app, choice.success_url, choice.cancel_url)
    await require_none(app, user)
    purchase = await _purchase(app, user, choice)
    chosen = key_of(app, purchase)[:40]
    for _ in range(ROUNDS):
        attempt = await _attempt(app, user, chosen)
        url = await _page_of(app, attempt, chosen, purchase) if attempt else None
        if url is not None:
            return url
    raise Unavailable


async def _purchase(app: App, user: User, choice: Choice) -> Purchase:
    plan = plan_for_sale(app, choice.plan_key)
    currency = choice.currency.upper() if choice.currency else next(iter(plan.prices))
    if currency not in plan.prices:
        raise BadUserInput("This plan is not sold in this currency.")
    promotion_id = await _promotion(app, choice.promotion_code) if choice.promotion_code else None
    return Purchase(
        customer_id=await customer_of(app, user),
        price_id=(await price_of(app, plan, currency)).id,
        success_url=choice.success_url,
        cancel_url=choice.cancel_url,
        reference=str(user.id),
        trial_end=await _first_charge(app, user),
        promotion_id=promotion_id,
    )


async def _promotion(app: App, code: str) -> str:
    found = await app.payments.promotion(code) if len(code) <= LONGEST_CODE and code.isprintable() else None
    if found is None:
        raise PromotionCodeInvalid
    return found


async def _first_charge(app: App, user: User) -> datetime | None:
    """When the first charge is due; None: at once."""
    trial, now = await Trial.get_or_none(user_id=user.id), app.clock.now()
    if trial is None or trial_status(trial, now) not in RUNNING or trial.ends_at < now + NEAREST_START:
        return None
    return trial.ends_at


async def _attempt(app: App, user: User, chosen: str) -> CheckoutAttempt | None:
    """The user's one attempt: theirs of before, or a new one with this choice. The unique key decides between tabs.

    None when another tab has just removed the one that was there.
    """
    row = CheckoutAttempt(
        user_id=user.id, key=f"{chosen}.{secrets.token_hex(8)}", expires_at=app.clock.now() + REMEMBERED
    )
    async with app.database.transaction():
        await CheckoutAttempt.bulk_create([row], ignore_conflicts=True)
        return await CheckoutAttempt.get_or_none(user_id=user.id)


async def _page_of(app: App, attempt: CheckoutAttempt, chosen: str, purchase: Purchase) -> str | None:
    """The address of the page on which this choice can be bought; None when the attempts are to be looked at anew."""
    same = attempt.key.startswith(f"{chosen}.")
    if attempt.provider_id is None:
        if same and app.clock.now() < attempt.expires_at:
            return await _open(app, attempt, purchase)
        await _forget(attempt)
        return None
    page = await app.payments.checkout(attempt.provider_id)
    if page is not None and page.status == "open":
        if same:
            return page.url
        await app.payments.expire_checkout(page.id)
        return None
    if page is not None and page.subscription_id is not None:
        await require_over(app, page.subscription_id)
    await _forget(attempt)
    return None


async def _open(app: App, attempt: CheckoutAttempt, purchase: Purchase) -> str:
    """Open the page of an attempt. Whoever asks at the same moment opens the very same one, by its key.

    Nobody gets the address of a page whose attempt has given way to another choice: it is closed.
    """
    try:
        page = await app.payments.start_checkout(purchase, key=attempt.key)
    except Unavailable:
        # The provider would repeat a failure for a day: the next try has another key.
        await _forget(attempt)
        raise
    if page is None:
        await _forget(attempt)
        raise PromotionCodeInvalid
    mine = CheckoutAttempt.filter(id=attempt.id, key=attempt.key)
    if page.url is None or not await mine.update(provider_id=page.id, url=page.url, expires_at=page.expires_at):
        await app.payments.expire_checkout(page.id)
        raise Unavailable("Another checkout was begun at the same moment.")
    return page.url


async def _forget(attempt: CheckoutAttempt) -> None:
    """Make room for a new attempt, unless somebody else has gone on with this one."""
    await CheckoutAttempt.filter(id=attempt.id, key=attempt.key, provider_id=attempt.provider_id).delete()
