"""Events that are answered by a plan: the bytes that execution gives, and execution where there is no plan."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from engine import events
from schema.limits import DocumentLimits
from schema.trials import TrialTick
from services.trials import Tick, TrialStatus
from tests.clock import START
from tests.porchlight import Connection, Porchlight

PLAIN = (
    "subscription { trialCountdown { status secondsLeft endsAt serverTime version } }",
    "subscription { c: trialCountdown(everySeconds: 5) { version left: secondsLeft __typename kind: __typename } }",
    "subscription { trialCountdown { version } trialCountdown { secondsLeft version } }",
    """subscription { ...Root }
    fragment Root on Subscription { trialCountdown { ...Beat ... { version } ... on TrialTick { endsAt } } }
    fragment Beat on TrialTick { secondsLeft ...Inner }
    fragment Inner on TrialTick { status secondsLeft }""",
    """subscription($yes: Boolean!, $no: Boolean = false) { trialCountdown {
        status @include(if: $yes) version @skip(if: $yes) endsAt @include(if: $no) secondsLeft @skip(if: $no)
        ... @include(if: $no) { __typename } } }""",
    "subscription A($every: Int) { trialCountdown(everySeconds: $every) { serverTime } }",
)
COMPUTED = "subscription { trialCountdown { version trial { seconds: secondsLeft } } }"
VARIABLES: dict[str, Any] = {"yes": True, "every": 7}


async def first_of(connection: Connection, document: str) -> str:
    """The first event of a subscription as it stands on the wire."""
    await connection.subscribe(document, **VARIABLES)
    text = str(await asyncio.wait_for(connection.raw.recv(), 5))
    await connection.send(id="1", type="complete")
    return text


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What plans have answered."""
    found: list[dict[str, Any]] = []

    def answered(data: dict[str, Any]) -> Any:
        found.append(data)
        return made(data)

    made = events.Answered
    monkeypatch.setattr(events, "Answered", answered)
    return found


def without_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on GraphQL executes every event."""
    monkeypatch.delattr(events, "plain_of")


async def test_a_plan_answers_as_execution_does(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, planned: list[dict[str, Any]]
) -> None:
    """Aliases, fragments, `__typename`, merged selections, variables, `@skip` and `@include`: byte for byte."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        by_plan = [await first_of(connection, document) for document in PLAIN]
        assert len(planned) == len(PLAIN)
        assert await first_of(connection, COMPUTED) == (
            '{"id":"1","type":"next","payload":{"data":{"trialCountdown":{"version":1,"trial":{"seconds":1209600}}}}}'
        )
        without_plans(monkeypatch)
        assert by_plan == [await first_of(connection, document) for document in PLAIN]
    assert len(planned) == len(PLAIN)
    assert json.loads(by_plan[4])["payload"] == {
        "data": {"trialCountdown": {"status": "ACTIVE", "secondsLeft": 1_209_600}}
    }


class Odd(TrialTick):
    """Not the type that was planned for."""


def event(kind: type[TrialTick] = TrialTick, **changed: Any) -> Callable[[Tick], Any]:
    """A tick with other values than it should have."""
    values = {"status": TrialStatus.PAUSED, "seconds_left": 1, "ends_at": None, "server_time": START, "version": 3}
    return lambda _: kind(**{**values, "trial_id": 1, **changed})


ANSWERS: dict[str, tuple[Callable[[Tick], Any], Any, int]] = {
    "null where it may be": (event(), {"endsAt": None, "version": 3}, 1),
    "null where it may not": (event(version=None), None, 0),
    "no number": (event(version="many"), None, 0),
    "a number that is too large": (event(version=2**31), None, 0),
    "no time": (event(ends_at="soon"), {"endsAt": None, "version": 3}, 0),
    "another type": (event(Odd), {"endsAt": None, "version": 3}, 0),
    "nothing": (lambda _: None, None, 0),
}


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_what_is_wrong_is_left_to_execution(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, planned: list[dict[str, Any]]
) -> None:
    """Wrong values, missing ones and other types come to the same answer with a plan and without."""
    person = await porchlight.register()
    document = "subscription { trialCountdown { endsAt version } }"
    with_plan: dict[str, Any] = {}
    async with porchlight.connect(token=person.access_token) as connection:
        for name, (made, data, by_plan) in ANSWERS.items():
            planned.clear()
            monkeypatch.setattr(TrialTick, "of", made)
            found = without_ids(await first_of(connection, document))
            assert found["payload"]["data"] == {"trialCountdown": data}, name
            assert len(planned) == by_plan, name
            with_plan[name] = found
        without_plans(monkeypatch)
        for name, (made, _, _) in ANSWERS.items():
            monkeypatch.setattr(TrialTick, "of", made)
            assert without_ids(await first_of(connection, document)) == with_plan[name], name
        assert [name for name, found in with_plan.items() if "errors" in found["payload"]] == [
            "null where it may not",
            "no number",
            "a number that is too large",
            "no time",
        ]


def without_ids(text: str) -> dict[str, Any]:
    """An answer whose errors name no event of the log."""
    message: dict[str, Any] = json.loads(text)
    for error in message["payload"].get("errors", []):
        del error["extensions"]["errorId"]
    return message


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_what_comes_later_and_what_is_watched_are_executed(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, planned: list[dict[str, Any]]
) -> None:
    """A value that has to be waited for, and extensions that look at each field."""
    person = await porchlight.register()
    document = "subscription { trialCountdown { version } }"
    answer = '{"id":"1","type":"next","payload":{"data":{"trialCountdown":{"version":3}}}}'
    watched: list[str] = []

    def watch(_: Any, go_on: Any, source: Any, info: Any, **arguments: Any) -> Any:
        watched.append(info.field_name)
        return go_on(source, info, **arguments)

    async with porchlight.connect(token=person.access_token) as connection:
        monkeypatch.setattr(TrialTick, "of", event(version=asyncio.sleep(0, 3)))
        assert await first_of(connection, document) == answer
        assert planned == []
        monkeypatch.setattr(TrialTick, "of", event())
        monkeypatch.setattr(DocumentLimits, "resolve", watch)
        assert await first_of(connection, document) == answer
    assert (planned, watched) == ([], ["trialCountdown", "version"])
