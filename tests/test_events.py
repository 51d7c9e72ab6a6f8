"""Events that are answered by a plan: the bytes that execution gives, and execution where there is no plan."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from engine import events
from engine.events import EventExecutor
from engine.plain import Plain
from schema.context import Context
from schema.limits import DocumentLimits
from schema.trials import TrialTick
from services.trials import Tick, TrialStatus
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import Connection, Porchlight
from tests.services.valkey import until
from web.sockets.protocol import framed

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
    text = str(await asyncio.wait_for(connection.raw.recv(), 20))
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


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """What was written of events that came after the first; None for what was left to execution."""
    found: list[bytes | None] = []
    encode = Plain.encode

    def encoded(plain: Plain, event: Any) -> bytes | None:
        found.append(encode(plain, event))
        return found[-1]

    monkeypatch.setattr(Plain, "encode", encoded)
    return found


async def test_further_events_are_what_a_first_one_is(
    porchlight: Porchlight, clock: ManualClock, delivered: list[bytes | None]
) -> None:
    """They go straight to the socket, byte for byte as by way of an answer, and each forgets what was read before."""
    person = await porchlight.register()
    async with (
        porchlight.connect(token=person.access_token) as straight,
        porchlight.connect(token=person.access_token) as anew,
    ):
        for document in PLAIN:
            await straight.subscribe(document, "1", **VARIABLES)
            await straight.receive()
            assert delivered == []
            await clock.run(35)
            first = await first_of(anew, document)
            while str(await asyncio.wait_for(straight.raw.recv(), 20)) != first:
                pass
            await straight.send(id="1", type="complete")
            await until(lambda: porchlight.app.countdown.subscribers == 0)
            assert None not in delivered
            delivered.clear()


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_wrong_event_between_right_ones_is_executed(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, delivered: list[bytes | None]
) -> None:
    """In its place among the others, with its errors, which are counted; the operation goes on."""
    person = await porchlight.register()
    renewed: list[Context] = []

    def renew(context: Context) -> None:
        renewed.append(context)

    monkeypatch.setattr(Context, "renew", renew)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe("subscription { trialCountdown { endsAt version } }")
        await connection.next()
        for made, data, _ in ANSWERS.values():
            monkeypatch.setattr(TrialTick, "of", made)
            await clock.run(1)
            assert (await connection.next())["data"] == {"trialCountdown": data}
        await until(lambda: len(renewed) == 1 + len(ANSWERS))
    assert [data is None for data in delivered] == [not by_plan for _, _, by_plan in ANSWERS.values()]
    errors = porchlight.app.metrics.registry.get_sample_value("porchlight_errors_total", {"code": "INTERNAL"})
    assert errors == 4


@pytest.mark.parametrize("executor", ["compiled", "interpreted"])
@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_what_is_not_plain_is_compiled_once_for_all(
    start: Start, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    """From the second event of a document on, unless an operator has it interpreted: the same answers."""
    compiled: list[EventExecutor] = []
    make = events._compiled

    def counted(executor: EventExecutor) -> Any:
        compiled.append(executor)
        return make(executor)

    monkeypatch.setattr(events, "_compiled", counted)
    porchlight = await start(graphql_executor=executor)
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COMPUTED, "1")
        await connection.subscribe(COMPUTED, "2")
        for second in range(4):
            found = [await connection.receive() for _ in range(2)]
            expected = {"trialCountdown": {"version": 1, "trial": {"seconds": 1_209_600 - second}}}
            assert [message["payload"] for message in found] == [{"data": expected}] * 2
            assert {message["id"] for message in found} == {"1", "2"}
            await clock.run(1)
    assert len(compiled) == (executor == "compiled")


def test_frames_are_those_of_the_library() -> None:
    """Each length of RFC 6455."""
    for size in (0, 125, 126, 65_535, 65_536):
        text = b"a" * size
        assert framed(text) == Frame(Opcode.TEXT, text).serialize(mask=False)


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
