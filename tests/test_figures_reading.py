"""Figures through the front door: who sees them, what they cost, that the papers define each; and their tables."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from core.settings import Settings
from models import ActiveWeek, DepartedTrial, Invoice, InvoiceStatus, KpiDay, RetentionWeek, Role
from services.analytics.figures import freezing, kpis, retention
from services.analytics.figures.funnels import FUNNELS
from services.analytics.figures.measures import MEASURES
from tests.clock import START, ManualClock
from tests.coming_and_going import come_and_go
from tests.porchlight import Porchlight
from tests.services.book import event, invoice, seconds, subscription
from tests.services.schemas import count, opened
from tests.shop import opened_shop
from tests.staff import staff
from tests.test_house import text
from tests.worlds import DAY, HOUR, MIDNIGHT, Being, Bill, settle_in

KPIS = """
query Kpis($since: DateTime, $until: DateTime) {
  kpis(since: $since, until: $until) {
    key name value target comparison low high sampleSize pending responseRate verdict
    series { at value sampleSize }
  }
}
"""
FUNNEL = """
query Funnel($key: String!, $since: DateTime, $until: DateTime) {
  funnel(key: $key, since: $since, until: $until) { key steps { key count rate } }
}
"""
RETENTION = """
query Retention($since: DateTime, $until: DateTime) {
  retention(since: $since, until: $until) { at size weeks { week active share } }
}
"""
DOORS: list[tuple[str, dict[str, Any]]] = [(KPIS, {}), (FUNNEL, {"key": "signup_to_paid"}), (RETENTION, {})]
TABLES = ("active_weeks", "departed_trials", "kpi_days", "retention_weeks")


@pytest.mark.parametrize(("query", "variables"), DOORS)
async def test_analysts_and_administrators_alone_see_figures(
    porchlight: Porchlight, query: str, variables: dict[str, Any]
) -> None:
    """With a second factor, as all that the staff reads."""
    assert await porchlight.codes(query, variables) == ["UNAUTHENTICATED"]
    ada = await porchlight.register()
    assert await porchlight.codes(query, variables, token=ada.access_token) == ["FORBIDDEN"]
    support = await staff(porchlight, Role.SUPPORT)
    assert await porchlight.codes(query, variables, token=support.access_token) == ["FORBIDDEN"]
    too_long = {**variables, "since": "2020-01-01T00:00:00Z"}
    for role in (Role.ADMIN, Role.ANALYST):
        person = await staff(porchlight, role)
        assert await porchlight.codes(query, variables, token=person.access_token) == []
        assert await porchlight.codes(query, too_long, token=person.access_token) == ["BAD_USER_INPUT"]


async def test_kpis_tell_the_target_the_interval_and_the_days(porchlight: Porchlight) -> None:
    """Forty trials of a day, half of which were bought; what nobody has done has no value. Frozen, it is the same."""
    end = MIDNIGHT + 14 * DAY
    bill = Bill("pro-yearly", InvoiceStatus.PAID, 19000, end, end)
    world = [
        Being(f"p{number}@people.figures", MIDNIGHT, end, bills=[bill] if number % 2 else []) for number in range(40)
    ]
    with porchlight.app.database.bound():
        await settle_in(world)
    await porchlight.clock.jump(MIDNIGHT + 20 * DAY)
    token = (await staff(porchlight, Role.ANALYST)).access_token
    for _ in range(2):
        found = {kpi["key"]: kpi for kpi in (await porchlight.ask(KPIS, token=token))["kpis"]}
        assert list(found) == [measure.key for measure in MEASURES]
        series = found["trial_conversion"].pop("series")
        assert len(series) == 90
        assert [each for each in series if each["sampleSize"]] == [
            {"at": "2026-03-02T00:00:00+00:00", "value": 0.5, "sampleSize": 40}
        ]
        assert found["trial_conversion"] == {
            "key": "trial_conversion",
            "name": "Trials that are bought",
            "value": 0.5,
            "target": 0.4,
            "comparison": "AT_LEAST",
            "low": pytest.approx(0.3520, abs=6e-5),
            "high": pytest.approx(0.6480, abs=6e-5),
            "sampleSize": 40,
            "pending": 0,
            "responseRate": None,
            "verdict": "NOT_ENOUGH_DATA",
        }
        empty = found["fraud_false_positives"]
        assert [empty[name] for name in ("value", "low", "high", "sampleSize")] == [None, None, None, 0]
        with porchlight.app.database.bound():
            await freezing.freeze(porchlight.app, {})
    variables = {"key": "signup_to_paid", "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}
    assert (await porchlight.ask(FUNNEL, variables, token=token))["funnel"]["steps"][:2] == [
        {"key": "registered", "count": 40, "rate": 1.0},
        {"key": "address_verified", "count": 0, "rate": 0.0},
    ]
    assert await porchlight.codes(FUNNEL, {"key": "x"}, token=token) == ["NOT_FOUND"]


async def test_retention_tells_shares(porchlight: Porchlight) -> None:
    """Of cohorts, the first week first; of nobody, none."""
    rows = [(0, 0, 4, 4), (0, 1, 4, 1), (1, 1, 0, 0)]
    with porchlight.app.database.bound():
        for cohort, week, size, active in rows:
            monday = MIDNIGHT.date()
            await RetentionWeek.create(
                cohort=monday + cohort * retention.WEEK, week=monday + week * retention.WEEK, size=size, active=active,
                frozen_at=START,
            )  # fmt: skip
    await porchlight.clock.advance(3 * retention.WEEK)
    token = (await staff(porchlight, Role.ADMIN)).access_token
    first = {"week": 0, "active": 4, "share": 1.0}
    assert (await porchlight.ask(RETENTION, token=token))["retention"] == [
        {"at": "2026-03-02T00:00:00+00:00", "size": 4, "weeks": [first, {"week": 1, "active": 1, "share": 0.25}]},
        {"at": "2026-03-09T00:00:00+00:00", "size": 0, "weeks": [{"week": 0, "active": 0, "share": 0.0}]},
    ]


async def test_figures_cost_few_statements(porchlight: Porchlight) -> None:
    """One for what is frozen and at most one a figure, beside four of the guard; funnels and retention one."""
    token = (await staff(porchlight, Role.ANALYST)).access_token
    await porchlight.ask(KPIS, token=token)
    costs = []
    for query, variables in DOORS:
        with porchlight.counting_queries() as statements:
            await porchlight.ask(query, variables, token=token)
        costs.append(len(statements))
    assert costs == [4 + 1 + len(MEASURES), 4 + 1, 4 + 1]


def test_every_figure_is_defined_in_the_papers() -> None:
    """By a section of docs/kpis.md with its formula, its source and its target; and each funnel."""
    paper = text("docs/kpis.md")
    defined = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", paper + "\n##", re.DOTALL | re.MULTILINE))
    assert set(defined) == {measure.key for measure in MEASURES} | set(FUNNELS)
    for measure in MEASURES:
        section = defined[measure.key]
        assert {"Target", "Formula", "Source"} <= set(re.findall(r"^- \*\*(\w+)\*\*: ", section, re.MULTILINE))
        assert f"{'≥' if measure.comparison == 'AT_LEAST' else '≤'} {measure.target:g}" in section, measure.key


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the four tables; coming up again leaves them as the models say. Weeks go with their users."""
    await come_and_go(empty_database_url, "_figures", TABLES, counted)
    async with opened(empty_database_url) as database, database.transaction():
        await database.execute("DELETE FROM users")
    assert await count(empty_database_url, *TABLES) == [0, 2, 2, 2]


async def counted(url: str) -> None:
    """A row of each table for each user."""
    day = date(2026, 3, 2)
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            async with database.transaction():
                await ActiveWeek.create(user_id=row["id"], week=day)
                await DepartedTrial.create(day=day, counts_on=day, paid=True, failed=False)
                await KpiDay.create(key=f"key {row['id']}", day=day, counts={"values": {}, "asked": 0}, frozen_at=START)
                await RetentionWeek.create(cohort=day, week=day + row["id"] * DAY, size=1, active=1, frozen_at=START)


async def test_webhooks_that_come_again_change_nothing(settings: Settings, clock: ManualClock) -> None:
    """From the provider's events to the figure: a trial is bought once, also by two invoices; nothing fails."""
    async with opened_shop(settings, clock) as shop:
        await shop.buyer("ada@people.figures")
        end = START + 14 * DAY
        await clock.jump(end + HOUR)
        made = seconds(clock.now())
        first = invoice(created=made, status_transitions={"paid_at": made})
        second = {**first, "id": "in_2"}
        shop.book.write(subscription(lookup_key="pro-monthly:eur", created=made), first, second)
        told = [event("invoice.paid", each, created=made, id=f"evt_{each['id']}") for each in (first, second)]
        told.append(event("customer.subscription.created", shop.book.objects["sub_1"], created=made))
        assert await shop.deliver(*told, *told, *reversed(told)) == [200] * 9
        await shop.work()
        assert await Invoice.all().count() == 2
        await clock.jump(end + timedelta(hours=72))
        found = {kpi.measure.key: kpi.counts for kpi in await kpis.kpis(shop.porchlight.app, None, None)}
        assert found["trial_conversion"].values == {1.0: 1, 0.0: 0}
        assert found["first_payment_failures"].values == {1.0: 0, 0.0: 1}
