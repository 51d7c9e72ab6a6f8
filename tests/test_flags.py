"""Feature flags through the door: who has what, who sets it, who has met it."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tortoise.exceptions import IntegrityError, OperationalError

from adapters.flags import OpenFeatureFlags, Reason, Resolution
from core.errors import BadUserInput, Forbidden, NotFound
from models import AuditEvent, Event, FeatureFlag, Role, Session, User
from schema.context import Context
from schema.directives import Flag
from services import flags
from services.access import Viewer
from services.flags import exposing
from services.flags.changing import buckets_of
from services.sessions import Client
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until
from tests.staff import promote, staff

FLAGS = "query Flags($keys: [String!]) { featureFlags(keys: $keys) { key enabled variant } }"
SETTINGS = "{ featureFlagSettings { key description rolloutPercent killed version } }"
SET = """
mutation Set($key: String!, $percent: Float!, $killed: Boolean) {
  setFeatureFlag(key: $key, rolloutPercent: $percent, killed: $killed) { key rolloutPercent killed version }
}
"""
PREVIEW = 'query { planChangePreview(planId: "UGxhbjpwcm8teWVhcmx5") { dueNow { amount } } }'
DECLARED = """
flags:
  - {key: plain, description: For everybody.}
  - {key: open, description: On by default., default: on}
  - {key: split, description: With variants., default: on, variants: {a: 1, b: 1}}
  - {key: paid, description: For a plan., default: on, plans: [pro-monthly]}
  - {key: crew, description: For the staff., default: on, roles: [ADMIN, SUPPORT], measured: off}
  - {key: plan-change-preview, description: A field's., default: on, measured: off}
"""


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- exposures are written when the tests say so
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes write what they have noted when they are told to, or end."""
    monkeypatch.setattr("services.flags.keeping.WRITE_EVERY", 3600)


@pytest.fixture
def begin(start: Start, tmp_path: Path) -> Start:
    """Start a server with the flags of this file."""
    file = tmp_path / "flags.yaml"
    file.write_text(DECLARED)

    async def beginning(**changes: Any) -> Porchlight:
        porchlight = await start(**changes)
        porchlight.app.flags.declared = flags.read_flags(file, plans=porchlight.app.catalogue.plans)
        return porchlight

    return beginning


@pytest.fixture
async def house(begin: Start) -> Porchlight:
    """A running server with the flags of this file."""
    return await begin()


async def seen(
    porchlight: Porchlight, person: Person | None = None, keys: Sequence[str] | None = None
) -> dict[str, Any]:
    """The flags as somebody sees them: whether each is on, or the variant of one that is."""
    data = await porchlight.ask(FLAGS, {"keys": keys}, token=person.access_token if person else None)
    return {flag["key"]: flag["variant"] or flag["enabled"] for flag in data["featureFlags"]}


async def put(porchlight: Porchlight, admin: Person, key: str, percent: float, killed: bool | None = None) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- the mutation's form
    values = {"key": key, "percent": percent, "killed": killed}
    return (await porchlight.ask(SET, values, token=admin.access_token))["setFeatureFlag"]


async def exposures(porchlight: Porchlight) -> list[tuple[int, Any]]:
    """What was written so far, of whom."""
    await porchlight.app.flags.write()
    with porchlight.app.database.bound():
        rows = await Event.filter(name="flag.exposed").order_by("user_id", "id")
    return [(row.user_id, row.properties) for row in rows]


# ── who has what ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_anonymous_have_what_everybody_has(house: Porchlight) -> None:
    """They are in no experiment, and nothing is written down of them."""
    expected = {"plain": False, "open": True, "split": True, "paid": False, "crew": False, "plan-change-preview": True}
    with house.counting_queries() as statements:
        assert await seen(house) == expected
    assert statements == []
    admin = await staff(house, Role.ADMIN)
    await put(house, admin, "open", 99.99)
    assert (await seen(house, keys=["open"])) == {"open": False}
    assert await exposures(house) == []


async def test_a_flag_is_meant_for_roles_and_plans_as_they_are_now(house: Porchlight, clock: ManualClock) -> None:
    """The plan of a trial ends with it, in the middle of a session; a role counts from when it is given."""
    person = await house.register()
    assert await seen(house, person, ["paid", "crew"]) == {"paid": True, "crew": False}
    await promote(house, person, Role.SUPPORT)
    assert await seen(house, person, ["crew"]) == {"crew": True}
    await promote(house, person, Role.USER)
    await clock.advance(timedelta(days=13, hours=23, minutes=55))
    person.access_token = (await house.refresh(person.refresh_token))["tokens"]["accessToken"]
    assert await seen(house, person, ["paid", "crew"]) == {"paid": True, "crew": False}
    await clock.advance(timedelta(minutes=5))
    assert await seen(house, person, ["paid"]) == {"paid": False}


async def test_asking_costs_no_write_and_no_read_that_no_flag_needs(house: Porchlight) -> None:
    """One statement finds the viewer and their trial, one what they bought where a flag is meant for plans."""
    person = await house.register()
    await house.ask("{ me { id } }", token=person.access_token)
    for keys, count in ((["open", "split", "no-such-flag", "open"], 1), (["paid"], 2), (None, 2)):
        with house.counting_queries() as statements:
            found = await seen(house, person, keys)
        assert len(statements) == count, statements
        assert not [each for each in statements if not each.lstrip().startswith("SELECT")]
        assert len(found) == (len(house.app.flags.declared) if keys is None else len(set(keys) - {"no-such-flag"}))


# ── @flag ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_field_behind_a_flag_is_not_there_without_it(house: Porchlight) -> None:
    """NOT_FOUND before anything is asked of anybody; who is not signed in hears of that first."""
    admin, person = await staff(house, Role.ADMIN), await house.register()
    assert await house.codes(PREVIEW, token=person.access_token) == ["NOT_FOUND"]  # they have no subscription
    await put(house, admin, "plan-change-preview", 100, killed=True)
    with house.counting_queries() as statements:
        answer = (await house.post(PREVIEW, token=person.access_token)).json()
    assert answer["data"] == {"planChangePreview": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
    assert len(statements) == 1
    assert await house.codes(PREVIEW) == ["UNAUTHENTICATED"]
    assert await exposures(house) == []


async def test_the_guard_knows_what_the_operation_has_changed(house: Porchlight) -> None:
    """A mutation before it may have ended the plan: rows are read anew. A flag that there is not lets nobody pass."""
    person = await house.register()
    app = house.app
    with app.database.bound():
        user, session = await User.get(id=person.user_id), await Session.get(user_id=person.user_id)
        context = Context(app, Client(ip="127.0.0.1", user_agent=""), Viewer(user, session))
        context.changing = True
        await Flag("paid").check(context, "field", {})
        trial = await context.loaders.trial_by_user.load(user.id)
        assert trial is not None
        trial.ends_at = app.clock.now()
        await trial.save(update_fields=["ends_at"])
        for key in ("paid", "no-such-flag"):
            with pytest.raises(NotFound):
                await Flag(key).check(context, "field", {})
        context.viewer = None
        await Flag("open").check(context, "field", {})


# ── setting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_administrators_with_a_second_factor_set_flags(house: Porchlight, clock: ManualClock) -> None:
    """Nothing changes for anybody else, and the service asks by itself."""
    admin, support, person = await staff(house, Role.ADMIN), await staff(house, Role.SUPPORT), await house.register()
    values = {"key": "plain", "percent": 100}
    for token, code in (
        (None, "UNAUTHENTICATED"),
        (person.access_token, "FORBIDDEN"),
        (support.access_token, "FORBIDDEN"),
    ):
        assert await house.codes(SET, values, token=token) == [code]
        assert await house.codes(SETTINGS, token=token) == [code]
    await clock.advance(timedelta(minutes=10, seconds=1))
    admin.access_token = (await house.refresh(admin.refresh_token))["tokens"]["accessToken"]
    assert await house.codes(SET, values, token=admin.access_token) == ["STEP_UP_REQUIRED"]
    with house.app.database.bound():
        assert await FeatureFlag.all().count() == 0
        user = await User.get(id=support.user_id)
        client = Client(ip="127.0.0.1", user_agent="")
        with pytest.raises(Forbidden):
            await flags.put(house.app, "plain", rollout_percent=1, killed=None, actor=user, client=client)
        with pytest.raises(Forbidden):
            await flags.settings(house.app, user)


async def test_setting_is_seen_at_once_counted_and_audited(house: Porchlight) -> None:
    """Killed stays killed until it is said otherwise; the log has what was and what is."""
    admin = await staff(house, Role.ADMIN)
    assert await seen(house, admin, ["plain"]) == {"plain": False}
    with house.counting_queries() as statements:
        changed = await put(house, admin, "plain", 100)
    assert changed == {"key": "plain", "rolloutPercent": 100.0, "killed": False, "version": 1}
    assert len([each for each in statements if "feature_flags" in each or "audit" in each]) == 5, statements
    assert await seen(house, admin, ["plain"]) == {"plain": True}
    await put(house, admin, "plain", 100, killed=True)
    assert await seen(house, admin, ["plain"]) == {"plain": False}
    assert await put(house, admin, "plain", 50.01) == {
        "key": "plain", "rolloutPercent": 50.01, "killed": True, "version": 3,
    }  # fmt: skip
    await put(house, admin, "plain", 100, killed=False)
    assert await seen(house, admin, ["plain"]) == {"plain": True}
    settings = (await house.ask(SETTINGS, token=admin.access_token))["featureFlagSettings"]
    assert [(each["key"], each["rolloutPercent"], each["version"]) for each in settings] == [
        ("plain", 100.0, 4), ("open", 100.0, 0), ("split", 100.0, 0), ("paid", 100.0, 0), ("crew", 100.0, 0),
        ("plan-change-preview", 100.0, 0),
    ]  # fmt: skip
    with house.app.database.bound():
        rows = await AuditEvent.filter(action="flag.set").order_by("id")
    assert {(row.subject, row.actor_id) for row in rows} == {("FeatureFlag:plain", admin.user_id)}
    assert rows[2].data == {"from": 100.0, "was_killed": True, "to": 50.01, "killed": True, "version": 3}


async def test_two_who_set_the_same_flag_are_both_written_down(begin: Start) -> None:
    """On two processes at one moment: each version is one of them, the last holds on both, whoever it was."""
    here, there = await begin(), await begin()
    admin = await staff(here, Role.ADMIN)
    sides = [here, there] * 4
    await asyncio.gather(*(put(side, admin, "plain", number) for number, side in enumerate(sides)))
    with here.app.database.bound():
        row = await FeatureFlag.get(key="plain")
        events = await AuditEvent.filter(action="flag.set").order_by("id")
    by_version = sorted((event.data for event in events), key=lambda data: int(data["version"]))
    assert [data["version"] for data in by_version] == list(range(1, 9))
    assert [data["from"] for data in by_version] == [0.0, *(data["to"] for data in by_version[:-1])]
    assert sorted(data["to"] for data in by_version) == list(map(float, range(8)))
    assert (row.version, row.rollout / 100) == (8, by_version[-1]["to"])
    for side in (here, there):
        flag = side.app.flags.declared["plain"]
        await until(lambda side=side, flag=flag: side.app.flags.state_of(flag).rollout == row.rollout)  # type: ignore[misc]


@pytest.mark.parametrize("percent", [-0.01, 100.01, 101, 33.333, 0.005, 1e300])
async def test_percentages_are_whole_hundredths(house: Porchlight, percent: float) -> None:
    """From 0 to 100: anything else is refused and nothing is written."""
    admin = await staff(house, Role.ADMIN)
    values = {"key": "plain", "percent": percent}
    assert await house.codes(SET, values, token=admin.access_token) == ["BAD_USER_INPUT"]
    for raw in ("NaN", "Infinity", "-Infinity"):
        query = 'mutation($p: Float!) { setFeatureFlag(key: "plain", rolloutPercent: $p) { key } }'
        body = json.dumps({"query": query, "variables": {"p": None}}).replace("null", raw)
        answer = await house.http.post(
            "/graphql",
            content=body,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {admin.access_token}"},
        )
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    with house.app.database.bound():
        assert await FeatureFlag.all().count() == 0


def test_hundredths_are_exact() -> None:
    """Each of the 10,001 percentages is its number of buckets, however a float writes it; no infinity is one."""
    assert [buckets_of(number / 100) for number in range(10_001)] == list(range(10_001))
    for percent in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(BadUserInput):
            buckets_of(percent)


async def test_a_flag_that_is_not_declared_is_not_there(house: Porchlight) -> None:
    """Neither one that never was nor one that has left the file, whose row stays and holds when it comes back."""
    admin = await staff(house, Role.ADMIN)
    for key in ("no-such-flag", "", "Ä" * 300):
        values = {"key": key, "percent": 1}
        assert await house.codes(SET, values, token=admin.access_token) == ["NOT_FOUND"]
    await put(house, admin, "open", 100, killed=True)
    gone = house.app.flags.declared.pop("open")
    assert await house.codes(SET, {"key": "open", "percent": 1}, token=admin.access_token) == ["NOT_FOUND"]
    assert await seen(house, admin, ["open"]) == {}
    assert (await house.app.flags.evaluate("open", "1", {})).reason is Reason.ERROR
    settings = (await house.ask(SETTINGS, token=admin.access_token))["featureFlagSettings"]
    assert "open" not in [each["key"] for each in settings]
    house.app.flags.declared["open"] = gone
    assert await seen(house, admin, ["open"]) == {"open": False}


# ── exposures ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_meets_a_flag_is_written_down_once(begin: Start) -> None:
    """By two processes and many requests at one moment: one event a user and flag, of what was decided first."""
    here, there = await begin(), await begin()
    people = [await here.register(f"person{number}@example.com") for number in range(3)]
    tokens = [person.access_token for person in people]
    await asyncio.gather(*(side.ask(FLAGS, token=token) for side in (here, there) for token in tokens * 3))
    await asyncio.gather(here.app.flags.write(), there.app.flags.write())
    found = await exposures(here)
    assert sorted((user_id, told["flag"]) for user_id, told in found) == sorted(
        (person.user_id, flag) for person in people for flag in ("open", "split", "paid")
    )
    assert all(told["enabled"] and (told["variant"] in {"a", "b"}) == (told["flag"] == "split") for _, told in found)
    admin = await staff(here, Role.ADMIN)
    await put(here, admin, "open", 0)
    await until(lambda: there.app.flags.state_of(there.app.flags.declared["open"]).rollout == 0)
    before = len(found)
    there.app.flags.exposures._known.clear()
    await there.ask(FLAGS, token=tokens[0])
    assert len(await exposures(there)) == before


async def test_only_what_a_bucket_has_decided_is_an_exposure(house: Porchlight) -> None:
    """Not at 0 %, not when killed, not for whom it is not meant; who is outside of a rollout is in the figures."""
    admin, person = await staff(house, Role.ADMIN), await house.register()
    await seen(house, person, ["plain", "crew"])
    await put(house, admin, "plain", 50, killed=True)
    await seen(house, person, ["plain"])
    assert await exposures(house) == []
    await put(house, admin, "plain", 0.01, killed=False)
    assert await seen(house, person, ["plain"]) == {"plain": False}
    assert await exposures(house) == [(person.user_id, {"flag": "plain", "enabled": False, "variant": None})]


async def test_exposures_outlive_a_lost_database_and_an_orderly_stop(
    begin: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait, up to a bound; what is beyond it is noted when it happens again. Those of a gone account go."""
    porchlight = await begin()
    exposed = porchlight.app.flags.exposures
    people = [await porchlight.register(f"person{number}@example.com") for number in range(2)]
    on = Resolution(enabled=True, variant=None, reason=Reason.SPLIT)
    now = porchlight.clock.now()

    faults = iter([OperationalError("no connection"), IntegrityError("not of an account")])

    def gone(*_: Any, **__: Any) -> Any:
        raise next(faults)

    with monkeypatch.context() as patch:
        patch.setattr(exposing, "MOST_WAITING", 3)
        patch.setattr(exposing, "MOST_REMEMBERED", 2)
        patch.setattr(Event, "bulk_create", gone)
        for user_id in (people[0].user_id, people[1].user_id, 10**6, 10**6 + 1):
            exposed.note(user_id, "open", on, now)
        await porchlight.app.flags.write()
        assert exposed.waiting == 3
        patch.setattr(exposing, "BATCH", 2)
        await porchlight.app.flags.write()
        assert exposed.waiting == 3
        assert len(exposed._known) == 2
    exposed.note(10**6 + 2, "open", on, now)
    await porchlight.app.flags.write()
    assert exposed.waiting == 0
    assert await exposures(porchlight) == [
        (person.user_id, {"flag": "open", "enabled": True, "variant": None}) for person in people
    ]
    exposed.note(people[0].user_id, "split", on, now)
    await porchlight.app.flags.close()
    assert exposed.waiting == 0
    await porchlight.app.flags.open()
    assert len(await exposures(porchlight)) == 3


# ── the state of a process ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_known_last_is_served_while_the_database_is_away(
    begin: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started meanwhile, a process serves what was declared; both follow when the database is back."""
    porchlight = await begin()
    admin = await staff(porchlight, Role.ADMIN)
    await put(porchlight, admin, "plain", 100)
    await put(porchlight, admin, "open", 100, killed=True)
    keeper = porchlight.app.flags
    looks = asyncio.Event()

    def gone(*_: Any, **__: Any) -> Any:
        looks.set()
        raise OperationalError("no connection")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr("services.flags.keeping.LOOK_EVERY", 0.01)
        patch.setattr("services.flags.keeping.WRITE_EVERY", 0.01)
        patch.setattr(FeatureFlag, "all", gone)
        await asyncio.wait_for(looks.wait(), 20)
        assert (await seen(porchlight))["plain"] is True
        assert (await seen(porchlight))["open"] is False
        cold = flags.FlagKeeper(keeper.declared, OpenFeatureFlags(), porchlight.app.database, porchlight.app.bus)
        await cold.open()
        assert not (await cold.evaluate("plain", "1", {})).enabled
        assert (await cold.evaluate("open", "1", {})).enabled
        on = Resolution(enabled=True, variant=None, reason=Reason.SPLIT)
        cold.exposures.note(admin.user_id, "open", on, porchlight.clock.now())
        await until(lambda: cold.exposures.waiting == 0)
        patch.undo()
        told = {"flags.not_read": 2, "flags.read_again": 2}  # once by each of the two
        await until(lambda: Counter(log["event"] for log in logs if log["event"] in told) == told)
    assert not (await cold.evaluate("open", "1", {})).enabled
    assert (await cold.evaluate("plain", "1", {})).enabled
    await cold.close()
    assert await cold.evaluate("plain", "1", {}) == Resolution(enabled=False, variant=None, reason=Reason.ERROR)
