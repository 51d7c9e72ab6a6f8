"""Payments that fail at the simulated Stripe: cards that are declined, tries again, 3-D Secure, and what follows."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import stripe

from adapters.payments.simulated import Rules, collecting
from tests.clock import START
from tests.services.desk import Desk, amounts, at_the_desk

DAY = 86_400
NOW = int(START.timestamp())
RENEWAL = NOW + 31 * DAY + 3_600
"""When the second invoice of a month is charged first."""


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """A server, on March 2, 2026 at nine in UTC."""
    async with at_the_desk() as opened:
        yield opened


async def other_card(desk: Desk, subscription: Any, card: str) -> Any:
    """Pay with another card from now on."""
    method = await desk.api.payment_methods.attach_async(card, {"customer": subscription.customer})
    await desk.api.subscriptions.update_async(subscription.id, {"default_payment_method": method.id})
    return method


async def declined(asked: Any) -> tuple[str | None, str | None]:
    """Code and reason of a card that did not pay."""
    with pytest.raises(stripe.CardError) as caught:
        await asked
    told: Any = caught.value.json_body
    assert caught.value.http_status == 402
    return told["error"].get("code"), told["error"].get("decline_code")


def authenticate(desk: Desk, intent: str, *, passed: bool) -> None:
    """What the cardholder does on the page of 3-D Secure."""
    with desk.site.store.change(desk.site.now()) as docs:
        found = docs.find(intent)
        assert found
        collecting.authenticated(docs, found, passed=passed)


async def intent_of(desk: Desk, invoice: str) -> Any:
    """The payment intent of an invoice."""
    expand = {"expand": ["payments.data.payment.payment_intent"]}
    return (await desk.api.invoices.retrieve_async(invoice, expand)).payments.data[0].payment.payment_intent


@pytest.mark.parametrize(
    ("then", "status", "last", "open_invoices"),
    [
        ("canceled", "canceled", "customer.subscription.deleted", 1),
        ("unpaid", "unpaid", "customer.subscription.updated", 1),
        ("past_due", "past_due", "invoice.payment_failed", 1),
    ],
)
async def test_a_renewal_is_tried_four_times(then: str, status: str, last: str, open_invoices: int) -> None:
    """After 3, 5 and 7 days; in between it is past due; then what the account wants."""
    async with at_the_desk(rules=Rules(then=then)) as desk:
        subscription = await desk.subscribed(await desk.customer(), await desk.price(1_900))
        await other_card(desk, subscription, "pm_card_chargeCustomerFail")
        desk.told()
        await desk.wait(days=31, hours=1)
        assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
        [event] = [e for e in desk.told() if e["type"] == "invoice.payment_failed"]
        invoice = event["data"]["object"]
        assert (invoice["attempt_count"], invoice["next_payment_attempt"]) == (1, RENEWAL + 3 * DAY)
        assert (invoice["amount_remaining"], invoice["status"]) == (1_900, "open")
        await desk.wait(days=15)
        told = desk.told()
        failures = [e for e in told if e["type"] == "invoice.payment_failed"]
        assert [e["created"] for e in failures] == [RENEWAL + days * DAY for days in (3, 8, 15)]
        tries = [(e["data"]["object"]["attempt_count"], e["data"]["object"]["next_payment_attempt"]) for e in failures]
        assert tries == [(2, RENEWAL + 8 * DAY), (3, RENEWAL + 15 * DAY), (4, None)]
        assert [e["type"] for e in told if "subscription" in e["type"] or "failed" in e["type"]][-1] == last
        over = await desk.api.subscriptions.retrieve_async(subscription.id)
        assert over.status == status
        assert over.cancellation_details.reason == ("payment_failed" if then == "canceled" else None)
        found = await desk.api.invoices.list_async({"status": "open", "subscription": subscription.id})
        assert len(found.data) == open_invoices
        await desk.wait(days=20)
        drafts = await desk.api.invoices.list_async({"status": "draft", "subscription": subscription.id})
        assert len(drafts.data) == (1 if then == "unpaid" else 0)


async def test_another_card_saves_it(desk: Desk) -> None:
    """At the next try, or at once when the invoice is paid by hand; then it is active again."""
    subscription = await desk.subscribed(await desk.customer(), await desk.price(1_900))
    await other_card(desk, subscription, "pm_card_chargeCustomerFail")
    await desk.wait(days=32)
    await other_card(desk, subscription, "pm_card_mastercard")
    desk.told()
    await desk.wait(days=3)
    told = desk.told()
    assert [e["type"] for e in told if "subscription" in e["type"]] == ["customer.subscription.updated"]
    assert told[-1]["data"]["previous_attributes"] == {"status": "past_due"}
    assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    await other_card(desk, subscription, "pm_card_chargeCustomerFail")
    await desk.wait(days=30)
    past_due = await desk.api.subscriptions.retrieve_async(subscription.id)
    assert past_due.status == "past_due"
    assert await declined(desk.api.invoices.pay_async(past_due.latest_invoice)) == ("card_declined", "generic_decline")
    open_invoice = await desk.api.invoices.retrieve_async(past_due.latest_invoice)
    assert (open_invoice.attempt_count, open_invoice.status) == (3, "open")
    good = await desk.api.payment_methods.attach_async("pm_card_visa", {"customer": subscription.customer})
    paid = await desk.api.invoices.pay_async(open_invoice.id, {"payment_method": good.id, "off_session": True})
    assert (paid.status, paid.amount_paid) == ("paid", 1_900)
    assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_an_invoice_is_paid_elsewhere(desk: Desk) -> None:
    """Then nobody's card is charged any more."""
    customer = await desk.customer(None)
    subscription = await desk.subscribed(customer, await desk.price(1_900), trial_period_days=1)
    await desk.wait(days=1, hours=1)
    late = await desk.api.subscriptions.retrieve_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await desk.api.invoices.pay_async(late.latest_invoice)
    asked = {"paid_out_of_band": True, "expand": ["payments"]}
    paid = await desk.api.invoices.pay_async(late.latest_invoice, asked)
    assert (paid.status, paid.amount_paid, paid.payments.data[0].status) == ("paid", 1_900, "canceled")
    assert (await intent_of(desk, paid.id)).status == "canceled"
    assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "active"


@pytest.mark.parametrize(
    ("behavior", "card", "status"),
    [
        ("allow_incomplete", "pm_card_chargeCustomerFail", "incomplete"),
        ("default_incomplete", "pm_card_visa", "incomplete"),
        ("allow_incomplete", "pm_card_authenticationRequired", "incomplete"),
    ],
)
async def test_a_first_payment_that_does_not_come(desk: Desk, behavior: str, card: str, status: str) -> None:
    """It has 23 hours; then the subscription never was, and its invoice is void."""
    customer, price = await desk.customer(card), await desk.price(1_900)
    subscription = await desk.subscribed(customer, price, 1, payment_behavior=behavior, expand=["latest_invoice"])
    assert (subscription.status, subscription.latest_invoice.status) == (status, "open")
    await desk.wait(hours=22, minutes=59)
    assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "incomplete"
    desk.told()
    await desk.wait(minutes=1)
    assert (await desk.api.subscriptions.retrieve_async(subscription.id)).status == "incomplete_expired"
    assert (await desk.api.invoices.retrieve_async(subscription.latest_invoice.id)).status == "void"
    assert "customer.subscription.deleted" not in desk.kinds()


async def test_nothing_is_left_of_a_payment_that_must_not_fail(desk: Desk) -> None:
    """No subscription, no change, no event: only an error."""
    api = desk.api
    customer, low, high = (
        await desk.customer("pm_card_chargeCustomerFail"),
        await desk.price(100),
        await desk.price(900),
    )
    desk.told()
    wish = {"payment_behavior": "error_if_incomplete"}
    assert await declined(desk.subscribed(customer, low, 1, **wish)) == ("card_declined", "generic_decline")
    assert (await api.subscriptions.list_async({"status": "all"})).data == []
    subscription = await desk.subscribed(await desk.customer(), low, trial_period_days=7)
    await other_card(desk, subscription, "pm_card_authenticationRequired")
    desk.told()
    ending = {"trial_end": "now", **wish}
    assert (await declined(api.subscriptions.update_async(subscription.id, ending)))[0] == "card_declined"
    await api.subscriptions.update_async(subscription.id, {"default_payment_method": ""})
    await api.subscriptions.update_async(subscription.id, {"trial_end": "now"})
    await other_card(desk, subscription, "pm_card_authenticationRequired")
    desk.told()
    code = "subscription_payment_intent_requires_action"
    assert await declined(desk.changed(subscription, high, **wish)) == (code, None)
    assert desk.told() == []
    now = await api.subscriptions.retrieve_async(subscription.id)
    assert (now.status, now["items"].data[0].price.id) == ("active", low.id)


async def test_a_change_waits_for_its_payment(desk: Desk) -> None:
    """The old plan stays until the invoice is paid, or for 23 hours; another change takes the place of the first."""
    api = desk.api
    low, high = await desk.price(3_100), await desk.price(6_200)
    subscription = await desk.subscribed(await desk.customer(), low)
    await other_card(desk, subscription, "pm_card_chargeCustomerFail")
    await desk.wait(days=1)
    pending = {"payment_behavior": "pending_if_incomplete"}
    first = await desk.changed(subscription, high, **pending)
    assert (first.status, first["items"].data[0].price.id, first.latest_invoice.status) == ("active", low.id, "open")
    assert first.pending_update.subscription_items[0].price.id == high.id
    assert first.pending_update.expires_at == NOW + DAY + 23 * 3_600
    second = await desk.changed(subscription, high, **pending)
    assert (await api.invoices.retrieve_async(first.latest_invoice.id)).status == "void"
    # Both changes cost 30 of 31 days of each price.
    assert amounts(first.latest_invoice) == amounts(second.latest_invoice) == [-3_000, 6_000]
    desk.told()
    await desk.wait(hours=23)
    expired = await api.subscriptions.retrieve_async(subscription.id)
    assert (expired.pending_update, expired["items"].data[0].price.id) == (None, low.id)
    assert [k for k in desk.kinds() if "subscription" in k] == [
        "customer.subscription.updated",
        "customer.subscription.pending_update_expired",
    ]
    third = await desk.changed(subscription, high, **pending)
    good = await api.payment_methods.attach_async("pm_card_visa", {"customer": subscription.customer})
    await api.invoices.pay_async(third.latest_invoice.id, {"payment_method": good.id})
    paid = await api.subscriptions.retrieve_async(subscription.id)
    assert (paid.pending_update, paid["items"].data[0].price.id) == (None, high.id)
    assert "customer.subscription.pending_update_applied" in desk.kinds()
    await api.subscriptions.update_async(subscription.id, {"default_payment_method": good.id})
    down = await desk.changed(subscription, low, **pending)
    assert (down.pending_update, down["items"].data[0].price.id) == (None, low.id)


async def test_a_change_that_may_fail_makes_past_due(desk: Desk) -> None:
    """The new plan holds at once, and its invoice is tried again like any other."""
    subscription = await desk.subscribed(await desk.customer(), await desk.price(3_100))
    await other_card(desk, subscription, "pm_card_chargeCustomerFail")
    changed = await desk.changed(subscription, await desk.price(6_200))
    assert (changed.status, changed.latest_invoice.next_payment_attempt) == ("past_due", NOW + 3 * DAY)
    waits = await desk.changed(subscription, await desk.price(9_300), payment_behavior="default_incomplete")
    assert (waits.latest_invoice.status, waits.latest_invoice.attempt_count) == ("open", 0)


@pytest.mark.parametrize("passed", [True, False])
async def test_the_bank_asks_at_the_start(desk: Desk, *, passed: bool) -> None:
    """3-D Secure: the intent leads to a page; who passes has paid, who does not may try another card."""
    customer, price = await desk.customer("pm_card_authenticationRequired"), await desk.price(1_900)
    desk.told()
    saves = {"payment_settings": {"save_default_payment_method": "on_subscription"}}
    subscription = await desk.subscribed(customer, price, 1, **saves)
    told = desk.kinds()
    assert told[-2:] == ["invoice.payment_failed", "invoice.payment_action_required"]
    assert "payment_intent.requires_action" in told
    intent = await intent_of(desk, subscription.latest_invoice)
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url.endswith(f"/simulated-stripe/authenticate/{intent.id}")
    authenticate(desk, intent.id, passed=passed)
    now = await desk.api.subscriptions.retrieve_async(subscription.id)
    assert now.status == ("active" if passed else "incomplete")
    if passed:
        assert now.default_payment_method == customer.invoice_settings.default_payment_method == intent.payment_method
        assert "invoice.paid" in desk.kinds()
        return
    assert desk.kinds() == ["payment_intent.payment_failed", "invoice.payment_failed"]
    asked = desk.api.payment_intents.confirm_async
    assert await declined(asked(intent.id, {"payment_method": "pm_card_chargeDeclined"})) == (
        "card_declined",
        "generic_decline",
    )
    error = (await desk.api.payment_intents.retrieve_async(intent.id)).last_payment_error
    assert (error.code, error.payment_method.card.last4) == ("card_declined", "0002")
    confirmed = await asked(intent.id, {"payment_method": "pm_card_visa", "return_url": "https://example.com"})
    assert (confirmed.status, confirmed.amount_received) == ("succeeded", 1_900)
    active = await desk.api.subscriptions.retrieve_async(subscription.id)
    assert (active.status, active.default_payment_method) == ("active", confirmed.payment_method)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await asked(intent.id, {"payment_method": "pm_card_visa"})
    assert caught.value.code == "payment_intent_unexpected_state"


async def test_some_banks_ask_once_and_some_each_time(desk: Desk) -> None:
    """A card that was set up renews by itself; the other's owner is asked again each month."""
    price = await desk.price(1_900)
    statuses = []
    for card in ("pm_card_authenticationRequiredOnSetup", "pm_card_authenticationRequired"):
        subscription = await desk.subscribed(await desk.customer(card), price)
        intent = await intent_of(desk, subscription.latest_invoice)
        authenticate(desk, intent.id, passed=True)
        statuses.append(subscription.id)
    await desk.wait(days=32)
    found = [await desk.api.subscriptions.retrieve_async(name) for name in statuses]
    assert [subscription.status for subscription in found] == ["active", "past_due"]
    assert (await intent_of(desk, found[1].latest_invoice)).status == "requires_action"


async def test_setup_intents_keep_a_card_for_later(desk: Desk) -> None:
    """Attached once it is confirmed; a bank that asks is answered first; a declined card is not kept."""
    api = desk.api
    customer = await desk.customer(None)
    new = {"customer": customer.id, "allowed_payment_method_types": ["card"], "usage": "off_session"}
    done = await api.setup_intents.create_async({**new, "payment_method": "pm_card_visa", "confirm": True})
    held = await api.payment_methods.retrieve_async(done.payment_method)
    assert (done.status, held.customer) == ("succeeded", customer.id)
    asks = await api.setup_intents.create_async(new)
    card = {"payment_method": "pm_card_authenticationRequiredOnSetup"}
    assert (await api.setup_intents.confirm_async(asks.id, card)).status == "requires_action"
    authenticate(desk, asks.id, passed=True)
    ready = await api.setup_intents.retrieve_async(asks.id)
    assert ready.status == "succeeded"
    wish = {"default_payment_method": ready.payment_method}
    assert (await desk.subscribed(customer, await desk.price(5), 1, **wish)).status == "active"
    bad = await api.setup_intents.create_async(new)
    assert (await declined(api.setup_intents.confirm_async(bad.id, {"payment_method": "pm_card_chargeDeclined"})))[
        0
    ] == "card_declined"
    assert (await api.setup_intents.retrieve_async(bad.id)).last_setup_error.code == "card_declined"
    assert (await api.setup_intents.confirm_async(bad.id, card)).status == "requires_action"
    authenticate(desk, bad.id, passed=False)
    assert (await api.setup_intents.cancel_async(bad.id)).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        await api.setup_intents.cancel_async(bad.id)
    assert len((await api.payment_methods.list_async({"customer": customer.id})).data) == 2
    assert len((await api.setup_intents.list_async({"customer": customer.id})).data) == 3
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await api.setup_intents.create_async({**new, "confirm": True})
    assert caught.value.param == "payment_method"


async def test_payments_without_an_invoice(desk: Desk) -> None:
    """Somebody pays once; another customer's card does not; what is canceled cannot be paid."""
    api = desk.api
    ada, alan = await desk.customer(), await desk.customer()
    new = {"amount": 500, "currency": "eur", "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    own = {"customer": ada.id, "payment_method": ada.invoice_settings.default_payment_method, "confirm": True}
    paid = await api.payment_intents.create_async({**new, **own, "description": "once"})
    assert (paid.status, paid.amount_received, paid.customer) == ("succeeded", 500, ada.id)
    with pytest.raises(stripe.InvalidRequestError):
        await api.payment_intents.create_async({**new, **own, "customer": alan.id})
    waits = await api.payment_intents.create_async(new)
    canceled = await api.payment_intents.cancel_async(waits.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason, canceled.canceled_at) == ("canceled", "abandoned", NOW)
    assert len((await api.payment_intents.list_async({"customer": ada.id})).data) == 1
