"""What is sold: the plan file, money, and how both reach the provider."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.settings import Settings
from services.billing import CatalogueError, money, read_catalogue, sync_plans
from services.billing.syncing import price_of
from tests.billing import Shop, opened_door, priced
from tests.clock import ManualClock
from tests.porchlight import Porchlight, settings_for
from worker import plans as plans_command

FILE = """
version: 3
base: free
trial: {plan: pro, days: 14, at_end: bill}
plans:
  - {key: free, name: Free, description: F, interval: MONTH, price: {EUR: 0, JPY: 0}, features: {}}
  - {key: pro, name: Pro, description: P, interval: MONTH, price: {EUR: 1900, JPY: 3000, KWD: 6540}, features: {}}
  - {key: old, name: Old, description: O, interval: YEAR, retired: true, price: {EUR: 100}, features: {}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A plan file."""
    path = tmp_path / "plans.yaml"
    path.write_text(FILE)
    return path


def test_a_plan_file(file: Path) -> None:
    """Its version, what is still sold, and the provider's names of its prices."""
    catalogue = read_catalogue(file)
    assert catalogue.version == 3
    assert [plan.key for plan in catalogue.sold] == ["free", "pro"]
    assert [plan.costs for plan in catalogue.plans.values()] == [False, True, True]
    assert catalogue.plans["pro"].lookup_key("KWD") == "pro:kwd"
    assert catalogue.of_lookup_key("old:eur") is catalogue.plans["old"]
    assert [catalogue.of_lookup_key(key) for key in ("gone:eur", "", None)] == [None, None, None]
    assert read_catalogue().version >= 1


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("version: 3", "", "version"),
        ("version: 3", "version: 0", "version: a whole number from 1"),
        ("version: 3", "version: true", "version: a whole number from 1"),
        ("base: free", "base: old", "base: old is retired"),
        ("plan: pro", "plan: old", r"trial\.plan|trial\.days"),
        ("EUR: 1900", "EUR: 1900, EUR: 1800", "line 7: a key stands twice"),
        ("EUR: 1900", "EUR: 0", r"pro\.price: a plan is free in every currency or in none"),
        ("EUR: 1900", "eur: 1900", r"pro\.price\.eur: a currency of ISO 4217"),
        ("EUR: 1900", "EUR: 19.00", r"pro\.price\.EUR: whole minor units"),
        ("EUR: 1900", "EUR: true", r"pro\.price\.EUR: whole minor units"),
        ("EUR: 1900", "EUR: 100000000", r"pro\.price\.EUR: whole minor units from 0 to 99999999"),
        ("KWD: 6540", "KWD: 6545", r"pro\.price\.KWD: a multiple of 10"),
        ("KWD: 6540", "ISK: 6540", r"pro\.price\.ISK: a multiple of 100"),
        ("{EUR: 100}", "{}", r"old\.price: minor units by currency"),
        ("key: old", "key: Old Plan", "small letters, digits and hyphens"),
        ("retired: true", "retired: 1", r"old\.retired: true or false"),
        ("key: old", "key: pro", "two plans have the same key"),
        ("base: free", "base: [", "ParserError"),
    ],
)
def test_a_plan_file_that_cannot_be_sold_says_where(file: Path, before: str, after: str, named: str) -> None:
    """The plan and the field."""
    file.write_text(FILE.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match=named):
        read_catalogue(file)


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (1900, "EUR", None, "€19.00"),
        (1900, "EUR", "de-DE", "19,00\xa0€"),
        (1900, "JPY", "ja", "￥1,900"),
        (1900, "JPY", "en", "¥1,900"),
        (6540, "KWD", "en-GB", "KWD6.540"),
        (-1234567, "USD", "en-US", "-$12,345.67"),
        (-1234567, "EUR", "fr", "-12\u202f345,67\xa0€"),
        (50000, "ISK", "is", "500,00\xa0kr."),
        (9_007_199_254_740_993, "EUR", "en", "€90,071,992,547,409.93"),
        (5, "USD", "xx-unknown", "$0.05"),
        (5, "USD", "not a tag", "$0.05"),
        (0, "EUR", "", "€0.00"),
    ],
)
def test_money_is_written_for_people(amount: int, currency: str, locale: str | None, shown: str) -> None:
    """Exact, with as many decimals as the provider's minor unit has, where that language is spoken."""
    assert money.formatted(amount, currency, locale) == shown


# ── the provider ────────────────────────────────────────────────────────────────────────────────────────────────────

ADDED = [
    "pro-monthly: product added",
    "pro-yearly: product added",
    "pro-monthly:eur: €19.00 a month, added",
    "pro-monthly:usd: $21.00 a month, added",
    "pro-yearly:eur: €190.00 a year, added",
    "pro-yearly:usd: $210.00 a year, added",
]
embedded = pytest.mark.parametrize("settings", ["embedded"], indirect=True)


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


@embedded
async def test_plans_are_carried_to_the_provider_once(shop: Shop, door: Porchlight) -> None:
    """Each that costs something, by the plan's key; a second run changes nothing, and says so."""
    app = door.app
    assert await sync_plans(app) == ADDED
    asked = len(shop.changes)
    assert await sync_plans(app) == []
    assert len(shop.changes) == asked == 6
    # What the provider could not tell us of it can be asked for, decimals and all.
    told, more = await app.payments.undelivered_events(app.clock.now() - timedelta(hours=1), None)
    assert ([json.loads(event)["type"] for event in told], more) == (
        ["price.created"] * 4 + ["product.created"] * 2,
        None,
    )
    price = await price_of(app, app.catalogue.plans["pro-yearly"], "USD")
    assert (price.product_id, price.amount, price.interval) == ("plan_pro-yearly", 21000, "year")
    assert price.metadata == {"plan": "pro-yearly", "version": "1"}


@embedded
async def test_a_changed_amount_is_a_new_price(shop: Shop, door: Porchlight) -> None:
    """It takes over the lookup key; the old price stays as it was, and comes back as another one."""
    app, before = door.app, door.app.catalogue
    await sync_plans(app)
    old = await price_of(app, before.plans["pro-monthly"], "EUR")
    app.catalogue = priced(before, pro_monthly={"EUR": 2000, "USD": 2100, "KWD": 6540, "JPY": 3000})
    assert await sync_plans(app) == [
        "pro-monthly:eur: €20.00 a month, was €19.00 a month",
        "pro-monthly:kwd: KWD6.540 a month, added",
        "pro-monthly:jpy: ¥3,000 a month, added",
    ]
    new = await price_of(app, app.catalogue.plans["pro-monthly"], "EUR")
    assert new.id != old.id
    with shop.site.store.change(shop.site.now()) as docs:
        kept = docs.get("price", old.id)
    assert (kept["unit_amount"], kept["active"], kept["lookup_key"]) == (1900, True, None)
    app.catalogue = before
    assert await sync_plans(app) == ["pro-monthly:eur: €19.00 a month, was €20.00 a month"]
    again = await price_of(app, before.plans["pro-monthly"], "EUR")
    assert len({old.id, new.id, again.id}) == 3


@embedded
async def test_what_people_read_of_a_plan_is_changed_in_place(shop: Shop, door: Porchlight) -> None:
    """Its name, and that nobody can buy it any more: then its prices are left alone, too."""
    app, plans = door.app, door.app.catalogue.plans
    await sync_plans(app)
    renamed, retired = replace(plans["pro-monthly"], name="Plus"), replace(plans["pro-yearly"], retired=True)
    app.catalogue = replace(app.catalogue, plans={**plans, "pro-monthly": renamed, "pro-yearly": retired})
    assert await sync_plans(app) == ["pro-monthly: product changed", "pro-yearly: product changed"]
    with shop.site.store.change(shop.site.now()) as docs:
        told = [docs.get("product", f"plan_{key}") for key in ("pro-monthly", "pro-yearly")]
    assert [(product["name"], product["active"]) for product in told] == [("Plus", True), ("Pro, yearly", False)]
    assert await sync_plans(app) == []


@embedded
async def test_two_runs_at_once_are_one(shop: Shop, door: Porchlight) -> None:
    """Equal keys give one product and one price, whoever comes first."""
    await asyncio.gather(*[sync_plans(door.app) for _ in range(3)])
    with shop.site.store.change(shop.site.now()) as docs:
        assert (len(docs.all("product")), len(docs.all("price"))) == (2, 4)


@embedded
async def test_our_own_server_is_told_by_itself_and_stripe_is_not(shop: Shop, door: Porchlight) -> None:
    """With Stripe nothing is sold for another amount than the plan file's."""
    app, plan = door.app, door.app.catalogue.plans["pro-monthly"]
    assert (await price_of(app, plan, "EUR")).amount == 1900
    assert len(shop.changes) == 6
    app.settings = replace(
        app.settings, payments_url="stripe://", stripe_api_key="k", stripe_webhook_secret=("whsec_1",)
    )
    app.catalogue = priced(app.catalogue, pro_monthly={"EUR": 1800})
    with pytest.raises(Unavailable) as caught:
        await price_of(app, app.catalogue.plans["pro-monthly"], "EUR")
    assert caught.value.retry_after == 60
    assert len(shop.changes) == 6


def test_the_command_says_what_it_did(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make plans-sync`, twice, on one file."""
    settings = settings_for(sqlite_url, "", f"outbox://{tmp_path}/mail", payments_url=f"simulated://{tmp_path}/stripe")
    for expected in ("\n".join(ADDED), "Nothing to change: the provider sells what plans.yaml says."):
        assert plans_command.main(settings) == 0
        assert capsys.readouterr().out == f"{expected}\n"
