"""What people may spend on vendors' models."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from core.breaker import Breaker
from models import ModelReservation, ModelSpend, PlanSpend
from services import budgets
from services.billing import CatalogueError, read_catalogue
from services.billing.model_budgets import UNSAID, Allowance, ModelBudget
from services.budgets import Prices, spending
from services.budgets.prices import Price, PricesError, read_prices
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.services.openai import KEY

DAY = "2026-03-02"
PLENTY = Allowance(10**9, 10**9)
PRICES = Prices(
    {"cheap": Price(Decimal("0.02"), Decimal(0)), "dear": Price(Decimal(2), Decimal(8))}, Price(*[Decimal(1)] * 2)
)


def allow(porchlight: Porchlight, *, user: Allowance = PLENTY, everybody: Allowance = PLENTY) -> None:
    """Give every plan this budget, and models prices that are easy to count by."""
    app = porchlight.app
    budget = ModelBudget(user, everybody)
    plans = {key: replace(plan, model_budget=budget) for key, plan in app.catalogue.plans.items()}
    app.catalogue = replace(app.catalogue, plans=plans)
    app.model_prices = PRICES


async def sums() -> tuple[list[Any], list[Any]]:
    """Tokens and millionths of a dollar by user, and by plan."""
    users = await ModelSpend.all().order_by("user_id").values_list("tokens", "micros", "day")
    return list(users), list(await PlanSpend.all().order_by("plan").values_list("plan", "tokens", "micros", "day"))


def refused(porchlight: Porchlight, scope: str) -> float | None:
    return porchlight.app.metrics.registry.get_sample_value("porchlight_model_refusals_total", {"scope": scope})


async def test_what_is_left_for_one_is_had_by_one(porchlight: Porchlight) -> None:
    """Of eight questions at once that all want more than half of the day, one is reserved; the rest comes back."""
    ada = await porchlight.register("ada@example.com")
    app = porchlight.app
    allow(porchlight, user=Allowance(100, 10**6))
    with app.database.bound():
        made = await asyncio.gather(*(budgets.reserve(app, ada.user_id, 51) for _ in range(8)))
        [reservation] = [each for each in made if each]
        assert await sums() == ([(51, 51, DAY)], [("pro-monthly", 51, 51, DAY)])
        await budgets.settle(app, reservation, 40)
        await budgets.settle(app, reservation, 40)
        assert await sums() == ([(40, 40, DAY)], [("pro-monthly", 40, 40, DAY)])
        assert await budgets.reserve(app, ada.user_id, 61) is None
        assert await budgets.reserve(app, ada.user_id, 101) is None
        assert await budgets.reserve(app, ada.user_id, 60) is not None
    assert refused(porchlight, "user") == 9


async def test_the_plans_cap_is_one_for_all(porchlight: Porchlight) -> None:
    """What one person's question would pass is not counted with either, and nobody's sum is touched by it."""
    people = [await porchlight.register(f"{name}@example.com") for name in ("ada", "bob", "eve")]
    app = porchlight.app
    allow(porchlight, everybody=Allowance(100, 10**6))
    with app.database.bound():
        made = await asyncio.gather(*(budgets.reserve(app, person.user_id, 60) for person in people))
        [reservation] = [each for each in made if each]
        assert await sums() == ([(60, 60, DAY)], [("pro-monthly", 60, 60, DAY)])
        assert await ModelReservation.all().values_list("user_id", flat=True) == [reservation.user_id]  # type: ignore[comparison-overlap]
    assert refused(porchlight, "plan") == 2


async def test_money_ends_it_before_tokens_do(porchlight: Porchlight) -> None:
    """By the price of the model, of question and answer apart once they are known; an unknown one is dear."""
    ada = await porchlight.register("ada@example.com")
    app = porchlight.app
    allow(porchlight, user=Allowance(10**6, 1_000))
    with app.database.bound():
        assert await budgets.reserve(app, ada.user_id, 126, model="dear") is None
        reservation = await budgets.reserve(app, ada.user_id, 125, model="dear")
        assert reservation is not None
        assert reservation.micros == 1_000
        assert await budgets.reserve(app, ada.user_id, 1, model="cheap") is None
        await budgets.settle(app, reservation, 110, output_tokens=10)
        assert (await sums())[0] == [(110, 280, DAY)]
        cheap = await budgets.reserve(app, ada.user_id, 35_000, model="cheap")
        assert cheap is not None
        await budgets.settle(app, cheap, 30_001)
        assert (await sums())[0] == [(30_111, 881, DAY)]
    metrics = (await porchlight.http.get("/metrics")).text
    assert 'porchlight_model_tokens_total{model="cheap"} 30001.0' in metrics
    assert 'porchlight_model_dollars_total{model="dear"} 0.00028' in metrics


async def test_what_a_dead_process_reserved_comes_back(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two minutes, to the user and to the plan; an answer that comes even later is counted in full, and once."""
    people = [await porchlight.register(f"{name}@example.com") for name in ("ada", "bob")]
    app = porchlight.app
    allow(porchlight)
    monkeypatch.setattr(spending, "AT_ONCE", 2)
    with app.database.bound():
        late, *_ = [await budgets.reserve(app, person.user_id, 10) for person in [*people, *people]]
        assert late is not None
        await clock.advance(spending.HELD - timedelta(seconds=1))
        kept = await budgets.reserve(app, people[0].user_id, 7)
        await budgets.lapse(app, {})
        assert (await sums())[1] == [("pro-monthly", 47, 47, DAY)]
        await clock.advance(timedelta(seconds=1))
        await asyncio.gather(*(budgets.lapse(app, {}) for _ in range(3)))
        assert await sums() == ([(7, 7, DAY), (0, 0, DAY)], [("pro-monthly", 7, 7, DAY)])
        for _ in range(2):
            await budgets.settle(app, late, 9)
        assert await sums() == ([(16, 16, DAY), (0, 0, DAY)], [("pro-monthly", 16, 16, DAY)])
        assert kept is not None
        await budgets.settle(app, kept, 0)
        assert (await sums())[1] == [("pro-monthly", 9, 9, DAY)]


async def test_a_day_and_a_plan_have_their_own(porchlight: Porchlight, clock: ManualClock) -> None:
    """What was reserved yesterday is settled there; after the trial the free plan's budget holds.

    A smaller trial has its part of it. Reserving takes five statements, and an account that is gone has nothing.
    """
    ada = await porchlight.register("ada@example.com")
    app = porchlight.app
    pro, free = (app.catalogue.plans[key].model_budget.user.tokens for key in ("pro-monthly", "free"))
    assert pro > free
    with app.database.bound():
        first = await budgets.reserve(app, ada.user_id, free + 1, model="text-embedding-3-small")
        assert first is not None
        await clock.advance(timedelta(days=15))
        assert await budgets.reserve(app, ada.user_id, free + 1, model="text-embedding-3-small") is None
        with porchlight.counting_queries() as statements, structlog.contextvars.bound_contextvars(request_id="1"):
            second = await budgets.reserve(app, ada.user_id, free, model="text-embedding-3-small")
        assert len(statements) == 5
        assert second is not None
        assert (first.plan, second.plan) == ("pro-monthly", "free")
        await budgets.settle(app, first, 5)
        days = await ModelSpend.all().order_by("day").values_list("day", "tokens")
        assert list(days) == [(DAY, 5), ("2026-03-17", free)]
        assert await budgets.reserve(app, ada.user_id + 1, 1) is None
        assert await ModelSpend.all().count() == await ModelReservation.all().count() + 1 == 2
    assert Allowance(101, 7).part(50) == Allowance(51, 4)


async def test_breaker_is_told_to_those_who_look(start: Start) -> None:
    """As degraded, which leaves the process in rotation, and as a figure; without a key there is nothing to tell."""
    now = [0.0]
    porchlight = await start(openai_api_key=KEY)
    openai = porchlight.app.ports.openai
    assert openai is not None
    openai.breaker = Breaker(failures=1, rest=10.0, clock=lambda: now[0])
    seen = []
    for moment, fails in ((0.0, False), (0.0, True), (11.0, False)):
        now[0] = moment
        if fails:
            openai.breaker.failed()
        ready = await porchlight.http.get("/readyz")
        assert ready.status_code == 200
        figures = (await porchlight.http.get("/metrics")).text.splitlines()
        seen += [
            (ready.json()["parts"]["openai"], line)
            for line in figures
            if line.startswith('porchlight_breaker{vendor="openai"')
        ]
    assert seen == [
        ("ok", 'porchlight_breaker{vendor="openai"} 0.0'),
        ("degraded", 'porchlight_breaker{vendor="openai"} 1.0'),
        ("degraded", 'porchlight_breaker{vendor="openai"} 0.5'),
    ]


# The files.

PLANS = """
version: 1
base: free
trial: {plan: free, days: 14, at_end: bill}
plans:
  - {key: free, name: F, description: F, interval: MONTH, price: {EUR: 0}, features: {}, model-budget: BUDGET}
"""


def test_budget_of_a_plan(tmp_path: Path) -> None:
    """As it is written; a plan that says nothing has a small one, and the plans that ship all say something."""
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS.replace("BUDGET", "{user: {tokens: 5, usd: 0.000015}, everybody: {tokens: 0, usd: 3}}"))
    expected = ModelBudget(Allowance(5, 15), Allowance(0, 3_000_000))
    assert read_catalogue(file).plans["free"].model_budget == expected
    file.write_text(PLANS.replace(", model-budget: BUDGET", ""))
    assert read_catalogue(file).plans["free"].model_budget == UNSAID
    assert [plan.key for plan in read_catalogue().plans.values() if plan.model_budget is UNSAID] == []


FINE = "{tokens: 5, usd: 1}"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("5", "model-budget: user and everybody"),
        (f"{{user: {FINE}}}", "model-budget: user and everybody"),
        (f"{{user: {FINE}, everybody: 3}}", "everybody: tokens and usd"),
        (f"{{user: {FINE}, everybody: {{tokens: 5}}}}", "everybody: tokens and usd"),
        (f"{{user: {{tokens: -1, usd: 1}}, everybody: {FINE}}}", r"user\.tokens: a whole number"),
        (f"{{user: {{tokens: true, usd: 1}}, everybody: {FINE}}}", r"user\.tokens: a whole number"),
        (f"{{user: {{tokens: 1, usd: .inf}}, everybody: {FINE}}}", r"user\.usd: dollars"),
        (f"{{user: {{tokens: 1, usd: free}}, everybody: {FINE}}}", r"user\.usd: dollars"),
        (f"{{user: {{tokens: 1, usd: -0.1}}, everybody: {FINE}}}", r"user\.usd: dollars"),
    ],
)
def test_wrong_budget_is_named(tmp_path: Path, given: str, named: str) -> None:
    """At the start, with what would be right."""
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS.replace("BUDGET", given))
    with pytest.raises(CatalogueError, match=named):
        read_catalogue(file)


def test_prices(tmp_path: Path) -> None:
    """Those that ship can be read; who is not listed has the other price and no name in metrics; faults are named."""
    prices = read_prices()
    assert prices.of("text-embedding-3-small").most(1_000_000) == 20_000
    assert (prices.label("text-embedding-3-small"), prices.label("gpt-x")) == ("text-embedding-3-small", "other")
    assert prices.of("gpt-x") is prices.other
    assert prices.other.most(1) > prices.of("text-embedding-3-large").most(1)
    file = tmp_path / "prices.yaml"
    for wrong, named in [
        ("other: {input: 1, output: x}\nmodels: {}", r"other\.output: dollars"),
        ("models: {}", "KeyError: 'other'"),
        ("other: {input: 1, output: 1}\nmodels: {a: 3}", "TypeError"),
        ("- a", "TypeError"),
    ]:
        file.write_text(wrong)
        with pytest.raises(PricesError, match=named):
            read_prices(file)
