"""What the server writes down of accounts: registrations, proofs of addresses, sign-ins with what came of them."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from core.settings import Settings
from models import Event, OneTimeToken, Role, User
from services.analytics import CLIENT_NAMES
from services.mfa import half_sessions
from tests.clock import ManualClock
from tests.mailbox import letter_to, token_in
from tests.porchlight import PASSWORD, Porchlight
from tests.second_factors import WRONG, complete, half_session, login, somebody_protected
from tests.services.book import event, invoice, seconds, subscription
from tests.shop import opened_shop
from tests.staff import id_of, staff

SUSPEND = 'mutation($id: ID!) { suspendUser(userId: $id, reason: "stolen") { __typename } }'
VERIFY = "mutation($t: String!) { verifyEmail(token: $t) { __typename } }"
Pairs = list[tuple[str, dict[str, Any]]]


async def happened(porchlight: Porchlight, *names: str) -> Pairs:
    """Names and properties of the events that the server wrote, those of trials left out, the oldest first."""
    with porchlight.app.database.bound():
        rows = await Event.exclude(name__startswith="trial.").exclude(name__in=CLIENT_NAMES).order_by("id")
    return [(row.name, row.properties) for row in rows if not names or row.name in names]


async def outcomes(porchlight: Porchlight) -> list[tuple[str, bool]]:
    """What came of each sign-in whose credentials were right."""
    return [(told["outcome"], told["factor"]) for _, told in await happened(porchlight, "sign_in.proven")]


async def give_up(porchlight: Porchlight) -> None:
    """What the recurring job does."""
    with porchlight.app.database.bound():
        await half_sessions.expire(porchlight.app, {})


async def test_accounts_tell_of_themselves(porchlight: Porchlight) -> None:
    """A registration with and without a trial, and the first proof of an address, each with its cause."""
    person = await porchlight.register("ada@gmail.com")
    await porchlight.register("a.da@gmail.com")
    token = token_in(await letter_to(porchlight, person.email, "Welcome to Porchlight"))
    for _ in range(2):
        await porchlight.ask(VERIFY, {"t": token})
    assert await happened(porchlight) == [
        ("user.registered", {"trial": True}), ("user.registered", {"trial": False}), ("user.email_verified", {}),
    ]  # fmt: skip
    with porchlight.app.database.bound():
        ids = (
            await Event.filter(name__in=["user.registered", "trial.started"])
            .order_by("id")
            .values_list("name", "version")
        )
    assert ids == [("user.registered", 1), ("trial.started", 1), ("user.registered", 1)]


async def test_a_sign_in_with_the_right_password_is_told_with_its_outcome(porchlight: Porchlight) -> None:
    """Wrong ones are nobody's attempt; who is suspended has shown that they are who they say."""
    person, admin = await porchlight.register(), await staff(porchlight, Role.ADMIN)
    await login(porchlight, person.email)
    wrong = {"input": {"email": person.email, "password": PASSWORD + "!"}}
    await porchlight.ask("mutation($input: LoginInput!) { login(input: $input) { __typename } }", wrong)
    await porchlight.ask(SUSPEND, {"id": id_of(person)}, token=admin.access_token)
    assert (await login(porchlight, person.email))["__typename"] == "AccountSuspended"
    assert await outcomes(porchlight) == [("signed_in", False), ("suspended", False)]


async def test_a_second_factor_makes_one_attempt_of_two_steps(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outcome is known when it succeeds, or when its time is over: wrong until then, or never given."""
    monkeypatch.setattr(half_sessions, "BATCH", 1)
    protected = await somebody_protected(porchlight)
    abandoned, failed, done = [await half_session(porchlight) for _ in range(3)]
    assert await outcomes(porchlight) == []
    assert (await complete(porchlight, failed, WRONG))["__typename"] == "InvalidCode"
    assert (await complete(porchlight, done, WRONG))["__typename"] == "InvalidCode"
    assert (await complete(porchlight, done, protected.code(porchlight)))["__typename"] == "LoginSuccess"
    await give_up(porchlight)
    assert await outcomes(porchlight) == [("signed_in", True)]
    await porchlight.clock.advance(half_sessions.LIFETIME)
    for token in (abandoned, failed):
        assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    for _ in range(2):
        await give_up(porchlight)
    assert await outcomes(porchlight) == [("signed_in", True), ("factor_abandoned", True), ("factor_failed", True)]
    with porchlight.app.database.bound():
        assert await OneTimeToken.filter(purpose="MFA").count() == 1  # the one that was spent


async def test_an_event_goes_with_its_cause(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written in the transaction: what is rolled back was never told."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())
    person = await porchlight.register()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("The machine has stopped.")

    monkeypatch.setattr("services.accounts.signing_in._meet_device", fail)
    await porchlight.clock.advance(timedelta(hours=1))
    answer = await porchlight.post(
        "mutation($input: LoginInput!) { login(input: $input) { __typename } }",
        {"input": {"email": person.email, "password": PASSWORD, "device": {"name": "Another"}}},
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert await outcomes(porchlight) == []
    with porchlight.app.database.bound():
        assert await User.all().count() == 1


async def test_what_is_paid_and_what_ends_is_told_once(settings: Settings, clock: ManualClock) -> None:
    """With the plan, the amount and the reason; an invoice of nothing, and what never began, is no event."""
    async with opened_shop(settings, clock) as shop:
        await shop.buyer()
        nothing = invoice(id="in_0", amount_paid=0, total=0)
        lone = invoice(id="in_2", parent=None, amount_paid=500, billing_reason="manual")
        never = subscription(id="sub_2", status="incomplete_expired")
        canceled = subscription(status="canceled")
        for number, (kind, content) in enumerate(
            [
                ("customer.subscription.created", subscription()), ("invoice.paid", nothing),
                ("invoice.paid", invoice()), ("invoice.paid", invoice()), ("invoice.paid", lone),
                ("customer.subscription.deleted", never), ("customer.subscription.deleted", canceled),
                ("customer.subscription.deleted", canceled),
            ]
        ):  # fmt: skip
            shop.book.write(content)
            await clock.advance(timedelta(seconds=1))
            await shop.deliver(event(kind, content, id=f"evt_{number}", created=seconds(clock.now())))
            await shop.work()
        paid = {"plan": "pro-monthly", "amount": 1900, "currency": "EUR", "reason": "subscription_create"}
        assert await happened(shop.porchlight, "invoice.paid", "subscription.canceled") == [
            ("invoice.paid", paid),
            ("invoice.paid", paid | {"plan": None, "amount": 500, "reason": "manual"}),
            ("subscription.canceled", {"plan": "pro-monthly", "status": "active"}),
        ]
