"""Entitlements: they follow from trial and clock, and `@entitled` gives one verdict everywhere."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import strawberry
from strawberry.types.base import get_object_definition

from core.errors import NotEntitled
from models import Role, Session, Trial
from models import User as UserRow
from resolvers.root import Mutation, Query, Subscription
from schema.accounts import User
from schema.context import Context
from schema.directives import Entitled, guards
from schema.trials import Trial as TrialType
from services import entitlements, trials
from services.access import Viewer
from services.billing import CatalogueError, Window, read_catalogue
from services.entitlements import Held
from services.sessions import Client
from services.usage.windows import Period, period_of
from tests.clock import START, ManualClock
from tests.plans import limits
from tests.porchlight import Connection, Person, Porchlight
from tests.services.valkey import until
from tests.staff import id_of, staff
from tests.test_usage import record

MINE = """{ me {
  entitlements { feature enabled limit }
  usage { key used limit remaining resetsAt }
  trial { usage { key used limit } }
} }"""
FEED = "recommendations(first: 1) { strategy }"
LIVE = "subscription { recommendationsChanged(first: 1) { strategy } }"
SECOND = timedelta(seconds=1)


def without_recommendations(porchlight: Porchlight) -> None:
    """The plan of who has no trial is the one without them."""
    limits(porchlight, "free", recommendations=False)


async def change(porchlight: Porchlight, person: Person, **values: Any) -> None:
    """Change somebody's trial as another process would: the bus says so."""
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(**values)
        trial = await Trial.get(user_id=person.user_id)
    await porchlight.app.bus.publish("trials.changed", str(trial.id))


async def errors(porchlight: Porchlight, query: str, person: Person) -> list[dict[str, Any]]:
    answer = (await porchlight.post(query, token=person.access_token)).json()
    return [{**error["extensions"], "path": error.get("path")} for error in answer.get("errors", [])]


# ── what somebody is entitled to ────────────────────────────────────────────────────────────────────────────────────


async def test_a_trial_gives_its_plan(porchlight: Porchlight) -> None:
    """Features, limits and meters, as the plan file has them."""
    person = await porchlight.register()
    await record(porchlight, person, quantity=3)
    mine = (await porchlight.ask(MINE, token=person.access_token))["me"]
    assert mine["entitlements"] == [
        {"feature": "recommendations", "enabled": True, "limit": None},
        {"feature": "image-analysis", "enabled": True, "limit": 500.0},
        {"feature": "api-calls", "enabled": True, "limit": 100_000.0},
        {"feature": "priority-support", "enabled": True, "limit": None},
    ]
    april = "2026-04-01T00:00:00+00:00"
    assert mine["usage"] == [
        {"key": "api-calls", "used": 3.0, "limit": 100_000.0, "remaining": 99_997.0, "resetsAt": april},
        {"key": "image-analysis", "used": 0.0, "limit": 500.0, "remaining": 500.0, "resetsAt": april},
    ]
    assert mine["trial"] == {
        "usage": [{key: meter[key] for key in ("key", "used", "limit")} for meter in mine["usage"]]
    }


async def test_after_the_trial_the_base_plan_holds(porchlight: Porchlight, clock: ManualClock) -> None:
    """What was used counts on, and nothing is left rather than less; the trial's meters are gone."""
    person = await porchlight.register()
    await record(porchlight, person, quantity=1500)
    await change(porchlight, person, ends_at=clock.now())
    mine = (await porchlight.ask(MINE, token=person.access_token))["me"]
    assert {each["feature"]: each["limit"] for each in mine["entitlements"]} == {
        "recommendations": None, "image-analysis": 5.0, "api-calls": 1000.0, "priority-support": None,
    }  # fmt: skip
    assert (mine["usage"][0]["used"], mine["usage"][0]["remaining"]) == (1500, 0)
    assert mine["trial"] == {"usage": None}
    assert (await record(porchlight, person, idempotencyKey="more"))["__typename"] == "UsageLimitReached"


@pytest.mark.parametrize(("percent", "limit"), [(100, 500), (50, 250), (33, 165), (1, 5), (0, 0), (200, 1000)])
async def test_a_trial_may_give_a_part_of_the_quotas(porchlight: Porchlight, percent: int, limit: int) -> None:
    """Of each limit, rounded up; what has no limit keeps none."""
    person = await porchlight.register()
    await change(porchlight, person, quota_percent=percent)
    mine = (await porchlight.ask(MINE, token=person.access_token))["me"]
    assert {each["feature"]: each["limit"] for each in mine["entitlements"]} == {
        "recommendations": None, "image-analysis": limit, "api-calls": 1000 * percent, "priority-support": None,
    }  # fmt: skip


def test_a_part_of_one_is_one(porchlight: Porchlight) -> None:
    """What is included stays so."""
    limits(porchlight, **{"api-calls": 1})
    trial = Trial(plan_key="pro-monthly", started_at=day(-3), ends_at=START + SECOND, quota_percent=1)
    grant = entitlements.plan_of(porchlight.app, Held(trial), START)
    assert grant.limit_of(porchlight.app.catalogue.meters["api-calls"]) == 1


def day(number: int) -> Any:
    return START + timedelta(days=number)


@pytest.mark.parametrize(
    ("facts", "access"),
    [
        ({"ends_at": day(1)}, True),
        ({"ends_at": START}, False),
        ({"ends_at": day(1), "canceled_at": START}, True),
        ({"ends_at": START, "canceled_at": START}, False),
        ({"ends_at": day(-1), "converted_at": START}, False),
    ],
)
def test_who_has_access(porchlight: Porchlight, facts: dict[str, Any], access: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """A running trial gives its plan, a canceled or converted one until its end; an unknown plan gives none."""
    app, trial = porchlight.app, Trial(plan_key="pro-monthly", started_at=day(-14), **facts)
    assert trials.has_access(trial, START) is access
    assert entitlements.plan_of(app, Held(trial), START).plan.key == ("pro-monthly" if access else "free")
    unknown = Held(Trial(plan_key="sold-out", started_at=day(-14), **facts))
    assert entitlements.plan_of(app, unknown, START).plan.key == "free"
    assert entitlements.plan_of(app, Held(None), START).plan.key == "free"


async def test_what_is_somebody_else_s_is_not_found(porchlight: Porchlight) -> None:
    """Entitlements and usage answer to their owner, and to staff who may see users."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    fields = "entitlements { feature } usage { key } trial { usage { key } }"
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on User {{ {fields} }} }} }}"
    seen = await porchlight.ask(query, {"id": id_of(person)}, token=actor.access_token)
    assert [len(seen["node"][name]) for name in ("entitlements", "usage")] == [4, 2]
    assert len(seen["node"]["trial"]["usage"]) == 2
    stranger = await porchlight.register("grace@example.com")
    assert await porchlight.ask(query, {"id": id_of(person)}, token=stranger.access_token) == {"node": None}


async def test_many_users_cost_two_statements_more_than_none(porchlight: Porchlight) -> None:
    """One for all trials and one for all counters, however many users there are."""
    actor = await staff(porchlight, Role.SUPPORT)
    for number in range(5):
        person = await porchlight.register(f"p{number}@example.com")
        await record(porchlight, person)
    query = "query($n: Int) { users(first: $n) { edges { node { id FIELDS } } } }"
    fields = "usage { used } entitlements { limit } trial { usage { used } }"
    await porchlight.ask(query.replace("FIELDS", ""), {"n": 6}, token=actor.access_token)
    with porchlight.counting_queries() as bare:
        await porchlight.ask(query.replace("FIELDS", ""), {"n": 6}, token=actor.access_token)
    for count in (2, 6):
        with porchlight.counting_queries() as statements:
            await porchlight.ask(query.replace("FIELDS", fields), {"n": count}, token=actor.access_token)
        assert len(statements) == len(bare) + 3, statements


# ── the guard ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_not_entitled_is_told_so(porchlight: Porchlight, clock: ManualClock) -> None:
    """With the feature, at the field, whose parent stays; through fragments, aliases and other paths alike."""
    person = await porchlight.register()
    without_recommendations(porchlight)
    assert await errors(porchlight, f"{{ me {{ {FEED} }} }}", person) == []
    await change(porchlight, person, ends_at=clock.now())
    node = f'{{ node(id: "{id_of(person)}") {{ ... on User {{ {FEED} }} }} }}'
    for query, path in (
        (f"{{ me {{ email {FEED} }} }}", ["me", "recommendations"]),
        (f"{{ me {{ a: {FEED} }} }}", ["me", "a"]),
        (f"{{ x: me {{ ...F }} }} fragment F on User {{ ... on User {{ {FEED} }} }}", ["x", "recommendations"]),
        (node, ["node", "recommendations"]),
    ):
        assert await errors(porchlight, query, person) == [
            {"code": "NOT_ENTITLED", "feature": "recommendations", "path": path}
        ]
    answer = (await porchlight.post(f"{{ me {{ email {FEED} }} }}", token=person.access_token)).json()
    assert answer["data"] == {"me": {"email": "ada@example.com", "recommendations": None}}
    many = " ".join(f"a{number}: {FEED}" for number in range(10))
    assert len(await errors(porchlight, f"{{ me {{ {many} }} }}", person)) == 10


async def test_the_verdict_reads_purchases_once_a_request_and_not_at_all_where_all_plans_agree(
    porchlight: Porchlight,
) -> None:
    """Guarded fields share what `trial` has read, and one statement for what was bought."""
    person = await porchlight.register()
    query = "{ me { trial { status } " + " ".join(f"a{number}: {FEED}" for number in range(3)) + " } }"

    async def purchases_read() -> int:
        with porchlight.counting_queries() as statements:
            await porchlight.ask(query, token=person.access_token)
        return sum("plan_subscriptions" in statement for statement in statements)

    assert await purchases_read() == 0
    without_recommendations(porchlight)
    assert await purchases_read() == 1


async def test_staff_are_judged_by_their_own_plan(porchlight: Porchlight) -> None:
    """Who looks at somebody's recommendations is who must be entitled."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    without_recommendations(porchlight)
    query = f'{{ node(id: "{id_of(person)}") {{ ... on User {{ {FEED} }} }} }}'
    assert await errors(porchlight, query, actor) == []
    with porchlight.app.database.bound():
        await Trial.filter(user_id=actor.user_id).delete()
    assert [error["code"] for error in await errors(porchlight, query, actor)] == ["NOT_ENTITLED"]


async def test_a_subscription_does_not_begin_without(porchlight: Porchlight, clock: ManualClock) -> None:
    """The refusal is the whole answer."""
    person = await porchlight.register()
    without_recommendations(porchlight)
    await change(porchlight, person, ends_at=clock.now())
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(LIVE)
        await ended(connection)
    async with porchlight.connect() as anonymous:
        await anonymous.subscribe(LIVE)
        message = await anonymous.receive()
        assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def ended(connection: Connection) -> None:
    """The next message ends the operation, and the socket stands."""
    message = await connection.receive()
    assert (message["type"], len(message["payload"])) == ("error", 1)
    assert message["payload"][0]["extensions"] == {"code": "NOT_ENTITLED", "feature": "recommendations"}
    await connection.send(type="ping")
    assert (await connection.receive())["type"] == "pong"


@pytest.mark.parametrize("how", ["time", "expired", "canceled", "downgraded", "deleted"])
async def test_a_subscription_ends_with_the_entitlement(porchlight: Porchlight, clock: ManualClock, how: str) -> None:
    """When the trial's time is over, and when somebody ends or changes it; nothing is left open."""
    person = await porchlight.register()
    without_recommendations(porchlight)
    await change(porchlight, person, ends_at=clock.now() + timedelta(minutes=5))
    app = porchlight.app
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(LIVE)
        assert (await connection.next())["data"]["recommendationsChanged"]["strategy"] == "catalogue"
        await until_true(lambda: bool(app.trials_changed._waiting))
        if how == "time":
            await clock.advance(timedelta(minutes=5) - SECOND)
            await asyncio.sleep(0.1)
            assert app.trials_changed._waiting
            await clock.advance(SECOND)
        elif how == "expired":
            await change(porchlight, person, ends_at=clock.now())
        elif how == "canceled":
            await change(porchlight, person, ends_at=clock.now(), canceled_at=clock.now())
        elif how == "downgraded":
            await change(porchlight, person, plan_key="free")
        else:
            with app.database.bound():
                trial = await Trial.get(user_id=person.user_id)
                await trial.delete()
            await app.bus.publish("trials.changed", str(trial.id))
        await ended(connection)
    await until_true(lambda: not app.trials_changed._waiting and not app.recommendations_changed._waiting)


async def until_true(condition: Any) -> None:
    async def holds() -> bool:
        await asyncio.sleep(0)
        return bool(condition())

    await until(holds)


async def test_what_does_not_end_it(porchlight: Porchlight, clock: ManualClock) -> None:
    """An extension moves the end, a cancellation keeps access until then; the client's end leaves nothing open."""
    person = await porchlight.register()
    without_recommendations(porchlight)
    app = porchlight.app
    await change(porchlight, person, ends_at=clock.now() + timedelta(minutes=1))
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(LIVE)
        await connection.next()
        await until_true(lambda: bool(app.trials_changed._waiting))
        until_then = clock.now() + timedelta(minutes=10)
        await change(porchlight, person, ends_at=until_then, canceled_at=clock.now())
        await clock.advance(timedelta(minutes=5))
        await porchlight.ask('mutation { setInterests(topics: ["sql"]) { topic } }', token=person.access_token)
        assert (await connection.next()).keys() == {"data"}
        await connection.send(id="1", type="complete")
        await until_true(lambda: not app.trials_changed._waiting and not app.recommendations_changed._waiting)


async def context_of(porchlight: Porchlight, person: Person, **more: Any) -> Context:
    """What a request of somebody carries."""
    row = await UserRow.get(id=person.user_id)
    session = await Session.get(user_id=person.user_id)
    return Context(porchlight.app, Client(), Viewer(row, session), **more)


async def numbers(*, fail: bool) -> AsyncGenerator[int, None]:
    await asyncio.sleep(0)
    yield 1
    if fail:
        raise LookupError("broken")


async def test_a_guarded_stream_that_ends_ends(porchlight: Porchlight) -> None:
    """Its last event is the last, and its own failure is the one that is told."""
    person = await porchlight.register()
    without_recommendations(porchlight)
    guard = Entitled("recommendations")
    with porchlight.app.database.bound():
        context = await context_of(porchlight, person)
        assert [event async for event in guard._while_entitled(context, numbers(fail=False))] == [1]
        with pytest.raises(LookupError, match="broken"):
            assert [event async for event in guard._while_entitled(context, numbers(fail=True))] == []
    assert porchlight.app.trials_changed._waiting == {}


async def test_a_mutation_sees_what_the_one_before_it_did(porchlight: Porchlight, clock: ManualClock) -> None:
    """In one document: the trial ends between two guarded fields, and the second one is refused."""
    person = await porchlight.register()
    without_recommendations(porchlight)

    async def end_it() -> str | None:
        await change(porchlight, person, ends_at=clock.now())
        return "done"

    @strawberry.type
    class Nothing:
        nothing: str = ""

    field: Any = strawberry.field

    @strawberry.type
    class Ending:
        end: str | None = field(end_it, extensions=guards(Entitled("recommendations")))

    with porchlight.app.database.bound():
        context = await context_of(porchlight, person, changing=True)
        await context.loaders.trial_by_user.load(person.user_id)
        result = await strawberry.Schema(Nothing, Ending).execute("mutation { a: end b: end }", context_value=context)
    assert result.data == {"a": "done", "b": None}
    assert [type(error.original_error) for error in result.errors or []] == [NotEntitled]


def test_each_feature_that_is_asked_for_is_sold() -> None:
    """A guard that names no feature of any plan would let nobody in."""
    sold = {feature.key for plan in read_catalogue().plans.values() for feature in plan.features}
    asked = {
        guard.to
        for of in (Query, Mutation, Subscription, User, TrialType)
        for field in get_object_definition(of, strict=True).fields
        for guard in field.extensions
        if isinstance(guard, Entitled)
    }
    assert asked == {"recommendations", "image-analysis"}
    assert asked <= sold


# ── the plan file ───────────────────────────────────────────────────────────────────────────────────────────────────

FILE = """
version: 1
base: a
meters: [{key: m, name: M, window: DAY, self_reported: true}]
trial: {plan: a, days: 1, at_end: cancel}
plans: [{key: a, name: A, description: A, interval: MONTH, price: {EUR: 1}, features: {m: 3, f: true}}]
"""


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("window: DAY", "window: WEEK", r"meters\.m\.window"),
        ("window: DAY, ", "", r"meters\.m\.window"),
        ("self_reported: true", "self_reported: maybe", r"meters\.m\.self_reported"),
        (", self_reported: true", "", r"meters\.m\.self_reported"),
        ("name: M, ", "", "name"),
        ("m: 3", "m: -1", r"a\.features\.m"),
        ("m: 3", "m: 1.5", r"a\.features\.m"),
        ("m: 3", "m: true", r"a\.features\.m"),
        ("m: 3", "m: null", r"a\.features\.m"),
        ("m: 3", "m: 9007199254740993", r"a\.features\.m"),
        ("m: 3", "x: 3", r"a\.features\.x: .* there is no meter x"),
        ("base: a", "base: b", "base: there is no plan b"),
        ("base: a", "", "base"),
        ("plan: a", "plan: b", r"trial\.plan"),
        ("days: 1", "days: 0", r"trial\.days"),
        ("[{key: m", "[{key: m, name: M, window: DAY, self_reported: true}, {key: m", "two meters"),
    ],
)
def test_a_plan_file_with_a_fault_says_where(tmp_path: Path, before: str, after: str, named: str) -> None:
    """The plan or the meter, and the field."""
    file = tmp_path / "plans.yaml"
    file.write_text(FILE.replace(before, after, 1))
    with pytest.raises(CatalogueError, match=named):
        read_catalogue(file)


def test_features_of_meters(tmp_path: Path) -> None:
    """A number, no limit, or not at all; a file need not have meters."""
    file = tmp_path / "plans.yaml"
    for value, told in (("3", (True, 3)), ("0", (False, 0)), ("false", (False, 0)), ("unlimited", (True, None))):
        file.write_text(FILE.replace("m: 3", f"m: {value}"))
        feature = read_catalogue(file).plans["a"].features[0]
        assert (feature.enabled, feature.limit) == told
    file.write_text(FILE.replace("m: 3, ", "").replace("meters:", "none:"))
    assert read_catalogue(file).meters == {}


def test_windows() -> None:
    """Calendar days and months in UTC, across the end of a year; and the one that never ends."""
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert period_of(Window.DAY, late) == Period("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC))
    assert period_of(Window.MONTH, late) == Period("2026-12", datetime(2027, 1, 1, tzinfo=UTC))
    assert period_of(Window.NONE, late) == Period("always", None)
    east = datetime(2027, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert period_of(Window.DAY, east) == period_of(Window.DAY, late)
