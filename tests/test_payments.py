"""The payments port: one adapter, asking the simulated Stripe within the process and over a socket, failing or not."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from adapters.payments import API_VERSION, Card, Payments, StripePayments, open_payments
from adapters.payments.sdk import LARGEST, Wire
from adapters.payments.simulated.cards import TEST_CARDS, is_number
from core.errors import BadUserInput, Unavailable
from models import User
from services import cards
from services.ports import choose_ports
from tests.conftest import Start
from tests.porchlight import PASSWORD, REGISTER, Person, Porchlight
from tests.services.stripe import KEY, Answer, Scripted, asking, listening

ADA = {"email": "ada@example.com", "password": PASSWORD}
BROKEN = Answer(500, {"error": {"type": "api_error", "message": "no"}})
BUSY = Answer(429, {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow"}})
HTML = b"<!doctype html><title>Gateway</title>"
CARD = {"fingerprint": "f" * 16, "brand": "visa", "last4": "4242", "country": "US", "funding": "credit"}
METHOD = {"id": "pm_1", "object": "payment_method", "type": "card", "card": CARD}

Asking = Callable[..., Awaitable[StripePayments]]


@pytest.fixture
def site() -> Scripted:
    """What answers."""
    return Scripted()


@pytest.fixture(params=["in the process", "over a socket"])
async def ask(request: pytest.FixtureRequest, site: Scripted) -> AsyncGenerator[Asking]:
    """Open the adapter with options."""
    over_socket = request.param == "over a socket"
    async with AsyncExitStack() as stack:

        async def opened(**options: float) -> StripePayments:
            return await stack.enter_async_context(asking(site, over_socket=over_socket, **options))

        yield opened


async def lost(payments: Payments, payment_method: str = "pm_card_visa") -> float:
    """Seconds after which an Unavailable says that one may try again."""
    with pytest.raises(Unavailable) as caught:
        await payments.card_of(payment_method)
    return caught.value.retry_after


async def test_both_urls_open_the_port(site: Scripted) -> None:
    """`stripe://` at another base, and `simulated://`, tell the same card."""
    async with listening(site) as base:
        variants = [open_payments("stripe://", api_key=KEY, api_base=base), open_payments("simulated://")]
        for payments in variants:
            assert isinstance(payments, Payments)
            await payments.open()
        found = [await payments.card_of("pm_card_visa_debit") for payments in variants]
        for payments in variants:
            await payments.close()
    fingerprint = found[0].fingerprint if found[0] else None
    assert found == [Card(fingerprint, "visa", "5556", "US", "debit")] * 2
    assert len(fingerprint or "") == 16
    assert site.asked[0]["authorization"] == f"Bearer {KEY}"


async def test_what_was_never_asked_is_closed_all_the_same() -> None:
    """Stripe's own address is that of its SDK, and nobody has asked it here."""
    payments = open_payments("stripe://", api_key=KEY)
    await payments.open()
    await payments.close()
    assert not payments.degraded


@pytest.mark.parametrize("url", ["stripe://sk_live_1", "simulated:", "paypal://", "stripe:", ""])
def test_other_urls_open_nothing(url: str) -> None:
    """A key does not stand in a URL; no message repeats it."""
    with pytest.raises(ValueError, match="stripe://, with nothing behind it, or simulated://") as caught:
        open_payments(url)
    assert "sk_live" not in str(caught.value)


async def test_a_card_is_known_by_its_fingerprint(ask: Asking) -> None:
    """The same for each id of one card, another for another card; neither fingerprint nor digits are shown."""
    payments = await ask()
    visa, again, amex = [await payments.card_of(name) for name in ("pm_card_visa", "pm_card_visa", "pm_card_amex")]
    assert visa
    assert amex
    assert visa == again
    assert visa.fingerprint != amex.fingerprint
    assert (amex.brand, amex.last4, amex.country, amex.funding) == ("amex", "0005", "US", "credit")
    assert repr(visa) == "Card(brand='visa', country='US', funding='credit')"


async def test_any_name_is_a_card_of_its_own(ask: Asking) -> None:
    """So that a simulation makes as many cards as it wants; the fingerprint does not change with releases."""
    payments = await ask()
    names = ["pm_card_a", "pm_card_b", "pm_card_A", "pm_card_family_7", f"pm_card_{'n' * 64}"]
    found = [await payments.card_of(name) for name in names]
    assert len({card.fingerprint for card in found if card}) == len(names)
    assert found[0] == Card("5b13fd69d28a35cf", "visa", "9467", "US", "credit")


@pytest.mark.parametrize("name", ["pm_unknown", f"pm_card_{'n' * 65}", "pm_card", "pm_card_"])
async def test_unknown_ids_have_no_card(ask: Asking, site: Scripted, name: str) -> None:
    """Stripe has been asked, and says that there is no such thing. That is no fault."""
    payments = await ask()
    for _ in range(4):
        assert await payments.card_of(name) is None
    assert site.asked[0]["what"] == f"GET /v1/payment_methods/{name}"
    assert not payments.degraded


@pytest.mark.parametrize(
    "name", ["", "visa", "pm_", "pm_a/../b", "pm_a?b", "pm_ü", "pm_a\n", "cus_1", "pm_" + "n" * 251]
)
async def test_what_is_no_id_is_not_asked_about(ask: Asking, site: Scripted, name: str) -> None:
    """Nothing that a client writes chooses another address at Stripe."""
    assert await (await ask()).card_of(name) is None
    assert site.asked == []


async def test_each_request_pins_the_version_and_tells_nothing_else(ask: Asking, site: Scripted) -> None:
    """No timings, no id of this machine."""
    payments = await ask()
    for _ in range(2):
        await payments.card_of("pm_card_visa")
    assert API_VERSION == "2026-10-28.endive"
    for asked in site.asked:
        assert asked["stripe-version"] == API_VERSION
        assert "x-stripe-client-telemetry" not in asked
        assert "telemetry_id" not in asked["x-stripe-client-user-agent"]


async def test_a_fault_is_tried_again_once(ask: Asking, site: Scripted) -> None:
    """A 500, then the card."""
    site.answers = [BROKEN]
    payments = await ask()
    card = await payments.card_of("pm_card_visa")
    assert card
    assert card.last4 == "4242"
    assert len(site.asked) == 2
    assert not payments.degraded


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        (BROKEN, 2),
        (Answer(503, HTML, "text/html"), 2),
        (BUSY, 1),
        (Answer(401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key: sk_test_****"}}), 1),
        (Answer(403, {"error": {"type": "invalid_request_error", "message": "no"}}), 1),
        (Answer(400, {"error": {"type": "invalid_request_error", "message": "no", "code": "parameter_unknown"}}), 1),
        (Answer(402, {"error": {"type": "card_error", "message": "no", "code": "card_declined"}}), 1),
        (Answer(404, {"error": {"type": "invalid_request_error", "message": "Unrecognized request URL"}}), 1),
        (Answer(404, HTML, "text/html"), 1),
        (Answer(302, HTML, "text/html"), 1),
        (Answer(200, HTML, "text/html"), 1),
        (Answer(200, b'{"object": "payment_meth'), 1),
        (Answer(200, b"\xff\xfe"), 1),
        (Answer(200, b""), 1),
        (Answer(200, []), 1),
        (Answer(200, "payment_method"), 1),
        (Answer(200, None), 1),
        (Answer(200, {}), 1),
        (Answer(200, {**METHOD, "object": "customer"}), 1),
        (Answer(200, {**METHOD, "card": {"brand": "visa"}}), 1),
        (Answer(200, {**METHOD, "card": "visa"}), 1),
        (Answer(200, b" " * (LARGEST + 1)), 1),
        (Answer(500, {"error": "no"}), 2),
    ],
)
async def test_answers_that_tell_no_card_are_unavailable(
    ask: Asking, site: Scripted, answer: Answer, tries: int
) -> None:
    """Whether Stripe is broken, busy, refuses our key, or somebody else answers in its place."""
    site.answers = [answer] * 2
    payments = await ask()
    assert await lost(payments) == 1.0
    assert len(site.asked) == tries


@pytest.mark.parametrize(
    ("method", "card"),
    [
        (METHOD, Card("f" * 16, "visa", "4242", "US", "credit")),
        (
            {**METHOD, "card": {**CARD, "fingerprint": None, "country": None}},
            Card(None, "visa", "4242", None, "credit"),
        ),
        ({"id": "pm_1", "object": "payment_method", "type": "sepa_debit", "sepa_debit": {"last4": "3000"}}, None),
        ({**METHOD, "card": None}, None),
    ],
)
async def test_other_payment_methods(ask: Asking, site: Scripted, method: dict[str, Any], card: Card | None) -> None:
    """A card may have no fingerprint and no country; a bank account is no card."""
    site.answers = [Answer(200, method)]
    assert await (await ask()).card_of("pm_1") == card


async def test_a_slow_answer_is_not_waited_for(ask: Asking, site: Scripted) -> None:
    """The deadline holds for both tries together."""
    site.answers = [Answer(500, b"", delay=0.1), Answer(200, METHOD, delay=5)]
    payments = await ask(deadline=0.8)
    begun = asyncio.get_running_loop().time()
    await lost(payments)
    assert 0.7 < asyncio.get_running_loop().time() - begun < 2
    assert len(site.asked) == 2


async def test_an_answer_that_breaks_off_is_tried_again() -> None:
    """The connection is lost in the middle of a body."""
    site = Scripted([Answer(200, METHOD, length=5_000)])
    async with asking(site, over_socket=True) as payments:
        assert await payments.card_of("pm_card_visa")
    assert len(site.asked) == 2


async def test_nobody_listens() -> None:
    """A closed port, and a name that nothing has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    payments = StripePayments(KEY, base=f"http://127.0.0.1:{port}")
    await lost(payments)
    await payments.close()


async def test_a_key_that_no_header_can_carry_is_told_as_unavailable(site: Scripted) -> None:
    """Not as a bug in the middle of a registration."""
    payments = StripePayments("sk_test_ключ", base="http://stripe.simulated", site=site)
    await lost(payments)
    await payments.close()


def resting(payments: Payments) -> bool:
    """Whether the provider is left alone, asked anew: mypy takes a property for unchanged."""
    return payments.degraded


async def test_after_three_faults_nobody_asks_for_a_while(ask: Asking, site: Scripted) -> None:
    """Then one request tries; once it has had an answer, the others follow."""
    site.answers = [BUSY] * 4
    payments = await ask(cool_down=0.3)
    assert [await lost(payments) for _ in range(3)] == [1.0, 1.0, 0.3]
    assert resting(payments)
    assert 0 < await lost(payments) <= 0.3
    assert len(site.asked) == 3
    await asyncio.sleep(0.31)
    assert await lost(payments) == 0.3
    assert await lost(payments) <= 0.3
    assert len(site.asked) == 4
    await asyncio.sleep(0.31)
    site.answers = [Answer(200, METHOD, delay=0.1)]
    both = await asyncio.gather(*[payments.card_of("pm_card_visa") for _ in range(2)], return_exceptions=True)
    assert [type(result) for result in both] == [Card, Unavailable]
    assert not resting(payments)
    assert await payments.card_of("pm_card_visa")
    assert len(site.asked) == 6


async def test_one_answer_makes_faults_forgotten(ask: Asking, site: Scripted) -> None:
    """Only faults in a row count."""
    payments = await ask()
    for _ in range(3):
        site.answers = [BUSY] * 2
        await lost(payments)
        await lost(payments)
        assert await payments.card_of("pm_card_visa")
    assert not payments.degraded


@pytest.mark.parametrize(("status", "code"), [(409, "idempotency_key_in_use"), (429, "lock_timeout")])
async def test_who_is_in_their_own_way_is_in_nobody_elses(ask: Asking, site: Scripted, status: int, code: str) -> None:
    """Two requests of one person about one thing: that one is to come back, and others may go on asking."""
    error = {"type": "invalid_request_error", "code": code, "message": "wait"}
    payments = await ask()
    for _ in range(4):
        site.answers = [Answer(status, {"error": error})] * 2
        assert await lost(payments) == 1.0
    site.answers = []
    assert not payments.degraded
    assert await payments.card_of("pm_card_visa")


async def test_callers_of_the_first_moment_share_a_client(ask: Asking, site: Scripted) -> None:
    """None is left open."""
    payments = await ask()
    found = await asyncio.gather(*[payments.card_of("pm_card_visa") for _ in range(5)])
    assert len(set(found)) == 1
    assert len(site.asked) == 5


def new_card(**changes: Any) -> dict[str, Any]:
    """Parameters of a new payment method."""
    card = {"number": "4242424242424242", "exp_month": 8, "exp_year": 2030, "cvc": "314"}
    return {"type": "card", "card": {**card, **changes}}


@pytest.fixture
async def sdk(site: Scripted) -> AsyncGenerator[stripe.StripeClient]:
    """Stripe's own client, over a socket."""
    async with listening(site) as base, httpx.AsyncClient() as http:
        yield stripe.StripeClient(KEY, base_addresses={"api": base}, http_client=Wire(http))


async def test_a_number_becomes_a_payment_method(sdk: stripe.StripeClient) -> None:
    """A server that was started since finds it too. Two of one number have two ids and one fingerprint."""
    create: Any = sdk.v1.payment_methods.create_async
    first, second = await create(new_card()), await create(new_card(number="4242 4242 4242 4242", exp_year=30))
    assert first.id != second.id
    assert (first.object, first.type, first.livemode, first.customer) == ("payment_method", "card", False, None)
    assert (first.card.exp_month, first.card.exp_year, first.card.last4) == (8, 2030, "4242")
    assert first.created == 1_772_442_000
    async with listening(Scripted()) as base, httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as http:
        found = (await http.get(f"{base}/v1/payment_methods/{first.id}")).json()
    assert found == first.to_dict()
    token = await create({"type": "card", "card": {"token": "tok_visa"}})
    named = await sdk.v1.payment_methods.retrieve_async("pm_card_visa")
    assert named.card
    assert {first.card.fingerprint, second.card.fingerprint, token.card.fingerprint} == {named.card.fingerprint}


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "card"}, "incorrect_number", "number"),
        ({"number": "4111111111111111"}, "card_declined", "number"),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_month": "may"}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2025}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 2077}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 2026, "exp_month": 2}, "invalid_expiry_month", "exp_month"),
        ({"cvc": "12"}, "invalid_cvc", "cvc"),
    ],
)
async def test_cards_are_declined_as_by_stripe(
    sdk: stripe.StripeClient, changes: dict[str, Any], code: str, param: str
) -> None:
    """402, a card error with its code; a number that may be somebody's is never taken."""
    create: Any = sdk.v1.payment_methods.create_async
    with pytest.raises(stripe.CardError) as caught:
        await create(new_card(**changes))
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (402, code, param)


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"card": {"token": "tok_visa"}}, 400, "parameter_missing"),
        ({"type": "sepa_debit"}, 400, "parameter_invalid"),
        ({"type": "card"}, 400, "parameter_missing"),
        ({"type": "card", "card": {"number": "4242424242424242"}}, 400, "parameter_missing"),
        ({"type": "card", "card": {"token": "visa"}}, 404, "resource_missing"),
        ({**new_card(), "sepa_debit": {"iban": "AT1"}}, 400, "parameter_unknown"),
        ({**new_card(), "billing_details": {"name": "n" * 70_000}}, 413, None),
    ],
)
async def test_requests_are_refused_as_by_stripe(
    sdk: stripe.StripeClient, parameters: dict[str, Any], status: int, code: str | None
) -> None:
    """What is not simulated is refused too, by its name."""
    create: Any = sdk.v1.payment_methods.create_async
    with pytest.raises(stripe.StripeError) as caught:
        await create(parameters)
    assert (caught.value.http_status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        ("", "payment_methods/pm_card_visa", 401, None),
        ("Bearer sk_live_1", "payment_methods/pm_card_visa", 401, None),
        ("Bearer rk_test_1", "payment_methods/pm_card_visa", 200, None),
        ("Bearer sk_test_1", "payment_methods/pm_no", 404, "resource_missing"),
        ("Bearer sk_test_1", "payment_methods/pm_69a56000203013aaaaaaaa_visa", 404, "resource_missing"),
        ("Bearer sk_test_1", "payment_methods/", 404, None),
        ("Bearer sk_test_1", "charges", 404, None),
    ],
)
async def test_the_simulated_stripe_asks_for_a_test_key(key: str, path: str, status: int, code: str | None) -> None:
    """And tells an id that is not there from an address that is not there."""
    async with listening(Scripted()) as base, httpx.AsyncClient() as http:
        answer = await http.get(f"{base}/v1/{path}", headers={"Authorization": key, "Stripe-Version": API_VERSION})
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (status, code)
    assert answer.headers["stripe-version"] == API_VERSION
    assert answer.headers["request-id"].startswith("req_")


def test_test_cards_have_numbers_of_cards() -> None:
    """Each passes the check digit, and no two share a name, a number or a fingerprint."""
    assert all(is_number(card.source) for card in TEST_CARDS)
    for part in ("name", "source", "fingerprint"):
        assert len({getattr(card, part) for card in TEST_CARDS}) == len(TEST_CARDS)


@pytest.mark.parametrize(
    "digits", ["4242424242424241", "42424242424", "0" * 20, "", "４２４２４２４２４２４２４２４２"]
)
def test_numbers_that_no_card_has(digits: str) -> None:
    """Too short, too long, the wrong check digit, other digits than ours."""
    assert not is_number(digits)


async def with_payments(start: Start, payments: Payments) -> Porchlight:
    """A server that asks these."""
    porchlight = await start()
    return await start(ports=replace(choose_ports(porchlight.app.settings), payments=payments))


def counted(porchlight: Porchlight) -> dict[str, float]:
    """Cards that were asked for, by outcome."""
    [family] = porchlight.app.metrics.cards.collect()
    return {sample.labels["outcome"]: sample.value for sample in family.samples if sample.name.endswith("_total")}


async def registered(porchlight: Porchlight, payment_method: str | None) -> Person:
    return await porchlight.register(paymentMethod=payment_method)


async def test_registering_with_a_card(porchlight: Porchlight) -> None:
    """It costs no statement more, and nothing of the card is written."""
    await porchlight.register("alan@example.com")
    with porchlight.counting_queries() as without:
        await registered(porchlight, None)
    with porchlight.counting_queries() as statements:
        await porchlight.register("grace@example.com", paymentMethod="pm_card_visa")
    assert len(statements) == len(without)
    assert "pm_card" not in "".join(statements)
    assert counted(porchlight) == {"known": 1.0}


async def test_one_card_has_one_hash(porchlight: Porchlight) -> None:
    """Keyed, so that it is not the fingerprint; the same by another id, another for another card."""
    app = porchlight.app
    visa = await cards.card_behind(app, "pm_card_visa")
    made = "pm_69a56000203008aaaaaaaa_visa"
    card = await app.payments.card_of(made)
    assert visa == await cards.card_behind(app, made)
    assert visa != await cards.card_behind(app, "pm_card_amex")
    assert card
    assert card.fingerprint
    assert visa == app.keys.identity("card", card.fingerprint)
    assert card.fingerprint not in visa
    assert await cards.card_behind(app, None) is None


@pytest.mark.parametrize("payment_method", ["pm_unknown", "", "4242424242424242", "pm_card_visa\n"])
async def test_what_has_no_card_registers_nobody(porchlight: Porchlight, payment_method: str) -> None:
    """The field is named, nothing is written, and the value is not repeated: it may be a card's number."""
    answer = (await porchlight.post(REGISTER, {"input": {**ADA, "paymentMethod": payment_method}})).json()
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["message"]) == (
        "BAD_USER_INPUT",
        "There is no card behind paymentMethod.",
    )
    rest = await porchlight.http.post("/auth/register", json={**ADA, "payment_method": payment_method})
    assert (rest.status_code, rest.json()["code"]) == (422, "BAD_USER_INPUT")
    with porchlight.app.database.bound():
        assert not await User.exists()
    assert counted(porchlight) == {"unknown": 2.0}
    with pytest.raises(BadUserInput):
        await cards.card_behind(porchlight.app, payment_method)


async def test_registering_with_a_card_over_rest(porchlight: Porchlight) -> None:
    """`payment_method`; null is as good as nothing, and what is no text is refused."""
    for number, given in enumerate((None, "pm_card_visa")):
        body = {**ADA, "email": f"ada{number}@example.com", "payment_method": given}
        assert (await porchlight.http.post("/auth/register", json=body)).status_code == 201
    wrong = await porchlight.http.post("/auth/register", json={**ADA, "payment_method": 4})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "BAD_USER_INPUT")
    assert counted(porchlight) == {"known": 1.0}


async def test_a_lost_provider_loses_no_registration(start: Start) -> None:
    """They go on without the signal; after three faults readiness and a metric tell."""
    site = Scripted([BUSY] * 3)
    payments = StripePayments(KEY, base="http://stripe.simulated", site=site)
    porchlight = await with_payments(start, payments)
    for number in range(4):
        await porchlight.register(f"ada{number}@example.com", paymentMethod="pm_card_visa")
    assert len(site.asked) == 3
    ready = (await porchlight.http.get("/readyz")).json()
    assert (ready["status"], ready["parts"]["payments"]) == ("ready", "degraded")
    metrics = (await porchlight.http.get("/metrics")).text
    assert 'porchlight_degraded{port="payments"} 1.0' in metrics
    assert 'porchlight_cards_total{outcome="unavailable"} 4.0' in metrics


async def test_a_card_without_a_fingerprint_is_no_signal(start: Start) -> None:
    """And no reason to refuse anybody."""
    site = Scripted([Answer(200, {**METHOD, "card": {**CARD, "fingerprint": None}})])
    porchlight = await with_payments(start, StripePayments(KEY, base="http://stripe.simulated", site=site))
    assert await cards.card_behind(porchlight.app, "pm_1") is None
    assert counted(porchlight) == {"known": 1.0}


async def test_nobody_is_asked_for_a_registration_that_fails_before(start: Start) -> None:
    """A weak password is refused without Stripe."""
    site = Scripted()
    porchlight = await with_payments(start, StripePayments(KEY, base="http://stripe.simulated", site=site))
    data = await porchlight.ask(REGISTER, {"input": {**ADA, "password": "short", "paymentMethod": "pm_card_visa"}})
    assert data["register"]["__typename"] == "InvalidPassword"
    assert site.asked == []


async def test_settings_lead_to_stripe(start: Start) -> None:
    """Key and base of the environment are those that are used."""
    site = Scripted()
    async with listening(site) as base:
        porchlight = await start(
            payments_url="stripe://",
            stripe_api_key=KEY,
            stripe_webhook_secret=("whsec_1",),
            stripe_api_base=base,
        )
        await porchlight.register(paymentMethod="pm_card_visa")
        await porchlight.app.payments.close()
    assert [(asked["authorization"], asked["what"]) for asked in site.asked] == [
        (f"Bearer {KEY}", "GET /v1/payment_methods/pm_card_visa")
    ]


@pytest.mark.parametrize("url", ["simulated://", "stripe://"])
def test_the_sdk_is_not_loaded_at_start(url: str) -> None:
    """Its import takes longer than a quarter of the start."""
    script = (
        "import sys; from core.settings import Settings; from services.ports import choose_ports; "
        f"choose_ports(Settings(payments_url={url!r}, stripe_api_key='k', stripe_webhook_secret=('w',))); "
        "sys.exit(bool({'stripe', 'httpx', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, check=False, timeout=30)
    assert done.returncode == 0
