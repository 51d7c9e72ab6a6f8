"""Carrying the plan file to the provider: products by id, prices by lookup key.

An amount never changes with the provider: a new price takes over the lookup key, and who has bought already keeps the
old one. What is right already is left alone, so that a second run changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from adapters.payments import Price, Product
from core.errors import Unavailable
from services.billing import money
from services.billing.buying import key_of_minute

if TYPE_CHECKING:
    from services.app import App
    from services.billing.catalogue import Plan

SIMULATED = "simulated://"
LATER = 60.0
"""Seconds after which who wants to buy may try again, when our prices are not those of the provider."""

log = structlog.get_logger(__name__)


async def sync_plans(app: App) -> list[str]:
    """Make the provider sell what the plan file says; a line for each thing that was done. Raises Unavailable."""
    plans = [plan for plan in app.catalogue.plans.values() if plan.costs]
    known = {product.id: product for product in await app.payments.products([product_id(plan) for plan in plans])}
    done: list[str] = []
    for plan in plans:
        done += await _sync_product(app, plan, known.get(product_id(plan)))
    keys = [plan.lookup_key(currency) for plan in plans for currency in plan.prices]
    prices = {price.lookup_key: price for price in await app.payments.prices(keys)}
    for plan in plans:
        for currency in [] if plan.retired else plan.prices:
            done += await _sync_price(app, plan, currency, prices.get(plan.lookup_key(currency)))
    return done


async def price_of(app: App, plan: Plan, currency: str) -> Price:
    """The provider's price of a plan: one of another amount than the plan file's is not sold. Raises Unavailable.

    Our own server is told of the plan file at the first question; with Stripe that is `make plans-sync`.
    """
    wanted = wanted_price(app, plan, currency)
    found = await app.payments.prices([plan.lookup_key(currency)])
    if wanted not in found and app.settings.payments_url.startswith(SIMULATED):
        await sync_plans(app)
        found = await app.payments.prices([plan.lookup_key(currency)])
    if wanted not in found:
        log.error("plans.not_synced", price=plan.lookup_key(currency))
        raise Unavailable("This plan cannot be bought at the moment.", retry_after=LATER)
    return found[found.index(wanted)]


def product_id(plan: Plan) -> str:
    """The provider's id of a plan, of our choice."""
    return f"plan_{plan.key}"


def wanted_price(app: App, plan: Plan, currency: str) -> Price:
    """The price that the provider should have."""
    return Price(
        product_id=product_id(plan),
        lookup_key=plan.lookup_key(currency),
        currency=currency,
        amount=plan.prices[currency],
        interval=plan.interval.lower(),
        metadata={"plan": plan.key, "version": str(app.catalogue.version)},
    )


async def _sync_product(app: App, plan: Plan, known: Product | None) -> list[str]:
    product = Product(product_id(plan), plan.name, plan.description, not plan.retired, {"plan": plan.key})
    if known == product:
        return []
    key = key_of_minute(app, product, known)
    await app.payments.write_product(product, new=known is None, key=key)
    return [f"{plan.key}: product {'changed' if known else 'added'}"]


async def _sync_price(app: App, plan: Plan, currency: str, known: Price | None) -> list[str]:
    price = wanted_price(app, plan, currency)
    if known == price:
        return []
    before = known.id if known else ""
    await app.payments.create_price(price, key=key_of_minute(app, price, before))
    return [f"{price.lookup_key}: {_shown(price)}, {f'was {_shown(known)}' if known else 'added'}"]


def _shown(price: Price) -> str:
    return f"{money.formatted(price.amount or 0, price.currency)} a {price.interval}"
