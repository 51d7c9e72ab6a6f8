"""Trials: what a row means at a moment, extending, and the plans behind them."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import AuditEvent, Role, Session, Trial, User
from services import access, trials
from services.access import Permission
from services.audit import Action
from services.billing import CatalogueError, read_catalogue
from services.trials import FINAL, TrialStatus, has_access, next_change, progress, seconds_left, trial_status
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, promote, staff

PLAN = "key: a, name: A, description: A"
TRIAL = "trial: {plan: a, days: 1, at_end: pause}\nplans: "
BACK_TO_A, BACK_TO_B = "bill, revert_to: a", "bill, revert_to: b"
EXTEND = """
mutation($user: ID!, $days: Int!, $reason: String!) {
  extendTrial(userId: $user, days: $days, reason: $reason) {
    __typename
    ... on ExtendTrialSuccess { trial { status endsAt secondsLeft } }
  }
}
"""


def row(days: float = 14, **decided: bool) -> Trial:
    """A trial that began at START; what is decided was decided on its first day."""
    moments = {f"{name}_at": START + timedelta(hours=1) for name, yes in decided.items() if yes}
    return Trial(
        id=1, plan_key="pro-monthly", started_at=START, ends_at=START + timedelta(days=days), version=1, **moments
    )


@pytest.mark.parametrize(
    ("after", "status", "left"),
    [
        (timedelta(0), TrialStatus.ACTIVE, 1_209_600),
        (timedelta(days=11, microseconds=-1), TrialStatus.ACTIVE, 259_201),
        (timedelta(days=11), TrialStatus.ENDING, 259_200),
        (timedelta(days=14, microseconds=-1), TrialStatus.ENDING, 1),
        (timedelta(days=14), TrialStatus.EXPIRED, 0),
        (timedelta(days=400), TrialStatus.EXPIRED, 0),
        (timedelta(days=-1), TrialStatus.ACTIVE, 1_296_000),
    ],
)
def test_time_alone_moves_a_trial(after: timedelta, status: TrialStatus, left: int) -> None:
    """Active, ending in its last three days, expired at its end and not before; a clock set back harms nothing."""
    assert (trial_status(row(), START + after), seconds_left(row(), START + after)) == (status, left)


@pytest.mark.parametrize("after", [timedelta(days=1), timedelta(days=13), timedelta(days=20)])
def test_what_was_decided_goes_before_time(after: timedelta) -> None:
    """Converted and canceled stay so; converted wins, since it was paid for."""
    now = START + after
    assert trial_status(row(converted=True), now) is TrialStatus.CONVERTED
    assert trial_status(row(canceled=True), now) is TrialStatus.CANCELED
    assert trial_status(row(converted=True, canceled=True), now) is TrialStatus.CONVERTED
    assert seconds_left(row(canceled=True), now) == 0


def test_progress_goes_from_nothing_to_all() -> None:
    """And stays within its bounds."""
    found = [progress(row(), START + timedelta(days=days)) for days in (-5, 0, 7, 14, 99)]
    assert found == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert progress(row(days=0), START) == 1.0


def meaning(trial: Trial, now: datetime) -> tuple[TrialStatus, bool]:
    return trial_status(trial, now), has_access(trial, now)


@given(st.floats(0.01, 60), st.integers(-86_400, 70 * 86_400), st.booleans(), st.booleans())
def test_the_next_change_is_the_next_change(days: float, after: int, converted: bool, canceled: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- hypothesis gives them in order
    """Nothing changes before the moment that is announced, something does at it, and nothing follows the last."""
    trial, now = row(days, converted=converted, canceled=canceled), START + timedelta(seconds=after)
    moment = next_change(trial, now)
    if moment is None:
        assert trial_status(trial, now) in FINAL
        assert meaning(trial, now + timedelta(days=10_000)) == meaning(trial, now)
    else:
        assert meaning(trial, moment - timedelta(microseconds=1)) == meaning(trial, now)
        assert meaning(trial, moment) != meaning(trial, now)


async def extend(
    porchlight: Porchlight, actor: Person, whose: Person, days: int, reason: str = "asked"
) -> dict[str, object]:
    variables = {"user": whose.registered["user"]["id"], "days": days, "reason": reason}
    result: dict[str, object] = (await porchlight.ask(EXTEND, variables, token=actor.access_token))["extendTrial"]
    return result


async def unchanged(porchlight: Porchlight, person: Person) -> None:
    """The trial ends when it did, and nothing was written down."""
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
        assert (trial.ends_at, trial.version) == (START + timedelta(days=14), 1)
        assert not await AuditEvent.filter(action=Action.TRIAL_EXTENDED).exists()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMIN])
async def test_extending_asks_for_a_fresh_second_factor(porchlight: Porchlight, clock: ManualClock, role: Role) -> None:
    """A password is not enough for staff, and ten minutes later the factor has to be used again."""
    person, actor = await porchlight.register(), await porchlight.register("actor@example.com")
    variables = {"user": id_of(person), "days": 365, "reason": "asked"}
    with porchlight.app.database.bound():
        await User.filter(id=actor.user_id).update(role=role)
    assert await porchlight.codes(EXTEND, variables, token=actor.access_token) == ["STEP_UP_REQUIRED"]
    await promote(porchlight, actor, role)
    with porchlight.app.database.bound():
        await Session.filter(user_id=actor.user_id).update(factor_at=clock.now() - timedelta(seconds=601))
    assert await porchlight.codes(EXTEND, variables, token=actor.access_token) == ["STEP_UP_REQUIRED"]
    await unchanged(porchlight, person)
    with porchlight.app.database.bound():
        await Session.filter(user_id=actor.user_id).update(factor_at=clock.now() - timedelta(seconds=600))
    assert await porchlight.codes(EXTEND, variables, token=actor.access_token) == []


async def test_the_table_of_permissions_governs_extending(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Support without that permission extends nothing, and learns nothing of who has a trial."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    without = access.PERMISSIONS[Role.SUPPORT] - {Permission.EXTEND_TRIALS}
    monkeypatch.setitem(access.PERMISSIONS, Role.SUPPORT, without)
    for user in (id_of(person), "VXNlcjo5OTk"):
        variables = {"user": user, "days": 7, "reason": "asked"}
        assert await porchlight.codes(EXTEND, variables, token=actor.access_token) == ["FORBIDDEN"]
    await unchanged(porchlight, person)


async def test_support_extends_a_trial_from_its_end(porchlight: Porchlight) -> None:
    """Seven days more, told in the answer."""
    actor, person = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    assert await extend(porchlight, actor, person, 7) == {
        "__typename": "ExtendTrialSuccess",
        "trial": {"status": "ACTIVE", "endsAt": "2026-03-23T09:00:00+00:00", "secondsLeft": 21 * 86_400},
    }


async def test_an_expired_trial_is_extended_from_now(porchlight: Porchlight, clock: ManualClock) -> None:
    """The days that were asked for are the days that are given."""
    actor, person = await staff(porchlight, Role.ADMIN), await porchlight.register()
    await clock.advance(timedelta(minutes=9))
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(
            started_at=clock.now() - timedelta(days=17), ends_at=clock.now() - timedelta(days=3)
        )
    result = await extend(porchlight, actor, person, 1)
    assert result["trial"] == {"status": "ENDING", "endsAt": "2026-03-03T09:09:00+00:00", "secondsLeft": 86_400}


async def test_ten_extensions_at_once_all_count(porchlight: Porchlight) -> None:
    """Each is one conditional update on the version: none is lost."""
    actor, person = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    await asyncio.gather(*(extend(porchlight, actor, person, 1) for _ in range(10)))
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    assert (trial.ends_at, trial.version) == (START + timedelta(days=24), 11)


@pytest.mark.parametrize("decided", ["converted_at", "canceled_at"])
async def test_what_is_decided_is_not_extended(porchlight: Porchlight, decided: str) -> None:
    """A refusal by name, and the row stays as it was."""
    actor, person = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(**{decided: START})
    assert await extend(porchlight, actor, person, 7) == {"__typename": "TrialNotExtendable"}
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    assert (trial.ends_at, trial.version) == (START + timedelta(days=14), 1)


@pytest.mark.parametrize(
    ("days", "reason", "code"),
    [
        (0, "x", "BAD_USER_INPUT"),
        (-1, "x", "BAD_USER_INPUT"),
        (366, "x", "BAD_USER_INPUT"),
        (1, " ", "BAD_USER_INPUT"),
        (1, "x" * 501, "BAD_USER_INPUT"),
    ],
)
async def test_extensions_are_bounded(porchlight: Porchlight, days: int, reason: str, code: str) -> None:
    """From one day to a year, for a reason."""
    actor, person = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    variables = {"user": person.registered["user"]["id"], "days": days, "reason": reason}
    assert await porchlight.codes(EXTEND, variables, token=actor.access_token) == [code]


@pytest.mark.parametrize("user", ["VXNlcjo5OTk", "VHJpYWw6MQ", "no id", "", "VXNlcjphYmM"])
async def test_an_unknown_user_has_no_trial_to_extend(porchlight: Porchlight, user: str) -> None:
    """Unknown, of another type or malformed: not found, and never forbidden."""
    actor = await staff(porchlight, Role.SUPPORT)
    assert await porchlight.codes(EXTEND, {"user": user, "days": 1, "reason": "x"}, token=actor.access_token) == [
        "NOT_FOUND"
    ]


async def test_plans_are_public(porchlight: Porchlight) -> None:
    """The whole catalogue, prices in minor units, in the currency asked for or the default one."""
    query = """{ plans {
      key interval trialDays features { feature enabled limit }
      price { amount currency } usd: price(currency: "usd") { amount } yen: price(currency: "JPY") { amount }
    } }"""
    plans = (await porchlight.ask(query))["plans"]
    assert [(plan["key"], plan["interval"], plan["trialDays"]) for plan in plans] == [
        ("free", "MONTH", 0),
        ("pro-monthly", "MONTH", 14),
        ("pro-yearly", "YEAR", 0),
    ]
    assert plans[1]["price"] == {"amount": 1900, "currency": "EUR"}
    assert (plans[1]["usd"], plans[1]["yen"]) == ({"amount": 2100}, None)
    assert {"feature": "image-analysis", "enabled": True, "limit": 500.0} in plans[1]["features"]
    assert {"feature": "priority-support", "enabled": False, "limit": None} in plans[0]["features"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "plans: []",
        "trial: {plan: a, days: 14, at_end: pause}\nplans: []",
        f"{TRIAL.replace('1', '0')}[{{{PLAN}, interval: MONTH, price: {{EUR: 1}}, features: {{}}}}]",
        f"{TRIAL}[{{{PLAN}, interval: WEEK, price: {{EUR: 1}}, features: {{}}}}]",
        f"{TRIAL}[{{{PLAN}, interval: MONTH, price: {{EUR: 1.5}}, features: {{}}}}]",
        f"{TRIAL}[{{{PLAN}, interval: MONTH, price: {{}}, features: {{}}}}]",
        f"{TRIAL.replace('pause', 'revert')}[{{{PLAN}, interval: MONTH, price: {{EUR: 0}}, features: {{}}}}]",
        f"{TRIAL.replace('pause', 'never')}[{{{PLAN}, interval: MONTH, price: {{EUR: 0}}, features: {{}}}}]",
        f"{TRIAL.replace('pause', BACK_TO_A)}[{{{PLAN}, interval: MONTH, price: {{EUR: 1}}, features: {{}}}}]",
        f"{TRIAL.replace('pause', BACK_TO_B)}[{{{PLAN}, interval: MONTH, price: {{EUR: 0}}, features: {{}}}}]",
    ],
)
def test_a_catalogue_that_cannot_be_sold_is_refused(tmp_path: Path, text: str) -> None:
    """At start, with the file's name."""
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(CatalogueError, match=r"plans\.yaml"):
        read_catalogue(file)


def test_two_plans_with_one_key_are_refused(tmp_path: Path) -> None:
    """One of them could never be bought."""
    plan = "{key: a, name: A, description: A, interval: MONTH, price: {EUR: 1}, features: {x: 3}}"
    file = tmp_path / "plans.yaml"
    file.write_text(f"trial: {{plan: a, days: 1, at_end: pause}}\nplans: [{plan}, {plan}]")
    with pytest.raises(CatalogueError, match="same key"):
        read_catalogue(file)


async def test_a_trial_that_is_unknown_has_no_countdown(start: Start) -> None:
    """The service says so before anything is opened."""
    door = await start()
    from core.errors import NotFound

    with door.app.database.bound(), pytest.raises(NotFound):
        await trials.watch(door.app, 99, 1)
