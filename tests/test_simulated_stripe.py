"""The simulated Stripe's manners: parameters, pages, expansion, idempotency, errors, memory. Asked by Stripe's SDK."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from adapters.payments.simulated import SimulatedStripe, Store, Trouble, views
from adapters.payments.simulated.forms import Form, nested
from adapters.payments.simulated.resources import MODULES
from adapters.payments.simulated.routing import ROUTES
from tests.clock import START, ManualClock, settle
from tests.services.desk import Desk, at_the_desk
from tests.services.stripe_parameters import parameters_of, unknown
from tests.services.stripe_shapes import differences


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """A server of which nobody has asked anything."""
    async with at_the_desk() as opened:
        yield opened


async def refused(asked: Any) -> tuple[int | None, str | None, str | None]:
    """Status, code and parameter of an error."""
    with pytest.raises(stripe.StripeError) as caught:
        await asked
    error: Any = caught.value
    told = error.json_body["error"]
    return error.http_status, told.get("code"), told.get("param")


async def test_a_customer_is_kept_changed_and_deleted(desk: Desk) -> None:
    """Each change is told by an event with what was before; the id of who was deleted stays."""
    api = desk.api
    made = await api.customers.create_async({"email": "ada@example.com", "metadata": {"a": "1", "b": "2"}})
    changed = await api.customers.update_async(made.id, {"name": "Ada", "metadata": {"a": "", "c": "3"}})
    assert (changed.name, changed.metadata.to_dict()) == ("Ada", {"b": "2", "c": "3"})
    assert (await api.customers.retrieve_async(made.id)).to_dict() == changed.to_dict()
    assert (await api.customers.update_async(made.id, {"metadata": ""})).metadata.to_dict() == {}
    created, updated, emptied = desk.told()
    assert [created["type"], created["data"]["object"]["email"]] == ["customer.created", "ada@example.com"]
    assert "previous_attributes" not in created["data"]
    assert created["api_version"] == "2026-10-28.endive"
    assert updated["data"]["previous_attributes"] == {"name": None, "metadata": {"a": "1", "b": "2", "c": None}}
    assert emptied["data"]["previous_attributes"] == {"metadata": {"b": "2", "c": "3"}}
    assert updated["created"] == int(START.timestamp())
    await api.customers.update_async(made.id, {"name": "Ada"})
    assert desk.told() == []
    assert (await api.customers.delete_async(made.id)).to_dict() == {
        "id": made.id,
        "object": "customer",
        "deleted": True,
    }
    assert (await api.customers.retrieve_async(made.id)).deleted
    assert await refused(api.customers.update_async(made.id, {"name": "Ada"})) == (404, "resource_missing", "id")
    assert desk.kinds() == ["customer.deleted"]
    assert (await api.customers.list_async()).data == []


async def test_cards_are_attached_copied_and_let_go(desk: Desk) -> None:
    """A test card's name is copied for each customer; a card that was let go is nobody's any more."""
    api = desk.api
    ada = await desk.customer("pm_card_visa", description="first", phone="1", preferred_locales=["de"])
    alan = await desk.customer("pm_card_visa")
    [held] = (await api.payment_methods.list_async({"customer": ada.id})).data
    [other] = (await api.customers.payment_methods.list_async(alan.id, {"type": "card"})).data
    assert held.id == ada.invoice_settings.default_payment_method
    assert held.id != other.id
    assert held.card.fingerprint == other.card.fingerprint
    assert (await api.payment_methods.attach_async(held.id, {"customer": ada.id})).id == held.id
    assert await refused(api.payment_methods.attach_async(held.id, {"customer": alan.id})) == (
        400,
        None,
        "payment_method",
    )
    noted = await api.payment_methods.update_async(held.id, {"metadata": {"a": "b"}, "card": {"exp_month": 3}})
    assert (noted.card.exp_month, noted.card.exp_year) == (3, 2040)
    wish = {"invoice_settings": {"default_payment_method": held.id}}
    param = "invoice_settings[default_payment_method]"
    assert await refused(api.customers.update_async(alan.id, wish)) == (400, "resource_missing", param)
    subscription = await desk.subscribed(ada, await desk.price(100), default_payment_method=held.id)
    desk.told()
    assert (await api.payment_methods.detach_async(held.id)).customer is None
    assert desk.kinds() == ["payment_method.detached", "customer.updated", "customer.subscription.updated"]
    assert (await api.customers.retrieve_async(ada.id)).invoice_settings.default_payment_method is None
    assert (await api.subscriptions.retrieve_async(subscription.id)).default_payment_method is None
    assert await refused(api.payment_methods.detach_async(held.id)) == (400, None, "payment_method")
    assert await refused(api.payment_methods.attach_async(held.id, {"customer": ada.id})) == (
        400,
        None,
        "payment_method",
    )
    assert await refused(api.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": ada.id})) == (
        402,
        "card_declined",
        None,
    )
    new = {"email": "a@example.com", "payment_method": "pm_card_amex"}
    settings = {"invoice_settings": {"default_payment_method": "pm_card_amex"}}
    both = await api.customers.create_async({**new, **settings, "address": {"country": "AT"}})
    default = await api.payment_methods.retrieve_async(both.invoice_settings.default_payment_method)
    assert (default.card.brand, default.customer, both.address.country) == ("amex", both.id, "AT")


async def test_products_and_prices(desk: Desk) -> None:
    """A lookup key belongs to one price; an amount never changes; what has a price is not deleted."""
    api = desk.api
    pro = await api.products.create_async({"id": "prod_pro", "name": "Pro", "url": "https://example.com"})
    assert await refused(api.products.create_async({"id": "prod_pro", "name": "Pro"})) == (
        400,
        "resource_already_exists",
        "id",
    )
    first = await desk.price(1900, lookup_key="pro", product_data={"name": "Other"})
    taken = {"product": pro.id, "currency": "eur", "unit_amount_decimal": "2100.5", "lookup_key": "pro"}
    assert await refused(api.prices.create_async(taken)) == (400, "resource_already_exists", "lookup_key")
    options = {"currency_options": {"jpy": {"unit_amount": 3000}}, "recurring": {"interval": "month"}}
    second = await api.prices.create_async({**taken, **options, "transfer_lookup_key": True, "active": False})
    assert (second.unit_amount, str(second.unit_amount_decimal), second.type) == (None, "2100.5", "recurring")
    assert "currency_options" not in second
    found = await api.prices.list_async({"lookup_keys": ["pro"], "expand": ["data.product", "data.currency_options"]})
    [price] = found.data
    assert (price.id, price.product.name, price.currency_options["jpy"].unit_amount) == (second.id, "Pro", 3000)
    assert (await api.prices.retrieve_async(first.id)).lookup_key is None
    assert [p.id for p in (await api.prices.list_async({"active": True})).data] == [first.id]
    assert (await api.prices.list_async({"recurring": {"interval": "year"}})).data == []
    renamed = await api.prices.update_async(second.id, {"active": True, "nickname": "n", "lookup_key": "pro"})
    assert (renamed.active, renamed.nickname, renamed.lookup_key) == (True, "n", "pro")
    assert await refused(desk.subscribed(await desk.customer(), pro)) == (404, "resource_missing", "items[0][price]")
    once = await api.prices.create_async({"product": pro.id, "currency": "eur", "unit_amount": 5})
    assert (once.type, once.recurring) == ("one_time", None)
    assert await refused(desk.subscribed(await desk.customer(), once)) == (400, None, "items[0][price]")
    await api.prices.update_async(first.id, {"active": False})
    assert await refused(desk.subscribed(await desk.customer(), first)) == (400, None, "items[0][price]")
    updated = await api.products.update_async(pro.id, {"name": "Pro 2", "active": False, "default_price": second.id})
    assert (updated.name, updated.active, updated.default_price) == ("Pro 2", False, second.id)
    assert await refused(api.products.delete_async(pro.id)) == (400, None, None)
    empty = await api.products.create_async({"name": "Empty"})
    assert (await api.products.delete_async(empty.id)).deleted
    assert [p.id for p in (await api.products.list_async({"ids": [pro.id], "active": False})).data] == [pro.id]


async def test_coupons_and_codes(desk: Desk) -> None:
    """A code leads to its coupon while it is active, not too old, not used up, and for its customer."""
    api = desk.api
    ada, alan, price = await desk.customer(), await desk.customer(), await desk.price(1000)
    coupon = await api.coupons.create_async({"percent_off": 25.5, "duration": "forever", "max_redemptions": 2})
    assert (coupon.percent_off, coupon.valid, len(coupon.id)) == (25.5, True, 8)
    new = {"promotion": {"type": "coupon", "coupon": coupon.id}}
    hello = await api.promotion_codes.create_async({**new, "code": "HELLO", "customer": ada.id})
    assert await refused(api.promotion_codes.create_async({**new, "code": "hello"})) == (400, None, "code")
    assert [c.id for c in (await api.promotion_codes.list_async({"code": "HELLO", "active": True})).data] == [hello.id]
    assert (await api.promotion_codes.list_async({"coupon": "OTHER"})).data == []
    by_code: Any = {"discounts": [{"promotion_code": hello.id}]}
    assert (await refused(desk.subscribed(alan, price, **by_code)))[2] == "discounts[0][promotion_code]"
    subscription = await desk.subscribed(ada, price, **by_code, expand=["discounts", "latest_invoice"])
    [discount] = subscription.discounts
    assert (discount.promotion_code, discount.source.coupon, discount.end) == (hello.id, coupon.id, None)
    invoice = subscription.latest_invoice
    assert (invoice.subtotal, invoice.total, invoice.total_discount_amounts[0].amount) == (1000, 745, 255)
    await desk.subscribed(alan, price, discounts=[{"coupon": coupon.id}])
    assert (await refused(desk.subscribed(alan, price, discounts=[{"coupon": coupon.id}])))[1] == "coupon_expired"
    old = await api.coupons.create_async({"amount_off": 5, "currency": "eur", "redeem_by": int(START.timestamp())})
    assert (await refused(desk.subscribed(alan, price, discounts=[{"coupon": old.id}])))[1] == "coupon_expired"
    await api.coupons.update_async(old.id, {"name": "Old", "metadata": {"a": "b"}})
    assert (await api.coupons.delete_async(old.id)).deleted
    assert [c.name for c in (await api.coupons.list_async()).data] == [None]
    off = await api.promotion_codes.update_async(hello.id, {"active": False})
    assert not off.active
    late = await api.promotion_codes.create_async({**new, "expires_at": int(START.timestamp()), "max_redemptions": 1})
    assert (await refused(desk.subscribed(ada, price, discounts=[{"promotion_code": late.id}])))[0] == 400
    await api.subscriptions.delete_discount_async(subscription.id)
    assert (await api.subscriptions.retrieve_async(subscription.id)).discounts == []
    assert await refused(api.subscriptions.delete_discount_async(subscription.id)) == (404, "resource_missing", "id")


async def test_each_thing_is_found_by_its_id(desk: Desk) -> None:
    """As it was made; an id of the caller's choice is taken once."""
    api = desk.api
    coupon = await api.coupons.create_async({"id": "C", "percent_off": 5, "duration": "once"})
    assert (await refused(api.coupons.create_async({"id": "C", "percent_off": 5})))[1] == "resource_already_exists"
    code = await api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": "C"}})
    product = await api.products.create_async({"name": "Pro"})
    price = await desk.price(100)
    for room, made in (
        (api.coupons, coupon),
        (api.promotion_codes, code),
        (api.products, product),
        (api.prices, price),
    ):
        assert (await room.retrieve_async(made.id)).to_dict() == made.to_dict()
    customer = await desk.customer()
    other = await desk.subscribed(customer, price, payment_settings={"save_default_payment_method": "on_subscription"})
    changes = {"description": "d", "discounts": [{"coupon": "C"}]}
    trial = {"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
    changed = await api.subscriptions.update_async(other.id, {**changes, **trial})
    assert (changed.description, len(changed.discounts)) == ("d", 1)
    assert changed.trial_settings.end_behavior.missing_payment_method == "pause"
    draft = await api.invoices.create_async({"customer": customer.id, "subscription": other.id})
    card = customer.invoice_settings.default_payment_method
    assert (await api.invoices.update_async(draft.id, {"default_payment_method": card})).default_payment_method == card
    assert (await api.invoices.pay_async(draft.id)).status == "paid"
    assert await refused(api.subscriptions.update_async(other.id, {"cancel_at": 1})) == (
        400,
        "parameter_invalid",
        "cancel_at",
    )
    unknown_amount = api.invoice_items.create_async({"customer": customer.id, "currency": "eur"})
    assert await refused(unknown_amount) == (400, "parameter_missing", "amount")
    await desk.wait(days=31)
    asked = {"subscription": other.id, "customer": customer.id, "discounts": [{"coupon": "C"}]}
    assert (await api.invoices.create_preview_async(asked)).total == 95
    await api.subscriptions.cancel_async(other.id)
    yen = await desk.subscribed(customer, await desk.price(300, "jpy"), cancel_at_period_end=True)
    assert (yen.currency, (await api.customers.retrieve_async(customer.id)).currency) == ("jpy", "jpy")
    assert await refused(api.invoices.create_preview_async({"subscription": yen.id})) == (
        400,
        "invoice_upcoming_none",
        None,
    )


async def test_pages_go_both_ways(desk: Desk) -> None:
    """The latest come first; the SDK turns the pages by itself; filters by time are exact to the second."""
    api = desk.api
    ids = []
    for number in range(12):
        ids.append((await api.customers.create_async({"email": f"ada{number}@example.com"})).id)
        await desk.wait(seconds=1)
    newest = list(reversed(ids))
    page = await api.customers.list_async()
    assert ([c.id for c in page.data], page.has_more, page.url) == (newest[:10], True, "/v1/customers")
    assert [c.id async for c in (await api.customers.list_async({"limit": 5})).auto_paging_iter()] == newest
    before = await api.customers.list_async({"limit": 3, "ending_before": newest[9]})
    assert ([c.id for c in before.data], before.has_more) == (newest[6:9], True)
    start = int(START.timestamp())
    some = await api.customers.list_async({"created": {"gt": start, "lte": start + 2}})
    assert [c.id for c in some.data] == [ids[2], ids[1]]
    assert [c.id for c in (await api.customers.list_async({"created": start + 3})).data] == [ids[3]]
    assert [c.id for c in (await api.customers.list_async({"email": "ada4@example.com"})).data] == [ids[4]]
    assert await refused(api.customers.list_async({"limit": 101})) == (400, "parameter_invalid_integer", "limit")
    assert await refused(api.customers.list_async({"starting_after": "cus_no"})) == (
        404,
        "resource_missing",
        "starting_after",
    )


async def test_expansion(desk: Desk) -> None:
    """To four levels; a path that leads nowhere is refused; some fields are told only when they are asked for."""
    api = desk.api
    customer, price = await desk.customer(), await desk.price(500)
    made = await desk.subscribed(customer, price, expand=["latest_invoice.payments", "customer", "items.data.price"])
    assert made.customer.email == "ada@example.com"
    assert made.latest_invoice.payments.data[0].amount_paid == 500
    assert made["items"].data[0].price.id == price.id
    plain = await api.invoices.retrieve_async(made.latest_invoice.id)
    assert "payments" not in plain
    told = await api.invoices.retrieve_async(plain.id, {"expand": ["payments.data.payment.payment_intent"]})
    assert told.payments.data[0].payment.payment_intent.status == "succeeded"
    wrong = api.subscriptions.retrieve_async(made.id, {"expand": ["payer"]})
    assert await refused(wrong) == (400, "parameter_invalid", "expand: payer")
    deep = api.subscriptions.list_async({"expand": ["data.items.data.price.product"]})
    assert await refused(deep) == (400, "property_expansion_max_depth", "expand")


async def test_all_that_is_told_has_the_shape_that_the_sdk_knows(desk: Desk) -> None:
    """No field too many, and each that is always there: of what is kept, and of all events."""
    api = desk.api
    customer = await desk.customer("pm_card_authenticationRequiredOnSetup")
    low = await desk.price(3_000, currency_options={"usd": {"unit_amount": 3}})
    coupon = await api.coupons.create_async({"percent_off": 5, "duration": "forever"})
    await api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": coupon.id}})
    subscription = await desk.subscribed(customer, low, 1, discounts=[{"coupon": coupon.id}])
    await desk.wait(days=1)
    other = await desk.subscribed(await desk.customer(), low, 1, discounts=[{"coupon": coupon.id}])
    await desk.changed(other, await desk.price(9_000))
    await api.setup_intents.create_async({"customer": customer.id})
    back = {"success_url": "https://example.com/", "customer": customer.id}
    await api.checkout.sessions.create_async({**back, "mode": "subscription", "line_items": [{"price": low.id}]})
    await api.billing_portal.sessions.create_async({"customer": customer.id, "return_url": "https://example.com/"})
    assert subscription.status == "incomplete"
    with desk.site.store.change(desk.site.now()) as docs:
        kept = docs.connection.execute("SELECT content FROM documents").fetchall()
        told = [views.told(json.loads(row[0]), docs.find) for row in kept]
    assert len({document["object"] for document in told}) >= 15
    assert set(differences([*told, *desk.told()])) == set()


async def test_one_idempotency_key_is_one_request(desk: Desk) -> None:
    """The same again is answered alike, other parameters are an error; after a day the key is free."""
    create, key = desk.api.customers.create_async, {"idempotency_key": "key-1"}
    first = await create({"email": "ada@example.com"}, key)
    again = await create({"email": "ada@example.com"}, key)
    assert again.id == first.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert desk.told()[0]["request"] == {"id": first.last_response.request_id, "idempotency_key": "key-1"}
    with pytest.raises(stripe.IdempotencyError):
        await create({"email": "alan@example.com"}, key)
    decline = desk.api.payment_methods.attach_async
    for _ in range(2):
        asked = decline("pm_card_chargeDeclined", {"customer": first.id}, {"idempotency_key": "key-2"})
        assert (await refused(asked))[:2] == (402, "card_declined")
    await desk.wait(days=1)
    assert (await create({"email": "alan@example.com"}, key)).id != first.id


async def test_two_requests_at_once_with_one_key(desk: Desk) -> None:
    """The second is told to wait, for as long as the first is under way; then it has the first one's answer."""
    create, key = desk.api.customers.create_async, {"idempotency_key": "key-1"}
    desk.site.troubles = [Trouble(delay=0.05)]
    slow = asyncio.create_task(create({"email": "ada@example.com"}, key))
    await settle()
    assert await refused(create({"email": "ada@example.com"}, key)) == (409, "idempotency_key_in_use", None)
    desk.site.troubles = [Trouble(delay=0.01)]
    assert await refused(create({"email": "ada@example.com"}, key)) == (409, "idempotency_key_in_use", None)
    first = await slow
    assert (await create({"email": "ada@example.com"}, key)).id == first.id


@pytest.mark.parametrize(
    ("trouble", "kind", "code"),
    [
        (Trouble(500), stripe.APIError, None),
        (Trouble(429), stripe.RateLimitError, "rate_limit"),
        (Trouble(409), stripe.APIError, "lock_timeout"),
        (Trouble(503, path="/v1/customers"), stripe.APIError, None),
    ],
)
async def test_troubles_are_those_of_stripe(
    desk: Desk, trouble: Trouble, kind: type[stripe.StripeError], code: str | None
) -> None:
    """What fails has done nothing, unless it is its answer that is lost; each trouble is for one request."""
    desk.site.troubles = [Trouble(500, path="/v1/invoices"), trouble]
    with pytest.raises(kind) as caught:
        await desk.api.customers.create_async({"email": "ada@example.com"})
    told: Any = caught.value.json_body
    assert (caught.value.http_status, told["error"].get("code")) == (trouble.status, code)
    assert desk.told() == []
    desk.site.troubles = [Trouble(trouble.status, done=True)]
    key = {"idempotency_key": "key-1"}
    with pytest.raises(kind):
        await desk.api.customers.create_async({"email": "ada@example.com"}, key)
    found = await desk.api.customers.create_async({"email": "ada@example.com"}, key)
    assert [event["data"]["object"]["id"] for event in desk.told()] == [found.id]


async def test_a_fault_is_the_answer_to_its_key(desk: Desk) -> None:
    """For a day; another key is another request, and what is overloaded remembers nothing."""
    create, key = desk.api.customers.create_async, {"idempotency_key": "key-1"}
    desk.site.troubles = [Trouble(500), Trouble(503)]
    assert (await refused(create({"email": "ada@example.com"}, key)))[0] == 500
    assert (await refused(create({"email": "ada@example.com"}, {"idempotency_key": "key-2"})))[0] == 503
    assert (await refused(create({"email": "ada@example.com"}, key)))[0] == 500
    await create({"email": "ada@example.com"}, {"idempotency_key": "key-2"})
    assert len(desk.told()) == 1
    await desk.wait(days=1)
    await create({"email": "ada@example.com"}, key)


@pytest.mark.parametrize(
    ("path", "parameters", "code", "param"),
    [
        ("customers", {"emai": "x"}, "parameter_unknown", "emai"),
        ("customers", {"invoice_settings[x]": "1"}, "parameter_unknown", "invoice_settings[x]"),
        ("customers", {"email": "nobody"}, "email_invalid", "email"),
        ("customers", {"metadata[k]": "v" * 501}, "parameter_invalid", "metadata"),
        ("customers", {"email[a]": "x"}, "parameter_invalid_string", "email"),
        ("customers", {"invoice_settings": "x"}, "parameter_invalid", "invoice_settings"),
        ("customers", {"a": "x", "a[b]": "y"}, "parameter_invalid", "a[b]"),
        ("customers", {"a[b]": "x", "a": "y"}, "parameter_invalid", "a"),
        ("customers", {"preferred_locales[x]": "de"}, "parameter_invalid_array", "preferred_locales"),
        ("products", {}, "parameter_missing", "name"),
        ("products", {"name": "Pro", "active": "yes"}, "parameter_invalid", "active"),
        ("prices", {"currency": "euro", "unit_amount": "1"}, "parameter_invalid", "currency"),
        ("prices", {"currency": "eur"}, "parameter_missing", "unit_amount"),
        ("prices", {"currency": "eur", "unit_amount": "1.5"}, "parameter_invalid_integer", "unit_amount"),
        ("prices", {"currency": "eur", "unit_amount": "-1"}, "parameter_invalid_integer", "unit_amount"),
        ("prices", {"currency": "eur", "unit_amount_decimal": "x"}, "parameter_invalid", "unit_amount_decimal"),
        (
            "prices",
            {"currency": "eur", "unit_amount": "1", "product_data[name]": "P", "recurring[interval]": "month"}
            | {"recurring[interval_count]": "37"},
            "parameter_invalid_integer",
            "recurring[interval_count]",
        ),
        ("prices", {"currency": "eur", "unit_amount": "1", "product": "prod_no"}, "resource_missing", "product"),
        ("coupons", {}, "parameter_missing", "percent_off"),
        ("coupons", {"percent_off": "101"}, "parameter_invalid", "percent_off"),
        ("coupons", {"percent_off": "half"}, "parameter_invalid", "percent_off"),
        ("coupons", {"percent_off": "5", "duration": "repeating"}, "parameter_invalid", "duration_in_months"),
        ("promotion_codes", {"code": "X"}, "parameter_missing", "promotion[type]"),
        ("subscriptions", {"customer": "cus_no"}, "resource_missing", "customer"),
        ("payment_intents", {"currency": "eur"}, "parameter_missing", "amount"),
        ("payment_intents", {"currency": "eur", "amount": "0"}, "parameter_invalid_integer", "amount"),
        ("invoiceitems", {"customer": "cus_no"}, "resource_missing", "customer"),
    ],
)
async def test_wrong_parameters_are_named(
    desk: Desk, path: str, parameters: dict[str, str], code: str, param: str
) -> None:
    """As Stripe names them; nothing is written."""
    transport = httpx.ASGITransport(app=desk.site)
    async with httpx.AsyncClient(transport=transport, headers={"Authorization": "Bearer sk_test_1"}) as http:
        answer = await http.post(f"http://stripe.simulated/v1/{path}", data=parameters)
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert answer.status_code == (404 if code == "resource_missing" else 400)
    assert desk.told() == []


def test_every_address_is_one_that_the_sdk_knows() -> None:
    """Each has a type of parameters in Stripe's SDK; a parameter that the SDK does not know is found."""
    assert len(MODULES) == len({module.__name__ for module in MODULES})
    for method, pattern, _ in ROUTES:
        path = pattern.pattern.replace(r"(?P<id>[\w.-]{1,255})", "x_1").replace("\\", "")
        assert unknown(method, path, {"expand": {"0": "x"}, "nothing": "1"})[-1] == "[nothing]", path
    assert parameters_of("GET", "/v1/customers") == "CustomerListParams"
    items = {"items": {"0": {"price": "p", "prize": "q"}}, "trial_days": "3", "metadata": {"any": "thing"}}
    assert sorted(unknown("POST", "/v1/subscriptions", items)) == ["[items][prize]", "[trial_days]"]
    with pytest.raises(LookupError):
        parameters_of("GET", "/v1/charges")


def test_names_with_brackets_become_objects() -> None:
    """Numbers and empty brackets are places of a list."""
    pairs = [("a[1][b]", "2"), ("a[0][b]", "1"), ("c[]", "x"), ("c[]", "y"), ("d", ""), ("", "e")]
    form = Form(nested(pairs))
    assert [each.text("b") for each in form.each("a")] == ["1", "2"]
    assert (form.texts("c"), form.text("d"), form.has("d"), form.each("d")) == (["x", "y"], None, True, [])
    assert form.text("") == "e"
    form.refuse_rest()


async def test_processes_share_a_file(tmp_path: Path) -> None:
    """What one has done another sees; what happens as time passes happens once."""
    clock = ManualClock()
    path = tmp_path / "var" / "stripe.sqlite3"
    sites = [SimulatedStripe(clock, store=Store(path)) for _ in range(2)]
    headers = {"Authorization": "Bearer sk_test_1"}
    clients = [httpx.AsyncClient(transport=httpx.ASGITransport(app=site), headers=headers) for site in sites]
    base = "http://stripe.simulated/v1"
    customer = (await clients[0].post(f"{base}/customers", data={"payment_method": "pm_card_visa"})).json()
    new = {"currency": "eur", "unit_amount": "5", "recurring[interval]": "month", "product_data[name]": "Pro"}
    price = (await clients[1].post(f"{base}/prices", data=new)).json()
    wish = {"customer": customer["id"], "items[0][price]": price["id"], "trial_period_days": "7"}
    held = (await clients[0].get(f"{base}/payment_methods", params={"customer": customer["id"]})).json()["data"][0]
    await clients[1].post(f"{base}/subscriptions", data={**wish, "default_payment_method": held["id"]})
    await clock.advance(timedelta(days=8))
    for client in clients:
        [invoice, _] = (await client.get(f"{base}/invoices")).json()["data"]
        assert (invoice["status"], invoice["amount_paid"]) == ("paid", 5)
    with sites[0].store.change(sites[0].now()) as docs:
        found = docs.connection.execute("SELECT content FROM events WHERE type = 'invoice.paid'").fetchall()
    assert [json.loads(row[0])["data"]["object"]["amount_paid"] for row in found] == [0, 5]
    for site, client in zip(sites, clients, strict=True):
        site.store.close()
        await client.aclose()
