"""What changes in the middle of a period cost. Expected amounts are worked out by hand beside each."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from typing import Any

import pytest
import stripe

from adapters.payments.simulated.money import rounded, spread
from adapters.payments.simulated.periods import boundary, following
from tests.services.desk import Desk, amounts, at_the_desk

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
"""The first second of a month of 30 days: a day is a thirtieth of the price."""


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """A server, at the beginning of April."""
    async with at_the_desk(APRIL) as opened:
        yield opened


@pytest.mark.parametrize(
    ("currency", "old", "new", "day", "credit", "debit"),
    [
        # 20 of 30 days are left: 3000 * 2/3 and 9000 * 2/3.
        ("eur", 3_000, 9_000, 11, -2_000, 6_000),
        # 23 of 30 days: 1900 * 23/30 = 1456.66…, 4900 * 23/30 = 3756.66….
        ("usd", 1_900, 4_900, 8, -1_457, 3_757),
        # 15 of 30 days: 500.5 and 1000.5. What is in the middle goes away from zero.
        ("eur", 1_001, 2_001, 16, -501, 1_001),
        # Yen have no decimals: 3000 * 2/3, 9800 * 2/3 = 6533.33….
        ("jpy", 3_000, 9_800, 11, -2_000, 6_533),
        # Dinars have three, and are charged in tens: 5000 * 23/30 = 3833.33…, 12000 * 23/30 = 9200.
        ("kwd", 5_000, 12_000, 8, -3_830, 9_200),
        # A downgrade gives more back than it takes: 9000 * 2/3, 3000 * 2/3.
        ("eur", 9_000, 3_000, 11, -6_000, 2_000),
        # At the first second everything, at the last day a thirtieth.
        ("eur", 3_000, 9_000, 1, -3_000, 9_000),
        ("eur", 3_000, 9_000, 30, -100, 300),
    ],
)
async def test_a_change_costs_the_rest_of_the_period(
    desk: Desk, currency: str, old: int, new: int, day: int, credit: int, debit: int
) -> None:
    """The old price is given back and the new one charged for the days that are left; the preview has said so."""
    customer, low, high = await desk.customer(), await desk.price(old, currency), await desk.price(new, currency)
    subscription = await desk.subscribed(customer, low)
    await desk.until(2026, 4, day)
    preview = await desk.previewed(subscription, desk.change(subscription, high))
    assert (amounts(preview), preview.total) == ([credit, debit], credit + debit)
    assert preview.amount_due == max(0, credit + debit)
    changed = await desk.changed(subscription, high)
    invoice = changed.latest_invoice
    assert (amounts(invoice), invoice.status, invoice.billing_reason) == (
        [credit, debit],
        "paid",
        "subscription_update",
    )
    assert (invoice.total, invoice.amount_paid) == (credit + debit, max(0, credit + debit))
    details = [line.parent.invoice_item_details for line in invoice.lines.data]
    assert [detail.proration for detail in details] == [True, True]
    left = (await desk.api.customers.retrieve_async(customer.id)).balance
    assert left == min(0, credit + debit) == invoice.ending_balance
    await desk.until(2026, 5, 1, 2)
    [renewal] = (await desk.api.invoices.list_async({"limit": 1})).data
    assert (renewal.total, renewal.amount_paid, renewal.starting_balance) == (new, max(0, new + left), left)


async def test_seconds_count(desk: Desk) -> None:
    """After 10 days, 1 hour, 1 minute and 1 second of 30 days, 1,724,339 of 2,592,000 seconds are left.

    1900 * 1724339/2592000 = 1263.97…; 4900 * 1724339/2592000 = 3259.72….
    """
    subscription = await desk.subscribed(await desk.customer(), await desk.price(1_900))
    await desk.until(2026, 4, 11, 1, 1, 1)
    high = await desk.price(4_900)
    assert amounts(await desk.previewed(subscription, desk.change(subscription, high))) == [-1_264, 3_260]
    await desk.until(2026, 4, 20)
    at = int(datetime(2026, 4, 11, 1, 1, 1, tzinfo=UTC).timestamp())
    past = desk.change(subscription, high) | {"proration_date": at}
    assert amounts(await desk.previewed(subscription, past)) == [-1_264, 3_260]
    changed = await desk.changed(subscription, high, proration_date=at)
    assert amounts(changed.latest_invoice) == [-1_264, 3_260]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await desk.changed(subscription, high, proration_date=at - 30 * 86_400)
    assert caught.value.param == "proration_date"


async def test_prorations_wait_for_the_next_invoice(desk: Desk) -> None:
    """Without a wish to be billed at once they are items, and stand before the renewal: -2000 + 6000 + 9000.

    With `none` nothing is given back and nothing charged, and a later credit is of what was billed: 3000 * 1/3.
    """
    api = desk.api
    low, high = await desk.price(3_000), await desk.price(9_000)
    subscription = await desk.subscribed(await desk.customer(), low)
    await desk.until(2026, 4, 11)
    await desk.changed(subscription, high, proration_behavior="create_prorations")
    assert [i.amount for i in (await api.invoice_items.list_async({"pending": True})).data] == [6_000, -2_000]
    preview = await desk.previewed(subscription, {})
    assert (amounts(preview), preview.total) == ([-2_000, 6_000, 9_000], 13_000)
    await desk.until(2026, 5, 1, 1)
    [renewal] = (await api.invoices.list_async({"limit": 1})).data
    assert (amounts(renewal), renewal.amount_paid) == ([-2_000, 6_000, 9_000], 13_000)
    assert [line.amount for line in (await api.invoices.line_items.list_async(renewal.id, {"limit": 2})).data] == [
        -2_000,
        6_000,
    ]
    other = await desk.subscribed(await desk.customer(), low)
    await desk.until(2026, 5, 2)
    none = await desk.changed(other, high, proration_behavior="none")
    assert none.latest_invoice.billing_reason == "subscription_create"
    # The period has 31 days and began at one o'clock: 10 days and 8 hours, a third, are left on the 21st at 17:00.
    await desk.until(2026, 5, 21, 17)
    assert amounts(await desk.previewed(other, desk.change(other, low)))[0] == -1_000


async def test_a_second_change_gives_back_what_the_first_has_cost(desk: Desk) -> None:
    """On the 11th 9000 * 2/3 = 6000 is billed for 20 days; on the 21st half of it is given back, 12000 * 1/3 billed."""
    prices = [await desk.price(amount) for amount in (3_000, 9_000, 12_000)]
    subscription = await desk.subscribed(await desk.customer(), prices[0])
    await desk.until(2026, 4, 11)
    assert amounts((await desk.changed(subscription, prices[1])).latest_invoice) == [-2_000, 6_000]
    await desk.until(2026, 4, 21)
    assert amounts((await desk.changed(subscription, prices[2])).latest_invoice) == [-3_000, 4_000]
    # There and back within a second costs nothing.
    assert (await desk.changed(subscription, prices[1])).latest_invoice.total == 3_000 - 4_000
    assert (await desk.changed(subscription, prices[2])).latest_invoice.total == 4_000 - 3_000


async def test_another_interval_begins_anew(desk: Desk) -> None:
    """20 of 30 days of 3000 are given back, and a year is billed from now on."""
    monthly, yearly = await desk.price(3_000), await desk.price(30_000, interval="year")
    subscription = await desk.subscribed(await desk.customer(), monthly)
    await desk.until(2026, 4, 11)
    details = {"items": [{"id": subscription["items"].data[0].id, "price": yearly.id}]}
    preview = await desk.previewed(subscription, details)
    changed = await desk.changed(subscription, yearly)
    assert amounts(preview) == amounts(changed.latest_invoice) == [-2_000, 30_000]
    [item] = changed["items"].data
    assert (
        item.current_period_start == changed.billing_cycle_anchor == int(datetime(2026, 4, 11, tzinfo=UTC).timestamp())
    )
    assert item.current_period_end == int(datetime(2027, 4, 11, tzinfo=UTC).timestamp())
    await desk.until(2027, 4, 11, 1)
    [renewal] = (await desk.api.invoices.list_async({"limit": 1})).data
    assert (renewal.total, renewal.billing_reason) == (30_000, "subscription_cycle")
    restarted = await desk.api.subscriptions.update_async(
        subscription.id, {"billing_cycle_anchor": "now", "expand": ["latest_invoice"]}
    )
    # An hour of 366 days is gone: 30000 * 8783/8784 = 29996.58….
    assert amounts(restarted.latest_invoice) == [-29_997, 30_000]


async def test_quantities_and_several_items(desk: Desk) -> None:
    """Three instead of one: all of it is given back and charged anew. One item more, one item less."""
    api = desk.api
    seat, extra = await desk.price(1_000), await desk.price(600)
    subscription = await desk.subscribed(await desk.customer(), seat)
    await desk.until(2026, 4, 16)
    [item] = subscription["items"].data
    three = await api.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": item.id, "quantity": 3}],
            "proration_behavior": "always_invoice",
            "expand": ["latest_invoice"],
        },
    )
    assert amounts(three.latest_invoice) == [-500, 1_500]
    more = await api.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"price": extra.id, "quantity": 2}],
            "proration_behavior": "always_invoice",
            "expand": ["latest_invoice"],
        },
    )
    assert (amounts(more.latest_invoice), len(more["items"].data)) == ([600], 2)
    less = await api.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": item.id, "deleted": True}],
            "proration_behavior": "always_invoice",
            "expand": ["latest_invoice"],
        },
    )
    assert (amounts(less.latest_invoice), [i.price.id for i in less["items"].data]) == ([-1_500], [extra.id])
    for wrong in (
        [{"id": "si_no", "quantity": 1}],
        [{"id": less["items"].data[0].id, "deleted": True}],
        [{"price": seat.id, "quantity": -1}],
        [{"price": (await desk.price(1, interval="year")).id}],
    ):
        with pytest.raises(stripe.InvalidRequestError):
            await api.subscriptions.update_async(subscription.id, {"items": wrong})
    left = await api.subscriptions.retrieve_async(subscription.id)
    assert [i.price.id for i in left["items"].data] == [extra.id]


@pytest.mark.parametrize(
    ("coupon", "first", "change", "renewals"),
    [
        # A quarter less for ever: 2250; -2250 * 2/3 + 6750 * 2/3; 6750 each month.
        ({"percent_off": 25, "duration": "forever"}, 2_250, [-1_500, 4_500], [6_750, 6_750]),
        # 900 less once: 2100; -2100 * 2/3, and nothing off the new price any more.
        ({"amount_off": 900, "currency": "eur"}, 2_100, [-1_400, 6_000], [9_000, 9_000]),
        # Half for two months from April 1 on: 1500; -1500 * 2/3 + 4500 * 2/3; 4500 in May, all in June.
        (
            {"percent_off": 50, "duration": "repeating", "duration_in_months": 2},
            1_500,
            [-1_000, 3_000],
            [4_500, 9_000],
        ),
        # Another currency's amount takes nothing.
        ({"amount_off": 900, "currency": "usd", "duration": "forever"}, 3_000, [-2_000, 6_000], [9_000, 9_000]),
    ],
)
async def test_discounts_are_given_back_and_taken_as_they_were(
    desk: Desk, coupon: dict[str, Any], first: int, change: list[int], renewals: list[int]
) -> None:
    """A credit is of what was paid, and a debit of what the new price costs with the discounts of that moment."""
    api = desk.api
    made = await api.coupons.create_async(coupon)
    low, high = await desk.price(3_000), await desk.price(9_000)
    wish = {"discounts": [{"coupon": made.id}], "expand": ["latest_invoice"]}
    subscription = await desk.subscribed(await desk.customer(), low, 1, **wish)
    assert subscription.latest_invoice.total == first
    await desk.until(2026, 4, 11)
    assert amounts(await desk.previewed(subscription, desk.change(subscription, high))) == change
    assert amounts((await desk.changed(subscription, high)).latest_invoice) == change
    for month, total in zip((5, 6), renewals, strict=True):
        await desk.until(2026, month, 1, 1)
        [renewal] = (await api.invoices.list_async({"limit": 1})).data
        assert renewal.total == total


async def test_what_a_new_subscription_would_cost(desk: Desk) -> None:
    """For a customer, for nobody yet, with a discount, during a trial; nothing is left of it."""
    price = await desk.price(3_000, currency_options={"jpy": {"unit_amount": 480}})
    customer = await desk.customer()
    coupon = await desk.api.coupons.create_async({"percent_off": 10, "duration": "once", "max_redemptions": 1})
    await desk.api.customers.update_async(customer.id, {"metadata": {"a": "b"}})
    desk.told()
    preview = desk.api.invoices.create_preview_async
    items = {"items": [{"price": price.id, "quantity": 2}]}
    asked: dict[str, Any] = {"subscription_details": items, "discounts": [{"coupon": coupon.id}]}
    for payer in ({"customer": customer.id}, {}):
        assert (await preview({**asked, **payer})).total == 5_400
    assert (await preview({"subscription_details": items, "currency": "jpy"})).total == 960
    trial = items | {"trial_end": int(desk.clock.now().timestamp()) + 86_400}
    assert (await preview({"subscription_details": trial})).total == 0
    with pytest.raises(stripe.InvalidRequestError):
        await preview({"customer": customer.id})
    assert desk.told() == []
    subscription = await desk.subscribed(customer, price, 2, trial_period_days=7)
    ended = await desk.previewed(subscription, {"trial_end": "now"})
    assert (ended.total, ended.billing_reason, ended.status) == (6_000, "upcoming", "draft")
    assert (await desk.previewed(subscription, {})).total == 6_000
    await desk.api.subscriptions.update_async(subscription.id, {"trial_end": "now"})
    await desk.until(2026, 4, 16)
    assert amounts(await desk.previewed(subscription, {"cancel_now": True})) == [-3_000]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await desk.previewed(subscription, {"cancel_at_period_end": True})
    assert caught.value.code == "invoice_upcoming_none"


@pytest.mark.parametrize("currency", ["eur", "jpy", "kwd"])
async def test_a_preview_is_the_invoice_that_follows(currency: str) -> None:
    """To the minor unit, for changes of price and quantity at any second, one after the other."""
    random = Random(f"preview {currency}")  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- a fixed sequence
    async with at_the_desk(APRIL) as desk:
        step = 10 if currency == "kwd" else 1
        prices = [await desk.price(random.randrange(1, 20_000) * step, currency) for _ in range(4)]
        coupon = await desk.api.coupons.create_async({"percent_off": 33.3, "duration": "forever"})
        wish: Any = {"discounts": [{"coupon": coupon.id}]}
        subscription = await desk.subscribed(await desk.customer(), prices[0], 1, **wish)
        for quantity in random.sample(range(2, 50), 20):
            await desk.wait(seconds=random.randrange(1, 10 * 86_400))
            change = desk.change(subscription, random.choice(prices), quantity)
            preview = await desk.previewed(subscription, change)
            asked = change | {"expand": ["latest_invoice"]}
            invoice = (await desk.api.subscriptions.update_async(subscription.id, asked)).latest_invoice
            told = [[x.total, x.amount_due, x.ending_balance, *amounts(x)] for x in (preview, invoice)]
            assert told[0] == told[1]
            assert all(amount % step == 0 for amount in told[0])


def test_rounding() -> None:
    """To the nearest, halves away from zero; parts add up to the whole."""
    assert [rounded(Fraction(n, 2), "eur") for n in (1, -1, 3, 4, -3)] == [1, -1, 2, 2, -2]
    assert [rounded(Fraction(n), "kwd") for n in (4, 5, -5, 14)] == [0, 10, -10, 10]
    assert spread(100, [1, 1, 1], "eur") == [34, 33, 33]
    assert spread(100, [10, 10, 10], "kwd") == [40, 30, 30]
    assert spread(0, [0, 0], "eur") == [0, 0]


@pytest.mark.parametrize(
    ("start", "interval", "count", "ends"),
    [
        ((2026, 1, 31), "month", 1, [(2026, 2, 28), (2026, 3, 31), (2026, 4, 30)]),
        ((2026, 11, 30), "month", 3, [(2027, 2, 28), (2027, 5, 30), (2027, 8, 30)]),
        ((2024, 2, 29), "year", 1, [(2025, 2, 28), (2026, 2, 28), (2027, 2, 28)]),
        ((2026, 12, 28), "week", 2, [(2027, 1, 11), (2027, 1, 25), (2027, 2, 8)]),
        ((2026, 2, 27), "day", 1, [(2026, 2, 28), (2026, 3, 1), (2026, 3, 2)]),
    ],
)
def test_periods_keep_the_day_of_their_anchor(
    start: tuple[int, int, int], interval: str, count: int, ends: list[tuple[int, int, int]]
) -> None:
    """A short month ends them on its last day, and the next one is right again."""
    anchor = int(datetime(*start, 9, tzinfo=UTC).timestamp())
    recurring = {"interval": interval, "interval_count": count}
    expected = [int(datetime(*end, 9, tzinfo=UTC).timestamp()) for end in ends]
    assert [boundary(anchor, recurring, number) for number in (1, 2, 3)] == expected
    assert [following(anchor, recurring, moment) for moment in (anchor, *expected[:2])] == expected
    assert following(anchor, recurring, expected[0] - 1) == expected[0]
