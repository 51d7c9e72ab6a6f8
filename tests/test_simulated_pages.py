"""The pages of the simulated Stripe, read and filled in as a browser without scripts does it."""

import asyncio
import html
import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest

from adapters.payments.simulated import SimulatedStripe
from adapters.payments.simulated.pages import words
from tests.clock import START, ManualClock
from tests.porchlight import Porchlight, settings_for
from tests.services.stripe import KEY

HOST = "http://stripe.test"
DAY = timedelta(days=1)
PAYS, DECLINED, FAILS_LATER = "4242 4242 4242 4242", "4000-0000-0000-0002", "4000000000000341"
ASKS, ASKS_ONCE = "4000002760003184", "4000002500003155"
SUCCESS, CANCEL = "https://shop.example/done?s={CHECKOUT_SESSION_ID}", "https://shop.example/plans?a=1&b=2"


class Browser:
    """Somebody with a browser, and the shop behind them with the API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.clock = ManualClock()
        self.site = SimulatedStripe(self.clock, store=None)
        self.http = http
        self.answer = httpx.Response(200)

    async def api(self, method: str, path: str, status: int = 200, /, **data: Any) -> dict[str, Any]:
        where: dict[str, Any] = {"params": data} if method == "GET" else {"data": data}
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = await self.http.request(method, f"/v1/{path}", headers=headers, **where)
        assert answer.status_code == status, answer.text
        content: dict[str, Any] = answer.json()
        return content

    async def visit(self, address: str, status: int = 200) -> str:
        """What the page says, as text."""
        self.answer = await self.http.get(address.removeprefix("http://127.0.0.1:8000"))
        assert self.answer.status_code == status, self.answer.text
        return self.text

    async def send(self, address: str, status: int = 303, /, **form: str) -> str:
        """Where a form leads, or what the page says then."""
        headers = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
        address = address.removeprefix("http://127.0.0.1:8000")
        self.answer = await self.http.post(address, data=form, headers=headers)
        assert self.answer.status_code == status, self.answer.text
        return self.answer.headers["location"] if status == 303 else self.text

    @property
    def text(self) -> str:
        body = self.answer.text.partition("<body>")[2]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())

    async def sells(self, **price: Any) -> str:
        """The id of a new price."""
        product = await self.api("POST", "products", name="Pro <b>")
        given = {"currency": "usd", "unit_amount": 1900, "recurring[interval]": "month", **price}
        return str((await self.api("POST", "prices", product=product["id"], **given))["id"])

    async def checkout(self, status: int = 200, /, **more: Any) -> dict[str, Any]:
        """A new session, of a customer of its own."""
        if "customer" not in more and "customer_email" not in more:
            more["customer"] = (await self.api("POST", "customers", email="ada@example.com"))["id"]
        given: dict[str, Any] = {"mode": "subscription", "success_url": SUCCESS, "cancel_url": CANCEL}
        given |= {"line_items[0][price]": more.pop("price", None) or await self.sells(), "line_items[0][quantity]": 1}
        return await self.api("POST", "checkout/sessions", status, **given, **more)

    async def session(self, session: dict[str, Any], *expand: str) -> dict[str, Any]:
        return await self.api("GET", f"checkout/sessions/{session['id']}", **{"expand[]": list(expand)})

    async def types(self) -> list[str]:
        """The types of all events, in their order."""
        return [event["type"] for event in (await self.api("GET", "events", limit=100))["data"]][::-1]


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    http = httpx.AsyncClient(base_url=HOST)
    browser = Browser(http)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(browser.site), base_url=HOST) as browser.http:
        yield browser
    await http.aclose()


def field(number: str, expiry: str = "12/34", cvc: str = "123") -> dict[str, str]:
    return {"number": number, "expiry": expiry, "cvc": cvc}


async def test_paying(browser: Browser) -> None:
    """The page says what is bought; a card that pays subscribes, and leads back; who sends twice pays once."""
    session = await browser.checkout(client_reference_id="7", **{"subscription_data[metadata][reference]": "7"})
    assert (session["amount_total"], session["payment_status"], session["status"]) == (1900, "unpaid", "open")
    said = await browser.visit(session["url"])
    assert "Pro <b> 19.00 USD a month Due today 19.00 USD" in said
    assert "ada@example.com" in said
    assert "Pro &lt;b&gt;" in browser.answer.text
    assert f'href="{html.escape(CANCEL)}"' in browser.answer.text
    assert browser.answer.headers["cache-control"] == "no-store"
    policy = browser.answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert policy.endswith("form-action 'self' https://shop.example")
    sent = await asyncio.gather(*(browser.send(session["url"], **field(PAYS)) for _ in range(5)))
    done = await browser.session(session, "subscription", "line_items")
    assert set(sent) == {f"https://shop.example/done?s={session['id']}"}
    assert (done["status"], done["payment_status"], done["url"], done["customer_details"]["email"]) == (
        "complete",
        "paid",
        None,
        "ada@example.com",
    )
    assert (done["subscription"]["status"], done["subscription"]["metadata"]) == ("active", {"reference": "7"})
    assert done["line_items"]["data"][0]["price"]["unit_amount"] == 1900
    items = await browser.api("GET", f"checkout/sessions/{session['id']}/line_items")
    assert items["data"] == done["line_items"]["data"]
    assert len((await browser.api("GET", "invoices"))["data"]) == 1
    assert len((await browser.api("GET", "subscriptions"))["data"]) == 1
    assert (await browser.types()).count("checkout.session.completed") == 1
    assert "You have subscribed." in await browser.visit(f"/simulated-stripe/checkout/{session['id']}")


async def test_declined_cards_leave_nothing(browser: Browser) -> None:
    """The page says why, keeps what was typed, and nothing was subscribed to; then another card pays."""
    session = await browser.checkout()
    before = await browser.types()
    for form, reason in (
        (field(DECLINED), "The bank declined this card"),
        (field(FAILS_LATER), "The bank declined this card"),
        (field("4000000000009995"), "There is not enough money"),
        (field("4000000000000069"), "This card has expired."),
        (field("1234"), "not the number of a card"),
        (field("4111111111111111"), "Only test cards work here"),
        (field(PAYS, "13 / 34"), "its month is not one of the twelve"),
        (field(PAYS, "01/26"), "This card has expired"),
        (field(PAYS, "12/99"), "its year is too far away"),
        (field(PAYS, cvc="1"), "three or four digits"),
        (field(PAYS, ""), "Fill in number, expiry and security code."),
        ({"number": ""}, "Fill in number, expiry and security code."),
    ):
        said = await browser.send(session["url"], 422, **form)
        assert reason in said, form
        assert f'value="{form["number"]}"' in browser.answer.text
        assert 'role="alert"' in browser.answer.text
    assert await browser.types() == before
    assert (await browser.api("GET", "subscriptions", status="all"))["data"] == []
    assert (await browser.session(session))["status"] == "open"
    await browser.send(session["url"], card=PAYS)
    assert (await browser.session(session))["payment_status"] == "paid"


@pytest.mark.parametrize("card", [ASKS, ASKS_ONCE])
@pytest.mark.parametrize("trial", [False, True])
async def test_3d_secure(browser: Browser, card: str, trial: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """The bank asks first: who refuses has subscribed to nothing and may try again, who agrees has, once."""
    session = await browser.checkout(**({"subscription_data[trial_period_days]": 14} if trial else {}))
    bank = await browser.send(session["url"], **field(card))
    assert bank == f"/simulated-stripe/checkout/{session['id']}/authenticate"
    assert ("0.00 USD" if trial else "pay 19.00 USD") in await browser.visit(bank)
    assert "could not see that it is you" in await browser.send(bank, 422, do="refuse")
    assert (await browser.api("GET", "subscriptions", status="all"))["data"] == []
    sent = await asyncio.gather(*(browser.send(bank, do="confirm") for _ in range(3)))
    assert set(sent) == {f"https://shop.example/done?s={session['id']}"}
    done = await browser.session(session, "subscription")
    assert done["subscription"]["status"] == ("trialing" if trial else "active")
    assert len((await browser.api("GET", "subscriptions", status="all"))["data"]) == 1
    assert await browser.send(bank, do="confirm") == f"https://shop.example/done?s={session['id']}"
    assert "You have subscribed." in await browser.visit(bank)


async def test_a_trial_is_charged_when_it_ends(browser: Browser) -> None:
    """Nothing is due today; a card that cannot be charged is found out only then."""
    session = await browser.checkout(**{"subscription_data[trial_end]": int((START + 5 * DAY).timestamp())})
    said = await browser.visit(session["url"])
    assert "Due today 0.00 USD Free until 7 March 2026." in said
    await browser.send(session["url"], **field(FAILS_LATER))
    done = await browser.session(session, "subscription")
    assert (done["payment_status"], done["subscription"]["status"]) == ("no_payment_required", "trialing")
    await browser.clock.advance(5 * DAY + timedelta(hours=1))
    subscription = await browser.api("GET", f"subscriptions/{done['subscription']['id']}")
    assert subscription["status"] == "past_due"


async def test_a_trial_that_ended_while_the_page_was_open(browser: Browser) -> None:
    """Is paid for at once."""
    session = await browser.checkout(**{"subscription_data[trial_end]": int((START + 2 * DAY).timestamp())})
    with browser.site.store.change(browser.site.now()) as docs:
        kept = docs.get("checkout.session", session["id"])
        kept["expires_at"] += 10 * 86_400
        docs.save(kept)
    await browser.clock.advance(3 * DAY)
    await browser.send(session["url"], **field(PAYS))
    assert (await browser.session(session))["payment_status"] == "paid"


async def test_promotion_codes(browser: Browser) -> None:
    """A code that counts takes its share, until it is put away; others are refused, with nothing changed."""
    coupon = await browser.api("POST", "coupons", percent_off=25, duration="forever", name="Spring")
    promotion = {"promotion[type]": "coupon", "promotion[coupon]": coupon["id"]}
    await browser.api("POST", "promotion_codes", code="PORCH25", max_redemptions=1, **promotion)
    await browser.api("POST", "promotion_codes", code="OLD", expires_at=browser.site.now() + 60, **promotion)
    await browser.clock.advance(timedelta(minutes=2))
    session = await browser.checkout(allow_promotion_codes="true")
    assert "There is no such promotion code." in await browser.send(session["url"], 422, code="nonsense")
    assert "cannot be used any more" in await browser.send(session["url"], 422, code="old")
    await browser.send(session["url"], code=" porch25 ")
    said = await browser.visit(session["url"])
    assert "Discount PORCH25 -4.75 USD Due today 14.25 USD" in said
    await browser.send(session["url"], do="no-code")
    assert "Due today 19.00 USD" in await browser.visit(session["url"])
    await browser.send(session["url"], code="PORCH25")
    await browser.send(session["url"], **field(PAYS))
    invoice = (await browser.api("GET", "invoices"))["data"][0]
    assert (invoice["total"], invoice["amount_paid"]) == (1425, 1425)
    assert "Discount -4.75 USD Total 14.25 USD" in await browser.visit(invoice["hosted_invoice_url"])
    other = await browser.checkout()
    assert "No promotion code can be used here" in await browser.send(other["url"], 422, code="PORCH25")
    given = await browser.checkout(**{"discounts[0][coupon]": coupon["id"]})
    assert "Discount Spring" in await browser.visit(given["url"])
    used = {"discounts[0][promotion_code]": "promo_1"}
    assert (await browser.checkout(404, **used))["error"]["param"] == "discounts[0][promotion_code]"
    await browser.checkout(400, allow_promotion_codes="true", **{"discounts[0][coupon]": coupon["id"]})


async def test_sessions_end(browser: Browser) -> None:
    """After a day, or when the shop says so; then nobody can pay, and it is told once."""
    late, closed = await browser.checkout(), await browser.checkout(customer_email="grace@example.com")
    assert "grace@example.com" in await browser.visit(closed["url"])
    await browser.api("POST", f"checkout/sessions/{closed['id']}/expire")
    await browser.api("POST", f"checkout/sessions/{closed['id']}/expire", 400)
    await browser.clock.advance(DAY)
    for session in (late, closed):
        told = await browser.session(session)
        assert (told["status"], told["url"]) == ("expired", None)
        assert "nothing was paid" in await browser.visit(session["url"], 410)
        assert "nothing was paid" in await browser.send(session["url"], 410, **field(PAYS))
        assert "nothing was paid" in await browser.send(f"{session['url']}/authenticate", 410, do="confirm")
    assert (await browser.types()).count("checkout.session.expired") == 2
    for filters, count in (({}, 2), ({"status": "expired"}, 2), ({"status": "open"}, 0)):
        assert len((await browser.api("GET", "checkout/sessions", **filters))["data"]) == count
    assert len((await browser.api("GET", "checkout/sessions", customer=late["customer"]))["data"]) == 1


async def test_whoever_comes_becomes_a_customer(browser: Browser) -> None:
    """Where the shop names none."""
    session = await browser.checkout(customer_email="grace@example.com")
    assert session["customer"] is None
    await browser.send(session["url"], **field(PAYS))
    done = await browser.session(session, "customer")
    assert done["customer"]["email"] == "grace@example.com"
    assert "customer.created" in await browser.types()


async def test_sessions_that_cannot_be(browser: Browser) -> None:
    """Are refused, each by the parameter that is wrong, with nothing left."""
    price, soon = await browser.sells(), int((START + DAY).timestamp())
    customer = (await browser.api("POST", "customers"))["id"]
    for change, param in (
        ({"mode": "payment"}, "mode"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"success_url": ""}, "success_url"),
        ({"cancel_url": "https://a b"}, "cancel_url"),
        ({"line_items[0][price]": "price_1"}, "line_items[0][price]"),
        ({"subscription_data[trial_end]": soon}, "subscription_data[trial_end]"),
        ({"expires_at": soon + 1}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"customer": "cus_1"}, "customer"),
        ({"colour": "red"}, "colour"),
    ):
        given = {"mode": "subscription", "success_url": SUCCESS, "customer": customer, "line_items[0][price]": price}
        status = 404 if change.get("customer") or change.get("line_items[0][price]") else 400
        refused = await browser.api("POST", "checkout/sessions", status, **{**given, **change})
        assert refused["error"]["param"] == param
    given = {"mode": "subscription", "success_url": SUCCESS, "customer": customer}
    assert (await browser.api("POST", "checkout/sessions", 400, **given))["error"]["param"] == "line_items"
    assert (await browser.api("GET", "checkout/sessions"))["data"] == []
    short = await browser.checkout(price=price, customer=customer, expires_at=browser.site.now() + 1800)
    assert short["expires_at"] == browser.site.now() + 1800


async def test_forms_of_strangers(browser: Browser) -> None:
    """Another site's form does nothing; what is no form, too large or nowhere is told so."""
    session = await browser.checkout()
    path = session["url"].removeprefix("http://127.0.0.1:8000")
    foreign: tuple[dict[str, str], ...] = (
        {"Origin": "https://evil.example"},
        {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    )
    for headers in foreign:
        answer = await browser.http.post(path, data=field(PAYS), headers=headers)
        assert answer.status_code == 403
    for body in (b"\xff", b"number=%ff", b"a=1&" * 20, b"a" * 20_000):
        assert (await browser.http.post(path, content=body)).status_code == 400
    assert (await browser.http.put(path)).status_code == 405
    assert (await browser.session(session))["status"] == "open"
    assert (await browser.http.head(path)).status_code == 200
    await browser.site.pages({"type": "lifespan"}, AsyncMock(), AsyncMock())
    customer = session["customer"]
    for nowhere in (
        "", "x", "checkout/cs_1", f"checkout/{customer}", "checkout/cs_1/authenticate", "invoices/in_1",
        "invoices/in_1/authenticate", "authenticate/pi_1", f"authenticate/{customer}",
    ):  # fmt: skip
        assert "does not exist" in await browser.visit(f"/simulated-stripe/{nowhere}", 404)
        await browser.send(f"/simulated-stripe/{nowhere}", 404, do="confirm")


async def subscribed(browser: Browser, card: str = PAYS, **more: Any) -> dict[str, Any]:
    """A subscription that was bought on the page."""
    session = await browser.checkout(**more)
    await browser.send(session["url"], **field(card))
    return dict((await browser.session(session, "subscription"))["subscription"])


async def portal_of(browser: Browser, subscription: dict[str, Any], **more: str) -> str:
    given = {"customer": subscription["customer"], "return_url": "https://shop.example/account", **more}
    return str((await browser.api("POST", "billing_portal/sessions", **given))["url"])


async def test_the_portal(browser: Browser) -> None:
    """Shows what there is; cancels at the period's end, and goes on after all; leads back; is open for an hour."""
    subscription = await subscribed(browser)
    portal = await portal_of(browser, subscription)
    said = await browser.visit(portal)
    assert "Pro <b> , 19.00 USD a month Renews on 2 April 2026." in said
    assert "Visa •••• 4242, 12/34" in said
    assert "2 March 2026" in said
    assert 'href="https://shop.example/account"' in browser.answer.text
    assert portal.endswith(await browser.send(portal, do="cancel", subscription=subscription["id"]))
    told = await browser.api("GET", f"subscriptions/{subscription['id']}")
    end = told["items"]["data"][0]["current_period_end"]
    assert (told["cancel_at_period_end"], told["cancel_at"], told["status"]) == (False, end, "active")
    assert "Ends on 2 April 2026." in await browser.visit(portal)
    for _ in range(2):
        await browser.send(portal, do="resume", subscription=subscription["id"])
    told = await browser.api("GET", f"subscriptions/{subscription['id']}")
    assert (told["cancel_at_period_end"], told["cancel_at"], told["canceled_at"]) == (False, None, None)
    other = await subscribed(browser)
    assert "has ended" in await browser.send(portal, 422, do="cancel", subscription=other["id"])
    assert (await browser.api("GET", f"subscriptions/{other['id']}"))["cancel_at"] is None
    await browser.clock.advance(timedelta(hours=1))
    await browser.visit(portal, 410)
    await browser.send(portal, 410, do="cancel", subscription=subscription["id"])
    await browser.visit(f"{portal}/authenticate", 410)
    await browser.send(f"{portal}/authenticate", 410, do="confirm")


async def test_another_card(browser: Browser) -> None:
    """Pays for what comes; one that is declined, or whose bank is not content, changes nothing."""
    subscription = await subscribed(browser)
    portal = await portal_of(browser, subscription)

    async def card() -> str:
        told = await browser.api("GET", f"subscriptions/{subscription['id']}", **{"expand[]": "default_payment_method"})
        return str(told["default_payment_method"]["card"]["last4"])

    assert "declined this card" in await browser.send(portal, 422, **field(DECLINED))
    assert await card() == "4242"
    bank = await browser.send(portal, **field(ASKS))
    assert "may be kept" in await browser.visit(bank)
    assert "could not see that it is you" in await browser.send(bank, 422, do="refuse")
    assert await card() == "4242"
    await browser.send(bank, do="confirm")
    assert await card() == "3184"
    assert "Your billing" in await browser.visit(bank)
    assert "Your billing" in await browser.send(bank, 200, do="confirm")
    await browser.send(portal, card=FAILS_LATER)
    assert await card() == "0341"
    customer = await browser.api("GET", f"customers/{subscription['customer']}")
    assert customer["invoice_settings"]["default_payment_method"].endswith("chargeCustomerFail")


async def test_a_failed_renewal_is_paid_by_hand(browser: Browser) -> None:
    """The invoice's page says what is due; a card that is declined leaves it open, another one pays it, once."""
    subscription = await subscribed(browser)
    portal = await portal_of(browser, subscription)
    await browser.send(portal, card=FAILS_LATER)
    await browser.clock.advance(31 * DAY + timedelta(hours=2))
    told = await browser.api("GET", f"subscriptions/{subscription['id']}", **{"expand[]": "latest_invoice"})
    invoice = told["latest_invoice"]
    assert (told["status"], invoice["status"]) == ("past_due", "open")
    assert "last payment failed" in await browser.visit(await portal_of(browser, subscription))
    address = invoice["hosted_invoice_url"]
    said = await browser.visit(address)
    assert "Open Pro <b> x1 19.00 USD Total 19.00 USD Due 19.00 USD Pay with Visa •••• 0341" in said
    assert "declined this card" in await browser.send(address, 422, do="on-file")
    assert "declined this card" in await browser.send(address, 422, card=DECLINED)
    bank = await browser.send(address, card=ASKS)
    assert "pay 19.00 USD" in await browser.visit(bank)
    assert "could not see that it is you" in await browser.send(bank, 422, do="refuse")
    await asyncio.gather(browser.send(bank, do="confirm"), browser.send(address, card=PAYS))
    assert "Paid on 2 April 2026" in await browser.visit(address)
    assert "Pay with" not in await browser.visit(f"{address}/pdf")
    assert "Paid" in await browser.visit(bank)
    assert "Paid" in await browser.send(bank, 200, do="confirm")
    told = await browser.api("GET", f"subscriptions/{subscription['id']}")
    assert told["status"] == "active"
    assert told["default_payment_method"].endswith("authenticationRequired")
    assert (await browser.types()).count("invoice.paid") == 1  # the first one was longer ago than events are kept
    await browser.send(address, card=PAYS)
    await browser.api("POST", f"invoices/{invoice['id']}/void", 400)


async def test_invoices_of_nothing_any_more(browser: Browser) -> None:
    """An invoice by hand, and one of a subscription that is over, are paid like others."""
    subscription = await subscribed(browser)
    customer = {"customer": subscription["customer"]}
    for state in ("without", "over"):
        await browser.api("POST", "invoiceitems", **customer, currency="usd", amount=500)
        more = (
            {"subscription": subscription["id"]} if state == "over" else {"pending_invoice_items_behavior": "include"}
        )
        draft = await browser.api("POST", "invoices", **customer, **more)
        await browser.visit(f"/simulated-stripe/invoices/{draft['id']}", 404)
        invoice = await browser.api("POST", f"invoices/{draft['id']}/finalize")
        if state == "over":
            await browser.api("DELETE", f"subscriptions/{subscription['id']}")
        await browser.send(invoice["hosted_invoice_url"], card="5555 5555 5555 4444")
        assert (await browser.api("GET", f"invoices/{invoice['id']}"))["status"] == "paid"
    portal = await portal_of(browser, subscription)
    assert "There is none at the moment." in await browser.visit(portal)
    await browser.send(portal, card=PAYS)
    told = await browser.api("GET", f"subscriptions/{subscription['id']}")
    assert told["default_payment_method"] == subscription["default_payment_method"]


async def test_the_banks_page_of_a_payment(browser: Browser) -> None:
    """A payment that waits for its holder goes on, or fails, at the address that the API tells."""
    subscription = await subscribed(browser)
    customer = {"customer": subscription["customer"]}
    price = subscription["items"]["data"][0]["price"]["id"]
    address = name = ""
    for answer, status in (("refuse", "incomplete"), ("confirm", "active")):
        method = await browser.api("POST", "payment_methods/pm_card_authenticationRequired/attach", **customer)
        given = {"items[0][price]": price, "default_payment_method": method["id"], **customer}
        made = await browser.api("POST", "subscriptions", **given, **{"expand[]": "latest_invoice.payments"})
        assert made["status"] == "incomplete"
        name = made["latest_invoice"]["payments"]["data"][0]["payment"]["payment_intent"]
        intent = await browser.api("GET", f"payment_intents/{name}")
        address = intent["next_action"]["redirect_to_url"]["url"]
        assert "pay 19.00 USD" in await browser.visit(address)
        assert made["latest_invoice"]["hosted_invoice_url"].endswith(await browser.send(address, do=answer))
        assert (await browser.api("GET", f"subscriptions/{made['id']}"))["status"] == status
    assert "This is succeeded." in await browser.visit(address)
    await browser.send(address, do="refuse")
    assert (await browser.api("GET", f"payment_intents/{name}"))["status"] == "succeeded"
    setup = {"payment_method": "pm_card_authenticationRequired", "confirm": "true", **customer}
    intent = await browser.api("POST", "setup_intents", **setup)
    address = intent["next_action"]["redirect_to_url"]["url"]
    assert "may be kept" in await browser.visit(address)
    assert "This is succeeded." in await browser.send(address, 200, do="confirm")


async def test_a_portal_of_the_shops_own(browser: Browser) -> None:
    """Lets people do what the shop switched on, and nothing else."""
    subscription = await subscribed(browser)
    made = await browser.api(
        "POST",
        "billing_portal/configurations",
        **{
            "features[payment_method_update][enabled]": "true",
            "features[subscription_cancel][enabled]": "false",
            "business_profile[headline]": "Hello",
            "default_return_url": "https://shop.example/back",
            "metadata[a]": "b",
            "name": "Cards",
        },
    )
    assert (made["is_default"], made["business_profile"]["headline"], made["metadata"]) == (False, "Hello", {"a": "b"})
    given = {"customer": subscription["customer"], "configuration": made["id"]}
    session = await browser.api("POST", "billing_portal/sessions", **given)
    portal = session["url"]
    assert session["return_url"] == "https://shop.example/back"
    said = await browser.visit(portal)
    assert "Use another card" in said
    assert "Invoices" not in said
    assert "Cancel" not in said
    cancel = {"do": "cancel", "subscription": subscription["id"]}
    assert "cannot be done here" in await browser.send(portal, 422, **cancel)
    path = f"billing_portal/configurations/{made['id']}"
    changes = {"features[subscription_cancel][enabled]": "true", "features[subscription_cancel][mode]": "at_period_end"}
    await browser.api("POST", path, active="false", **changes)
    await browser.send(portal, **cancel)
    told = await browser.api("GET", path)
    assert (told["active"], told["features"]["subscription_cancel"]["enabled"]) == (False, True)
    await browser.api("POST", "billing_portal/configurations", 400, name="Nothing")
    for name in ("return_url", "default_return_url"):
        where = "billing_portal/sessions" if name == "return_url" else path
        more = {"customer": subscription["customer"]} if name == "return_url" else {}
        refused = await browser.api("POST", where, 400, **more, **{name: "javascript:alert(1)"})
        assert refused["error"]["param"] == name
    await portal_of(browser, subscription)
    for filters, count in (({}, 2), ({"is_default": "true"}, 1), ({"active": "false"}, 1)):
        assert len((await browser.api("GET", "billing_portal/configurations", **filters))["data"]) == count


async def test_what_the_portal_says_of_each_state(browser: Browser) -> None:
    """In a sentence; nothing of what is over."""
    session = await browser.checkout(**{"subscription_data[trial_period_days]": 14})
    await browser.send(session["url"], **field(PAYS))
    subscription = (await browser.session(session, "subscription"))["subscription"]
    portal = await portal_of(browser, subscription)
    assert "Free until 16 March 2026, then paid for." in await browser.visit(portal)
    for status, sentence in (("incomplete", "first payment has not been made"), ("paused", "Paused.")):
        with browser.site.store.change(browser.site.now()) as docs:
            kept = docs.get("subscription", subscription["id"])
            kept["status"] = status
            docs.save(kept)
        assert sentence in await browser.visit(portal)
    customer = await browser.api("POST", "customers")
    empty = await portal_of(browser, {"customer": customer["id"]})
    said = await browser.visit(empty)
    assert "There is none at the moment." in said
    assert "None is kept." in said
    assert "There is none yet." in said


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (1900, "usd", "19.00 USD"),
        (-475, "eur", "-4.75 EUR"),
        (123456789, "usd", "1,234,567.89 USD"),
        (500, "jpy", "500 JPY"),
        (12340, "kwd", "12.340 KWD"),
        (5, "usd", "0.05 USD"),
    ],
)
def test_amounts(value: int, currency: str, text: str) -> None:
    """With as many places as the currency has."""
    assert words.amount(value, currency) == text


def test_intervals() -> None:
    """By name where it is one."""
    assert words.every({"interval": "year", "interval_count": 1}) == "a year"
    assert words.every({"interval": "month", "interval_count": 3}) == "every 3 months"


async def test_a_server_has_the_pages(porchlight: Porchlight) -> None:
    """At the address that the API tells, and never the API itself."""
    site = porchlight.stripe
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url=HOST, headers=headers) as http:
        customer = (await http.post("/v1/customers")).json()
        session = (await http.post("/v1/billing_portal/sessions", data={"customer": customer["id"]})).json()
    address = session["url"].removeprefix(porchlight.app.settings.public_url)
    answer = await porchlight.http.get(address)
    assert (answer.status_code, "Your billing" in answer.text) == (200, True)
    assert (await porchlight.http.get("/simulated-stripe/v1/customers", headers=headers)).status_code == 404
    assert (await porchlight.http.get("/v1/customers", headers=headers)).status_code == 404


def test_with_stripe_there_are_no_pages() -> None:
    """Nor in production."""
    from services.app import assemble
    from web.simulated_stripe import page_routes

    stripe: dict[str, Any] = {"payments_url": "stripe://", "stripe_api_key": "k", "stripe_webhook_secret": ("w",)}
    settings = settings_for("sqlite://x", "", "outbox://x", **stripe)
    assert page_routes(assemble(settings)) == []
