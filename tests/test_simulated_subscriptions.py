"""The life of a subscription at the simulated Stripe: trials, renewals, ends, pauses, and what is told of each."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.clock import START
from tests.services.desk import Desk, amounts, at_the_desk

DAY = 86_400
NOW = int(START.timestamp())
UNREMARKABLE = {"invoice.created", "invoice.updated"}
CARDLESS = {"trial_period_days": 14}


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """A server, on March 2, 2026 at nine in UTC."""
    async with at_the_desk() as opened:
        yield opened


def story(desk: Desk) -> list[tuple[float, str, str | None]]:
    """What was told since: hours since the start, the event, and the status of its object."""
    events = [(event, event["data"]["object"]) for event in desk.told()]
    return [((event["created"] - NOW) / 3600, event["type"], thing.get("status")) for event, thing in events]


async def test_a_trial_becomes_paid(desk: Desk) -> None:
    """It is active before its first money moves, which takes an hour; an invoice of nothing came at the start."""
    customer, price = await desk.customer(), await desk.price(1_900, lookup_key="pro")
    desk.told()
    subscription = await desk.subscribed(customer, price, **CARDLESS)
    assert (subscription.status, subscription.trial_start, subscription.trial_end) == ("trialing", NOW, NOW + 14 * DAY)
    [item] = subscription["items"].data
    assert (item.current_period_start, item.current_period_end) == (NOW, NOW + 14 * DAY)
    assert story(desk) == [
        (0, "invoice.created", "draft"),
        (0, "customer.subscription.created", "trialing"),
        (0, "invoice.finalized", "open"),
        (0, "invoice.updated", "paid"),
        (0, "invoice.paid", "paid"),
        (0, "invoice.payment_succeeded", "paid"),
    ]
    await desk.wait(days=14, minutes=59)
    assert story(desk) == [
        (264, "customer.subscription.trial_will_end", "trialing"),
        (336, "invoice.created", "draft"),
        (336, "customer.subscription.updated", "active"),
    ]
    active = await desk.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (active.status, active.latest_invoice.status, active.latest_invoice.amount_paid) == ("active", "draft", 0)
    assert active.latest_invoice.automatically_finalizes_at == NOW + 14 * DAY + 3_600
    [item] = active["items"].data
    assert (item.current_period_start, item.current_period_end) == (NOW + 14 * DAY, NOW + 45 * DAY)
    await desk.wait(minutes=1)
    assert story(desk) == [
        (337, "payment_intent.created", "requires_payment_method"),
        (337, "invoice.finalized", "open"),
        (337, "payment_intent.succeeded", "succeeded"),
        (337, "invoice_payment.paid", "paid"),
        (337, "invoice.updated", "paid"),
        (337, "invoice.paid", "paid"),
        (337, "invoice.payment_succeeded", "paid"),
    ]
    paid, nothing = (await desk.api.invoices.list_async({"subscription": subscription.id})).data
    assert [i.billing_reason for i in (paid, nothing)] == ["subscription_cycle", "subscription_create"]
    assert [(i.total, i.amount_paid, i.status) for i in (paid, nothing)] == [(1_900, 1_900, "paid"), (0, 0, "paid")]
    assert paid.parent.subscription_details.subscription == subscription.id
    assert [i.number[-5:] for i in (paid, nothing)] == ["-0002", "-0001"]
    assert paid.hosted_invoice_url == f"http://127.0.0.1:8000/simulated-stripe/invoices/{paid.id}"
    [payment] = (await desk.api.invoice_payments.list_async({"invoice": paid.id})).data
    assert (payment.amount_paid, payment.status, payment.payment.type) == (1_900, "paid", "payment_intent")
    assert (await desk.api.invoice_payments.retrieve_async(payment.id)).id == payment.id
    assert (await desk.api.payment_intents.retrieve_async(payment.payment.payment_intent)).amount_received == 1_900


async def test_renewals_tell_the_old_period(desk: Desk) -> None:
    """Three months at once happen in their order, each with its own invoice; the update says what was before."""
    subscription = await desk.subscribed(await desk.customer(), await desk.price(1_900))
    desk.told()
    await desk.wait(days=92, hours=1)
    invoices = (await desk.api.invoices.list_async({"status": "paid", "customer": subscription.customer})).data
    assert len(invoices) == 4
    updates = [event for event in desk.told() if event["type"] == "customer.subscription.updated"]
    assert [event["created"] for event in updates] == [NOW + days * DAY for days in (31, 61, 92)]
    [item] = updates[0]["data"]["previous_attributes"]["items"]["data"]
    assert (item["current_period_start"], item["current_period_end"]) == (NOW, NOW + 31 * DAY)
    assert set(updates[0]["data"]["previous_attributes"]) == {"items", "latest_invoice"}


@pytest.mark.parametrize(
    ("missing", "status", "told"),
    [
        ("cancel", "canceled", ["customer.subscription.deleted"]),
        ("pause", "paused", ["customer.subscription.updated", "customer.subscription.paused"]),
        ("create_invoice", "active", ["invoice.created", "customer.subscription.updated"]),
    ],
)
async def test_a_trial_without_a_card(desk: Desk, missing: str, status: str, told: list[str]) -> None:
    """It ends, or pauses, or an invoice is made that nobody pays."""
    wish = {**CARDLESS, "trial_settings": {"end_behavior": {"missing_payment_method": missing}}}
    subscription = await desk.subscribed(await desk.customer(None), await desk.price(1_900), 1, **wish)
    await desk.wait(days=13)
    desk.told()
    await desk.wait(days=1)
    assert desk.kinds() == told
    now = await desk.api.subscriptions.retrieve_async(subscription.id)
    assert now.status == status
    await desk.wait(hours=1)
    if missing == "create_invoice":
        assert desk.kinds()[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]
        assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    else:
        assert desk.told() == []


async def test_a_paused_subscription_resumes_when_it_pays(desk: Desk) -> None:
    """Without a card it stays paused; with one it begins a period at once."""
    wish = {**CARDLESS, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
    customer = await desk.customer(None)
    subscription = await desk.subscribed(customer, await desk.price(1_900), 1, **wish)
    with pytest.raises(stripe.InvalidRequestError):
        await desk.api.subscriptions.resume_async(subscription.id)
    await desk.wait(days=20)
    still = await desk.api.subscriptions.resume_async(subscription.id)
    assert still.status == "paused"
    method = await desk.api.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    await desk.api.subscriptions.update_async(subscription.id, {"default_payment_method": method.id})
    desk.told()
    resumed = await desk.api.subscriptions.resume_async(subscription.id, {"billing_cycle_anchor": "now"})
    assert resumed.status == "active"
    assert "customer.subscription.resumed" in desk.kinds()
    [item] = resumed["items"].data
    assert (item.current_period_start, item.current_period_end) == (NOW + 20 * DAY, NOW + 51 * DAY)


async def test_a_trial_is_ended_or_moved_by_hand(desk: Desk) -> None:
    """Now: it is charged at once. Later: it is told again, three days before. A change of plan costs nothing."""
    api = desk.api
    customer, price, other = await desk.customer(), await desk.price(1_900), await desk.price(4_900)
    first = await desk.subscribed(customer, price, **CARDLESS)
    ended = await api.subscriptions.update_async(first.id, {"trial_end": "now", "expand": ["latest_invoice"]})
    assert (ended.status, ended.trial_end, ended.billing_cycle_anchor) == ("active", NOW, NOW)
    assert (ended.latest_invoice.status, ended.latest_invoice.amount_paid) == ("paid", 1_900)
    second = await desk.subscribed(customer, price, 1, **CARDLESS, cancel_at_period_end=True)
    assert second.cancel_at == NOW + 14 * DAY
    await desk.wait(days=12)
    moved = await api.subscriptions.update_async(second.id, {"trial_end": NOW + 20 * DAY})
    assert (moved.trial_end, moved.cancel_at, moved.billing_cycle_anchor) == (NOW + 20 * DAY,) * 3
    changed = await desk.changed(moved, other, cancel_at_period_end=False)
    assert (changed.latest_invoice.total, changed.cancel_at, changed.canceled_at) == (0, None, None)
    desk.told()
    await desk.wait(days=9)
    assert [kind for kind in desk.kinds() if "trial" in kind] == ["customer.subscription.trial_will_end"]
    assert (await api.invoices.retrieve_async(changed.latest_invoice.id)).total == 0
    [invoice] = (await api.invoices.list_async({"subscription": second.id, "limit": 1})).data
    assert invoice.amount_paid == 4_900
    for wrong in (NOW, NOW + 3 * 365 * DAY):
        with pytest.raises(stripe.InvalidRequestError):
            await api.subscriptions.update_async(second.id, {"trial_end": wrong})
    short = await desk.subscribed(customer, price, trial_period_days=2)
    assert (desk.kinds()[-1], short.status) == ("customer.subscription.trial_will_end", "trialing")


async def test_ends(desk: Desk) -> None:
    """With its period, at a moment, now; a wish is taken back until then. What has ended stays as it is."""
    api = desk.api
    customer, price = await desk.customer(), await desk.price(3_100)
    first = await desk.subscribed(customer, price)
    details = {"cancellation_details": {"comment": "Too dear.", "feedback": "too_expensive"}}
    ending = await api.subscriptions.update_async(first.id, {"cancel_at_period_end": True, **details})
    assert (ending.status, ending.cancel_at, ending.canceled_at) == ("active", NOW + 31 * DAY, NOW)
    assert ending.cancellation_details.to_dict() == {
        "comment": "Too dear.",
        "feedback": "too_expensive",
        "reason": "cancellation_requested",
    }
    stays = await api.subscriptions.update_async(first.id, {"cancel_at_period_end": False})
    assert (stays.cancel_at, stays.canceled_at, stays.cancel_at_period_end) == (None, None, False)
    await api.subscriptions.update_async(first.id, {"cancel_at": NOW + 5 * DAY})
    for wish, at in (({"cancel_at_period_end": False}, NOW + 5 * DAY), ({"cancel_at": ""}, None)):
        told = await api.subscriptions.update_async(first.id, wish)
        assert (told.cancel_at, told.cancel_at_period_end) == (at, False)
    await api.subscriptions.update_async(first.id, {"cancel_at_period_end": True})
    second = await desk.subscribed(customer, price)
    await api.subscriptions.update_async(second.id, {"cancel_at": NOW + 5 * DAY})
    third = await desk.subscribed(customer, price)
    await desk.wait(days=1)
    desk.told()
    over = await api.subscriptions.cancel_async(third.id, {"prorate": True, "invoice_now": True, **details})
    # 30 of 31 days are left of 3100.
    assert (over.status, (await api.customers.retrieve_async(customer.id)).balance) == ("canceled", -3_000)
    assert desk.kinds()[-1] == "customer.subscription.deleted"
    await desk.wait(days=30)
    ended = [event for event in desk.told() if event["type"] == "customer.subscription.deleted"]
    assert [(e["data"]["object"]["id"], e["data"]["object"]["ended_at"]) for e in ended] == [
        (second.id, NOW + 5 * DAY),
        (first.id, NOW + 31 * DAY),
    ]
    for asked in (
        api.subscriptions.cancel_async(first.id),
        api.subscriptions.update_async(first.id, {"metadata": {"a": "b"}}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await asked
        assert caught.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError):
        await desk.previewed(first, {})
    assert (await api.subscriptions.list_async()).data == []
    for status in ("canceled", "all", "ended"):
        found = (await api.subscriptions.list_async({"status": status, "price": price.id})).data
        assert [s.id for s in found] == [third.id, second.id, first.id]
    assert (await api.subscriptions.list_async({"status": "active", "customer": customer.id})).data == []
    live = await desk.subscribed(customer, price)
    await api.customers.delete_async(customer.id)
    assert (await api.subscriptions.retrieve_async(live.id)).status == "canceled"


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
async def test_collection_is_paused(desk: Desk, behavior: str, status: str) -> None:
    """The subscription stays active and its invoice comes to nothing, until it is resumed by hand or by time."""
    api = desk.api
    subscription = await desk.subscribed(await desk.customer(), await desk.price(1_900))
    pause = {"pause_collection": {"behavior": behavior, "resumes_at": NOW + 40 * DAY}}
    await api.subscriptions.update_async(subscription.id, pause)
    await desk.wait(days=32)
    now = await api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (now.status, now.latest_invoice.status, now.latest_invoice.amount_paid) == ("active", status, 0)
    await desk.wait(days=30)
    again = await api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (again.pause_collection, again.latest_invoice.status) == (None, "paid")
    await api.subscriptions.update_async(subscription.id, {"pause_collection": {"behavior": "void"}})
    assert (await api.subscriptions.update_async(subscription.id, {"pause_collection": ""})).pause_collection is None


async def test_wishes_that_are_refused(desk: Desk) -> None:
    """No item, a card that nobody can charge, another currency, somebody else's card, a trial too long."""
    customer, price = await desk.customer(), await desk.price(1_900)
    yen = await desk.price(300, "jpy")
    await desk.subscribed(customer, price)
    stranger = await desk.api.payment_methods.attach_async("pm_card_visa", {"customer": (await desk.customer()).id})
    desk.told()
    for who, what, more, param in (
        (customer, yen, {}, "currency"),
        (customer, price, {"currency": "usd"}, "currency"),
        (customer, price, {"default_payment_method": stranger.id}, "default_payment_method"),
        (customer, price, {"default_payment_method": "pm_none"}, "default_payment_method"),
        (customer, price, {"trial_period_days": 731}, "trial_end"),
        (customer, price, {"items": []}, "items"),
        (customer, price, {"collection_method": "send_invoice"}, "collection_method"),
        (await desk.customer(None), price, {}, None),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await desk.subscribed(who, what, 1, **more)
        assert caught.value.param == param
    assert not [kind for kind in desk.kinds() if "subscription" in kind or "invoice" in kind]
    plain = await desk.subscribed(
        await desk.customer(), price, 1, description="d", off_session=True, payment_settings={}, currency="eur"
    )
    assert (plain.description, plain.status, plain.billing_mode.type) == ("d", "active", "flexible")


async def test_what_time_does_is_the_same_in_one_step_or_in_many(desk: Desk) -> None:
    """Two servers live through the same year: one is asked each day, the other once."""
    ends: list[Any] = []
    for days in (1, 365):
        async with at_the_desk() as other:
            price = await other.price(1_900)
            customer = await other.customer()
            subscription = await other.subscribed(customer, price, trial_period_days=10)
            later = await other.api.payment_methods.attach_async(
                "pm_card_chargeCustomerFail", {"customer": customer.id}
            )
            await other.wait(days=30)
            wish = {"default_payment_method": later.id, "cancel_at": NOW + 60 * DAY}
            await other.api.subscriptions.update_async(subscription.id, wish)
            for _ in range(365 // days):
                await other.wait(days=days)
            ends.append([(event["created"], event["type"]) for event in other.told()])
    assert ends[0] == ends[1]
    assert desk.clock.now() - START == timedelta(0)


async def test_invoices_by_hand(desk: Desk) -> None:
    """A draft gathers what waits, is finalized and paid, voided, given up or deleted; each only where it can be."""
    api = desk.api
    customer = await desk.customer()
    new = {"customer": customer.id, "currency": "eur"}
    waiting = await api.invoice_items.create_async(
        {**new, "amount": 700, "description": "Setup", "metadata": {"a": "b"}}
    )
    draft = await api.invoices.create_async(
        {**new, "pending_invoice_items_behavior": "include", "metadata": {"c": "d"}}
    )
    await api.invoice_items.create_async({**new, "amount": -200, "invoice": draft.id})
    assert (await api.invoice_items.retrieve_async(waiting.id)).invoice == draft.id
    changed = await api.invoices.update_async(draft.id, {"description": "One", "auto_advance": False})
    assert (changed.total, amounts(changed), changed.number, changed.description) == (500, [700, -200], None, "One")
    with pytest.raises(stripe.InvalidRequestError):
        await api.invoice_items.delete_async(waiting.id)
    finalized = await api.invoices.finalize_invoice_async(draft.id, {"auto_advance": True})
    assert (finalized.status, finalized.amount_due, finalized.next_payment_attempt) == ("open", 500, NOW + 3_600)
    with pytest.raises(stripe.InvalidRequestError):
        await api.invoice_items.create_async({**new, "amount": 5, "invoice": draft.id})
    await desk.wait(hours=1)
    assert (await api.invoices.retrieve_async(draft.id)).status == "paid"
    for asked in (api.invoices.void_invoice_async, api.invoices.pay_async, api.invoices.delete_async):
        with pytest.raises(stripe.InvalidRequestError):
            await asked(draft.id)
    kinds = [kind for kind in desk.kinds() if kind.startswith("invoice.") and kind not in UNREMARKABLE]
    assert kinds == ["invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]


async def test_drafts_and_open_invoices_are_closed(desk: Desk) -> None:
    """A draft by hand is deleted, and what was on it waits again; an open one is given up, or voided."""
    api = desk.api
    customer = await desk.customer()
    new = {"customer": customer.id, "currency": "eur"}
    await api.invoice_items.create_async({**new, "amount": 10})
    desk.told()
    second = await api.invoices.create_async({**new, "pending_invoice_items_behavior": "include", "auto_advance": True})
    await api.invoices.delete_async(second.id)
    [again] = (await api.invoice_items.list_async({"customer": customer.id, "pending": True})).data
    third = await api.invoices.create_async({**new, "pending_invoice_items_behavior": "include"})
    secret = await api.invoices.finalize_invoice_async(third.id, {"expand": ["confirmation_secret"]})
    assert secret.confirmation_secret.type == "payment_intent"
    lost = await api.invoices.mark_uncollectible_async(third.id)
    assert (lost.status, lost.amount_remaining) == ("uncollectible", 10)
    voided = await api.invoices.void_invoice_async(third.id, {"expand": ["payments"]})
    assert (voided.status, voided.payments.data[0].status, again.amount) == ("void", "canceled", 10)
    nothing = await api.invoices.create_async(new)
    assert (await api.invoices.finalize_invoice_async(nothing.id)).status == "paid"
    gone = await api.invoice_items.create_async({**new, "amount": 10})
    assert (await api.invoice_items.delete_async(gone.id)).deleted
    assert [kind for kind in desk.kinds() if kind.startswith("invoice.") and kind not in UNREMARKABLE] == [
        "invoice.deleted",
        "invoice.finalized",
        "invoice.marked_uncollectible",
        "invoice.voided",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


async def test_changes_at_the_edges(desk: Desk) -> None:
    """One that changes nothing bills nothing; one from nothing gives nothing back; an end moves with its period."""
    customer = await desk.customer()
    free, paid, yearly = await desk.price(0), await desk.price(3_100), await desk.price(31_000, interval="year")
    subscription = await desk.subscribed(customer, free)
    first = subscription.latest_invoice
    same = await desk.changed(subscription, free)
    assert same.latest_invoice.id == first
    await desk.wait(days=1)
    # 30 of 31 days of 3100.
    assert amounts((await desk.changed(subscription, paid)).latest_invoice) == [3_000]
    end = {"cancel_at_period_end": True, "payment_behavior": "pending_if_incomplete"}
    year = NOW + 366 * DAY
    ending = await desk.changed(subscription, yearly, **end)
    assert (ending.pending_update, ending.cancel_at, ending["items"].data[0].current_period_end) == (None, year, year)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await desk.subscribed(await desk.customer(), paid, 1, currency="usd")
    assert caught.value.param == "currency"


async def test_invoices_at_the_edges(desk: Desk) -> None:
    """A subscription's draft is not deleted, and nothing is collected of who was deleted."""
    api = desk.api
    customer = await desk.customer()
    subscription = await desk.subscribed(customer, await desk.price(1_900))
    await desk.wait(days=31)
    renewed = await api.subscriptions.retrieve_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await api.invoices.delete_async(renewed.latest_invoice)
    for asked in (
        api.invoices.line_items.list_async(renewed.latest_invoice, {"starting_after": "il_no"}),
        api.customers.retrieve_async("cus_no"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await asked
        assert caught.value.code == "resource_missing"
    new = {"customer": customer.id, "currency": "eur"}
    await api.invoice_items.create_async({**new, "amount": 10})
    manual = await api.invoices.create_async({**new, "pending_invoice_items_behavior": "include", "auto_advance": True})
    await api.customers.delete_async(customer.id)
    await desk.wait(days=60)
    found = [await api.invoices.retrieve_async(name) for name in (manual.id, renewed.latest_invoice)]
    assert [(invoice.status, invoice.auto_advance) for invoice in found] == [("draft", False)] * 2
