"""Usage: who may report what, counted once, never past a limit."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import NotFound
from models import Role, UsageCounter, UsageRecord
from services import usage
from services.billing import read_catalogue
from services.usage import recording, reserving
from tests.clock import ManualClock
from tests.conftest import Start
from tests.plans import limits
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, staff

RECORD = """
mutation Record($input: RecordUsageInput!) {
  recordUsage(input: $input) {
    __typename
    ... on Error { message }
    ... on UsageLimitReached { meter { key used limit remaining } }
    ... on RecordUsageSuccess { duplicate meter { key name used reserved limit remaining resetsAt } }
  }
}
"""
METERS = "{ me { entitlements { feature enabled limit } usage { key used limit remaining resetsAt } } }"
PLAIN: Any = {"meter": "api-calls", "idempotencyKey": "k"}


async def record(porchlight: Porchlight, by: Person, **given: Any) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(RECORD, {"input": {**PLAIN, **given}}, token=by.access_token))[
        "recordUsage"
    ]
    return result


async def insist(porchlight: Porchlight, by: Person, **given: Any) -> dict[str, Any]:
    """Report, and send it again with its key as long as the server is too busy: a slow machine has deadlines too."""
    variables = {"input": {**PLAIN, **given}}
    while True:
        answer = (await porchlight.post(RECORD, variables, token=by.access_token)).json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert codes <= {"UNAVAILABLE"}, answer
        if not codes:
            result: dict[str, Any] = answer["data"]["recordUsage"]
            return result


async def refused(porchlight: Porchlight, by: Person, **given: Any) -> list[str]:
    return await porchlight.codes(RECORD, {"input": {**PLAIN, **given}}, token=by.access_token)


async def stored(porchlight: Porchlight) -> tuple[list[tuple[int, int]], int]:
    """What the counters hold, and how many reports there are."""
    with porchlight.app.database.bound():
        counters = await UsageCounter.all().order_by("id")
        return [(row.used, row.reserved) for row in counters], await UsageRecord.all().count()


async def test_strangers_report_nothing(porchlight: Porchlight) -> None:
    """Not without signing in."""
    assert await porchlight.codes(RECORD, {"input": PLAIN}) == ["UNAUTHENTICATED"]
    assert await stored(porchlight) == ([], 0)


async def test_users_report_what_the_meter_lets_them_and_of_themselves_alone(porchlight: Porchlight) -> None:
    """Another meter, another user and a user that is none are all forbidden: nothing is learnt of who is there."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    assert await refused(porchlight, person, meter="image-analysis") == ["FORBIDDEN"]
    for user in (id_of(other), "VXNlcjo5OTk", "no id"):
        assert await refused(porchlight, person, userId=user) == ["FORBIDDEN"]
    assert await stored(porchlight) == ([], 0)
    assert (await record(porchlight, person, userId=id_of(person)))["meter"]["used"] == 1


async def test_a_report_tells_the_meter(porchlight: Porchlight) -> None:
    """A quantity of one unless it is said; the trial's limit; the month ends at midnight in UTC."""
    person = await porchlight.register()
    assert await record(porchlight, person) == {
        "__typename": "RecordUsageSuccess",
        "duplicate": False,
        "meter": {
            "key": "api-calls",
            "name": "API calls",
            "used": 1.0,
            "reserved": 0.0,
            "limit": 100_000.0,
            "remaining": 99_999.0,
            "resetsAt": "2026-04-01T00:00:00+00:00",
        },
    }


@pytest.mark.parametrize(("role", "codes"), [(Role.SUPPORT, []), (Role.ADMIN, []), (Role.ANALYST, ["FORBIDDEN"])])
async def test_staff_reports_for_others(porchlight: Porchlight, role: Role, codes: list[str]) -> None:
    """Of any meter, who has the permission; a user who is none is not found."""
    person, actor = await porchlight.register(), await staff(porchlight, role)
    assert await refused(porchlight, actor, meter="image-analysis", userId=id_of(person), quantity=7) == codes
    assert await stored(porchlight) == (([], 0) if codes else ([(7, 0)], 1))
    for user in ("VXNlcjo5OTk", "VHJpYWw6MQ", "no id", ""):
        assert await refused(porchlight, actor, userId=user) == (codes or ["NOT_FOUND"])


@pytest.mark.parametrize(
    "given",
    [
        {"meter": "unknown"},
        {"meter": ""},
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": 1.5},
        {"quantity": 2.0**53 + 2},
        {"idempotencyKey": ""},
        {"idempotencyKey": "x" * 101},
        {"idempotencyKey": "a\0"},
    ],
)
async def test_what_cannot_be_counted_is_refused(porchlight: Porchlight, given: dict[str, Any]) -> None:
    """Unknown meters, what is no whole number from 1 to 2^53, keys that no row holds."""
    person = await porchlight.register()
    assert await refused(porchlight, person, **given) == ["BAD_USER_INPUT"]
    assert await stored(porchlight) == ([], 0)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
async def test_what_is_no_number_is_refused(porchlight: Porchlight, number: str) -> None:
    """In JSON or in the document."""
    person = await porchlight.register()
    report = 'recordUsage(input: {meter: "api-calls", quantity: QUANTITY, idempotencyKey: "k"}) { __typename }'
    query = "mutation($q: Float!) { " + report.replace("QUANTITY", "$q") + " }"
    body = json.dumps({"query": query, "variables": {"q": 0}}).replace('"q": 0', f'"q": {number}')
    headers = {"Authorization": f"Bearer {person.access_token}", "Content-Type": "application/json"}
    answer = (await porchlight.http.post("/graphql", content=body, headers=headers)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    query = "mutation { " + report.replace("QUANTITY", number) + " }"
    assert len(await porchlight.codes(query, token=person.access_token)) == 1
    assert await stored(porchlight) == ([], 0)


async def test_the_same_report_is_counted_once(porchlight: Porchlight) -> None:
    """Whoever sends it again; another quantity or meter under its key is a conflict; keys are each user's own."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    actor = await staff(porchlight, Role.SUPPORT)
    assert (await record(porchlight, person, quantity=3))["duplicate"] is False
    for by in (person, actor):
        again = await record(porchlight, by, quantity=3, userId=id_of(person))
        assert (again["duplicate"], again["meter"]["used"]) == (True, 3)
    conflict = {"__typename": "IdempotencyConflict", "message": "This idempotency key has been used with other values."}
    assert await record(porchlight, person, quantity=4) == conflict
    assert await record(porchlight, actor, quantity=3, meter="image-analysis", userId=id_of(person)) == conflict
    assert (await record(porchlight, other, quantity=9))["duplicate"] is False
    assert await stored(porchlight) == ([(3, 0), (9, 0)], 2)


async def test_the_same_report_fifty_times_at_once_is_counted_once(porchlight: Porchlight) -> None:
    """One answer says that it was new."""
    person = await porchlight.register()
    answers = await asyncio.gather(*(insist(porchlight, person, quantity=2) for _ in range(50)))
    assert Counter(answer["duplicate"] for answer in answers) == {True: 49, False: 1}
    assert await stored(porchlight) == ([(2, 0)], 1)


async def test_two_hundred_reports_at_once_at_a_limit_of_one_hundred_give_one_hundred(start: Start) -> None:
    """Exactly, also by two servers: a hundred are counted and a hundred refused, and the refused leave nothing."""
    porchlight = await start()
    servers = [porchlight, await start() if porchlight.app.settings.redis_url else porchlight]
    person = await porchlight.register()
    for server in servers:
        limits(server, **{"api-calls": 100})
    answers = await asyncio.gather(*(insist(servers[n % 2], person, idempotencyKey=f"k{n}") for n in range(200)))
    assert Counter(answer["__typename"] for answer in answers) == {"RecordUsageSuccess": 100, "UsageLimitReached": 100}
    assert await stored(porchlight) == ([(100, 0)], 100)
    counted = sorted(answer["meter"]["used"] for answer in answers if answer["__typename"] == "RecordUsageSuccess")
    assert counted == [float(number) for number in range(1, 101)]


async def test_a_limit_is_reached_and_not_passed(porchlight: Porchlight, clock: ManualClock) -> None:
    """The refusal tells the meter and counts nothing; what still fits passes; the refused key counts next month."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 10})
    await record(porchlight, person, quantity=8)
    assert await record(porchlight, person, quantity=3, idempotencyKey="late") == {
        "__typename": "UsageLimitReached",
        "message": "This would be more than your plan includes.",
        "meter": {"key": "api-calls", "used": 8.0, "limit": 10.0, "remaining": 2.0},
    }
    assert (await record(porchlight, person, quantity=2, idempotencyKey="fits"))["meter"]["remaining"] == 0
    assert await record(porchlight, person, quantity=11, idempotencyKey="never") == {
        "__typename": "UsageLimitReached",
        "message": "This would be more than your plan includes.",
        "meter": {"key": "api-calls", "used": 10.0, "limit": 10.0, "remaining": 0.0},
    }
    await clock.jump(datetime(2026, 4, 1, tzinfo=UTC))
    with porchlight.app.database.bound():
        recorded = await usage.record(porchlight.app, person.user_id, usage.Entry("api-calls", 3, "late"))
    assert (recorded.duplicate, recorded.reading.used) == (False, 3)


async def test_without_a_limit_the_largest_exact_number_is_one(porchlight: Porchlight) -> None:
    """2^53 and no further, so that clients read what is stored."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": "unlimited"})
    full = await record(porchlight, person, quantity=2.0**53)
    assert (full["meter"]["used"], full["meter"]["limit"], full["meter"]["remaining"]) == (2.0**53, None, None)
    assert (await record(porchlight, person, idempotencyKey="one more"))["__typename"] == "UsageLimitReached"


async def test_statements_of_a_report(porchlight: Porchlight) -> None:
    """Viewer, trial, purchases, key, counter; a duplicate reads two rows for counting; a refusal the counter."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    limits(porchlight, **{"api-calls": 5})
    await record(porchlight, actor, idempotencyKey="warm")
    for by, given, count in (
        (person, {"quantity": 5}, 5),
        (person, {"quantity": 5}, 6),
        (person, {"idempotencyKey": "refused"}, 6),
        (actor, {"idempotencyKey": "staff", "userId": id_of(person)}, 7),
    ):
        with porchlight.counting_queries() as statements:
            await record(porchlight, by, **given)
        assert len(statements) == count, statements


def test_the_plan_file_is_ours() -> None:
    """What tests above rely on."""
    meters = read_catalogue().meters
    assert {key: (meter.window, meter.self_reported) for key, meter in meters.items()} == {
        "api-calls": ("MONTH", True),
        "image-analysis": ("MONTH", False),
    }


async def test_key_and_counter_are_written_together_or_not_at_all(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails between the two leaves neither, and the retry counts once."""
    person = await porchlight.register()
    with monkeypatch.context() as patch:
        patch.setattr(recording, "add", failing)
        assert await refused(porchlight, person) == ["INTERNAL"]
    assert await stored(porchlight) == ([], 0)
    assert (await record(porchlight, person))["duplicate"] is False
    assert await stored(porchlight) == ([(1, 0)], 1)


async def failing(*_: Any, **__: Any) -> None:
    await asyncio.sleep(0)
    raise LookupError("in between")


async def nothing(*_: Any, **__: Any) -> list[Any]:
    await asyncio.sleep(0)
    return []


@pytest.mark.parametrize("module", [recording, reserving])
async def test_an_account_that_goes_while_its_duplicate_is_looked_for(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    """Is not found, rather than a fault."""
    person = await porchlight.register()
    monkeypatch.setattr(module, "insert", nothing)
    call = usage.record if module is recording else usage.reserve
    with porchlight.app.database.bound(), pytest.raises(NotFound):
        await call(porchlight.app, person.user_id, usage.Entry("api-calls", 1, "x"))
