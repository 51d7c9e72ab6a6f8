"""Reservations: set aside before costly work, committed or released once, over by themselves."""

import asyncio
from collections import Counter
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from models import Role, UsageReservation, User
from services import usage
from tests.clock import ManualClock
from tests.plans import limits
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, staff
from tests.test_usage import record, stored

RESERVE = """
mutation Reserve($input: ReserveUsageInput!) {
  reserveUsage(input: $input) {
    __typename
    ... on UsageLimitReached { meter { used reserved remaining } }
    ... on ReserveUsageSuccess {
      duplicate reservation { id quantity expiresAt } meter { used reserved remaining }
    }
  }
}
"""
END = """
mutation End($id: ID!, $quantity: Float) {
  end: FIELD {
    __typename
    ... on EndReservationSuccess { duplicate meter { used reserved remaining } }
  }
}
"""
COMMIT = END.replace("FIELD", "commitUsage(id: $id, quantity: $quantity)")
RELEASE = END.replace("FIELD", "releaseUsage(id: $id)").replace(", $quantity: Float", "")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


async def reserve(porchlight: Porchlight, by: Person, quantity: float = 4, key: str = "r", **given: Any) -> Any:
    values = {"meter": "api-calls", "quantity": quantity, "idempotencyKey": key, **given}
    return (await porchlight.ask(RESERVE, {"input": values}, token=by.access_token))["reserveUsage"]


async def end(porchlight: Porchlight, by: Person, query: str, reservation: str, **given: Any) -> Any:
    return (await porchlight.ask(query, {"id": reservation, **given}, token=by.access_token))["end"]


async def made(porchlight: Porchlight, by: Person, quantity: float = 4, key: str = "r", **given: Any) -> str:
    result = await reserve(porchlight, by, quantity, key, **given)
    assert result["__typename"] == "ReserveUsageSuccess", result
    return str(result["reservation"]["id"])


async def test_what_is_reserved_counts_against_the_limit(porchlight: Porchlight) -> None:
    """For ten minutes unless it is said; neither reports nor reservations pass it; the same again is a duplicate."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 10})
    first = await reserve(porchlight, person, 7)
    assert first["reservation"].items() >= {"quantity": 7.0, "expiresAt": "2026-03-02T09:10:00+00:00"}.items()
    assert (first["duplicate"], first["meter"]) == (False, {"used": 0.0, "reserved": 7.0, "remaining": 3.0})
    again = await reserve(porchlight, person, 7)
    assert again == {**first, "duplicate": True}
    assert (await reserve(porchlight, person, 6))["__typename"] == "IdempotencyConflict"
    assert (await reserve(porchlight, person, 4, "other"))["__typename"] == "UsageLimitReached"
    assert (await record(porchlight, person, quantity=4))["__typename"] == "UsageLimitReached"
    assert (await record(porchlight, person, quantity=3))["meter"]["remaining"] == 0
    assert await stored(porchlight) == ([(3, 7)], 1)


async def test_a_commit_counts_what_was_used_and_gives_the_rest_back(porchlight: Porchlight) -> None:
    """The same again changes nothing; another quantity is a conflict; what is committed is not released."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 10})
    reservation = await made(porchlight, person, 7)
    for duplicate in (False, True):
        assert await end(porchlight, person, COMMIT, reservation, quantity=5) == {
            "__typename": "EndReservationSuccess",
            "duplicate": duplicate,
            "meter": {"used": 5.0, "reserved": 0.0, "remaining": 5.0},
        }
    assert (await end(porchlight, person, COMMIT, reservation))["__typename"] == "IdempotencyConflict"
    assert (await end(porchlight, person, RELEASE, reservation))["__typename"] == "ReservationEnded"
    whole = await made(porchlight, person, 2, "whole")
    assert (await end(porchlight, person, COMMIT, whole))["meter"]["used"] == 7
    assert await stored(porchlight) == ([(7, 0)], 0)


async def test_a_release_gives_all_of_it_back(porchlight: Porchlight) -> None:
    """Twice is once, and what is released is not committed."""
    person = await porchlight.register()
    reservation = await made(porchlight, person, 7)
    for duplicate in (False, True):
        ended = await end(porchlight, person, RELEASE, reservation)
        assert (ended["duplicate"], ended["meter"]["reserved"]) == (duplicate, 0)
    assert (await end(porchlight, person, COMMIT, reservation))["__typename"] == "ReservationEnded"
    assert await stored(porchlight) == ([(0, 0)], 0)


async def test_a_reservation_ends_by_itself(porchlight: Porchlight, clock: ManualClock) -> None:
    """After its time it is committed no more, before any job has come by; the job gives back what it held, once."""
    person = await porchlight.register()
    reservation = await made(porchlight, person, 7, seconds=60)
    kept = await made(porchlight, person, 2, "kept", seconds=61)
    await clock.advance(MINUTE)
    assert (await end(porchlight, person, COMMIT, reservation))["__typename"] == "ReservationEnded"
    with porchlight.app.database.bound():
        await asyncio.gather(*(usage.expire(porchlight.app, {}) for _ in range(3)))
    assert await stored(porchlight) == ([(0, 2)], 0)
    assert (await end(porchlight, person, COMMIT, reservation))["__typename"] == "ReservationEnded"
    assert (await end(porchlight, person, RELEASE, reservation))["duplicate"] is True
    assert (await end(porchlight, person, COMMIT, kept))["meter"] == {"used": 2, "reserved": 0, "remaining": 99_998}


async def test_more_than_one_turn_of_the_job(porchlight: Porchlight, clock: ManualClock) -> None:
    """All that have ended are given back, however many there are."""
    person = await porchlight.register()
    now = clock.now()
    with porchlight.app.database.bound():
        await usage.reserve(porchlight.app, person.user_id, usage.Entry("api-calls", 1, "first"), seconds=60)
        (first,) = await UsageReservation.all()
        values: Any = {"user_id": person.user_id, "meter": "api-calls", "period": first.period, "quantity": 1}
        times: Any = {"created_at": now, "expires_at": now}
        more = [UsageReservation(**values, **times, key=f"{n}", idempotency_key=f"{n}") for n in range(1000)]
        await UsageReservation.bulk_create(more)
        await porchlight.app.database.execute("UPDATE usage_counters SET reserved = 1001")
        await usage.expire(porchlight.app, {})
    assert await stored(porchlight) == ([(0, 1)], 0)


@pytest.mark.parametrize("how", ["report", "reservation", "batch"])
async def test_what_has_ended_is_not_in_the_way(porchlight: Porchlight, clock: ManualClock, how: str) -> None:
    """Where the limit would be passed, ended reservations are given back first."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 10})
    await made(porchlight, person, 9, seconds=60)
    await clock.advance(MINUTE)
    if how == "report":
        assert (await record(porchlight, person, quantity=10))["meter"]["used"] == 10
    elif how == "reservation":
        assert (await reserve(porchlight, person, 10, "new"))["meter"]["reserved"] == 10
    else:
        with porchlight.app.database.bound():
            entries = [(person.user_id, usage.Entry("api-calls", quantity, f"{quantity}")) for quantity in (1, 9, 2)]
            results = await usage.record_all(porchlight.app, entries)
        assert [type(result) for result in results] == [usage.Recorded, usage.Recorded, usage.UsageLimitReached]
    with porchlight.app.database.bound():
        assert await UsageReservation.filter(ended_at=None).count() == (how == "reservation")


async def test_a_reservation_is_counted_in_the_window_in_which_it_was_made(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """Work that goes on past midnight of the first: the old month counts it, and the meter shows the new one."""
    person = await porchlight.register()
    app = porchlight.app
    await clock.advance(timedelta(days=29, hours=14, minutes=59))
    with app.database.bound():
        reserved = await usage.reserve(app, person.user_id, usage.Entry("api-calls", 5, "late"), seconds=120)
        assert reserved.row.period == "2026-03"
        await clock.advance(MINUTE)
        ended = await usage.commit(app, await User.get(id=person.user_id), reserved.row.key, None)
    assert (ended.reading.used, ended.reading.reserved) == (0, 0)
    assert await stored(porchlight) == ([(5, 0)], 0)


async def test_one_hundred_reservations_at_once_keep_to_the_limit(porchlight: Porchlight) -> None:
    """Exactly as many as fit, and each is ended once, however many try."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 60})
    results = await asyncio.gather(*(reserve(porchlight, person, 2, f"{n}") for n in range(100)))
    assert Counter(each["__typename"] for each in results) == {"ReserveUsageSuccess": 30, "UsageLimitReached": 70}
    assert await stored(porchlight) == ([(0, 60)], 0)
    ids = [each["reservation"]["id"] for each in results if "reservation" in each]
    ends = [end(porchlight, person, query, each) for each in ids for query in (COMMIT, RELEASE, COMMIT)]
    counts = Counter((each["__typename"], each.get("duplicate")) for each in await asyncio.gather(*ends))
    assert counts["EndReservationSuccess", False] == 30
    ([(used, reserved)], _) = await stored(porchlight)
    with porchlight.app.database.bound():
        assert (used, reserved) == (sum(row.committed or 0 for row in await UsageReservation.all()), 0)


async def test_whose_reservation(porchlight: Porchlight) -> None:
    """Somebody else's is not found, nor is that of a meter which users do not report; staff ends it for them."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    actor = await staff(porchlight, Role.SUPPORT)
    own = await made(porchlight, person)
    costly = await made(porchlight, actor, key="costly", meter="image-analysis", userId=id_of(person))
    for by, reservation in (
        (other, own),
        (person, costly),
        (other, costly),
        (person, "no id"),
        (person, id_of(person)),
    ):
        for query in (COMMIT, RELEASE):
            assert await porchlight.codes(query, {"id": reservation}, token=by.access_token) == ["NOT_FOUND"]
    gone = "VXNhZ2VSZXNlcnZhdGlvbjpnb25l"
    assert await porchlight.codes(COMMIT, {"id": gone}, token=actor.access_token) == ["NOT_FOUND"]
    values = {"input": {"meter": "image-analysis", "idempotencyKey": "x"}}
    assert await porchlight.codes(RESERVE, values, token=person.access_token) == ["FORBIDDEN"]
    assert await stored(porchlight) == ([(0, 4), (0, 4)], 0)
    assert (await end(porchlight, actor, COMMIT, costly, quantity=1))["meter"]["used"] == 1
    assert (await end(porchlight, actor, RELEASE, own))["meter"]["reserved"] == 0
    for query in (COMMIT, RELEASE):
        assert await porchlight.codes(query, {"id": own}) == ["UNAUTHENTICATED"]
    assert await porchlight.codes(RESERVE, values) == ["UNAUTHENTICATED"]


async def test_reservations_are_bounded(porchlight: Porchlight) -> None:
    """From a second to an hour; a commit is a whole number, and not more than was reserved."""
    person = await porchlight.register()
    reservation = await made(porchlight, person, 4)
    for seconds in (0, -1, 3601):
        values = {"meter": "api-calls", "idempotencyKey": "x", "seconds": seconds}
        assert await porchlight.codes(RESERVE, {"input": values}, token=person.access_token) == ["BAD_USER_INPUT"]
    for quantity in (0, 5, 1.5, -1):
        variables = {"id": reservation, "quantity": quantity}
        assert await porchlight.codes(COMMIT, variables, token=person.access_token) == ["BAD_USER_INPUT"]
    assert await stored(porchlight) == ([(0, 4)], 0)


async def test_statements_of_reservations(porchlight: Porchlight) -> None:
    """Viewer, trial, purchases, row, counter; an end reads the reservation first, and what is had and left at last."""
    person = await porchlight.register()
    await record(porchlight, person)
    with porchlight.counting_queries() as reserving:
        reservation = await made(porchlight, person)
    with porchlight.counting_queries() as committing:
        await end(porchlight, person, COMMIT, reservation)
    other = await made(porchlight, person, key="other")
    with porchlight.counting_queries() as releasing:
        await end(porchlight, person, RELEASE, other)
    assert (len(reserving), len(committing), len(releasing)) == (5, 7, 7)
