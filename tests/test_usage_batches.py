"""Batches: each report counted, refused or known by itself, in few statements for all."""

import asyncio
from typing import Any

import pytest

from core.errors import BadUserInput, NotFound
from models import Role, User
from services import usage
from tests.plans import limits
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, staff
from tests.test_usage import record, stored

BATCH = """
mutation Batch($entries: [RecordUsageInput!]!) {
  recordUsageBatch(entries: $entries) {
    results {
      __typename
      ... on UsageLimitReached { meter { used remaining } }
      ... on RecordUsageSuccess { duplicate meter { key used } }
    }
  }
}
"""
SHORT = {"RecordUsageSuccess": "counted", "UsageLimitReached": "limit", "IdempotencyConflict": "conflict"}


def entry(key: str, quantity: float = 1, meter: str = "api-calls", /, **given: Any) -> dict[str, Any]:
    return {"meter": meter, "quantity": quantity, "idempotencyKey": key, **given}


async def send(porchlight: Porchlight, by: Person, *entries: dict[str, Any]) -> list[str]:
    data = await porchlight.ask(BATCH, {"entries": list(entries)}, token=by.access_token)
    results = data["recordUsageBatch"]["results"]
    return ["duplicate" if each.get("duplicate") else SHORT[each["__typename"]] for each in results]


async def test_each_entry_has_its_own_result(porchlight: Porchlight) -> None:
    """In order: counted, known from before, known within the batch, in conflict, over the limit; what fits passes."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 10})
    await record(porchlight, person, idempotencyKey="old", quantity=2)
    batch = [
        entry("a", 3), entry("old", 2), entry("old", 3), entry("a", 3), entry("a", 4), entry("b", 6), entry("b", 6),
        entry("b", 7), entry("c", 5), entry("d", 1),
    ]  # fmt: skip
    assert await send(porchlight, person, *batch) == [
        "counted", "duplicate", "conflict", "duplicate", "conflict", "limit", "limit", "conflict", "counted", "limit",
    ]  # fmt: skip
    assert await stored(porchlight) == ([(10, 0)], 3)
    assert await send(porchlight, person, *batch) == [
        "duplicate", "duplicate", "conflict", "duplicate", "conflict", "limit", "limit", "conflict", "duplicate",
        "limit",
    ]  # fmt: skip
    assert await stored(porchlight) == ([(10, 0)], 3)


async def test_a_thousand_at_once(porchlight: Porchlight) -> None:
    """And not one more, nor none."""
    person = await porchlight.register()
    entries = [entry(f"{number}") for number in range(1000)]
    assert await send(porchlight, person, *entries) == ["counted"] * 1000
    assert await stored(porchlight) == ([(1000, 0)], 1000)
    assert await porchlight.codes(BATCH, {"entries": []}, token=person.access_token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound(), pytest.raises(BadUserInput):
        await usage.record_all(porchlight.app, [(person.user_id, usage.Entry("api-calls", 1, "x"))] * 1001)


async def test_staff_reports_for_many(porchlight: Porchlight) -> None:
    """Each entry names its user, whose keys and limits are their own."""
    actor = await staff(porchlight, Role.SUPPORT)
    people = [await porchlight.register(f"{name}@example.com") for name in ("ada", "grace")]
    limits(porchlight, **{"image-analysis": 5})
    entries = [
        entry("k", quantity, meter, userId=id_of(person))
        for person, quantity, meter in zip(people, (5, 6), ("image-analysis", "image-analysis"), strict=True)
    ]
    assert await send(porchlight, actor, *entries, entry("mine")) == ["counted", "limit", "counted"]
    assert await stored(porchlight) == ([(1, 0), (5, 0), (0, 0)], 2)
    await record(porchlight, actor, meter="image-analysis", idempotencyKey="another meter", quantity=4)
    assert await send(porchlight, actor, entry("mine")) == ["duplicate"]


async def test_one_wrong_entry_refuses_all(porchlight: Porchlight) -> None:
    """What may not be told, by anybody or by this viewer."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    actor = await staff(porchlight, Role.SUPPORT)
    for by, wrong, code in (
        (person, entry("b", 0), "BAD_USER_INPUT"),
        (person, entry("b", 1, "unknown"), "BAD_USER_INPUT"),
        (person, entry("b", 1, "image-analysis"), "FORBIDDEN"),
        (person, entry("b", userId=id_of(other)), "FORBIDDEN"),
        (actor, entry("b", userId="VXNlcjo5OTk"), "NOT_FOUND"),
        (actor, entry("b", userId="no id"), "NOT_FOUND"),
        (None, entry("b"), "UNAUTHENTICATED"),
    ):
        token = by.access_token if by else None
        assert await porchlight.codes(BATCH, {"entries": [entry("a"), wrong]}, token=token) == [code]
    assert await stored(porchlight) == ([], 0)


async def test_statements_of_a_batch_do_not_grow_with_it(porchlight: Porchlight) -> None:
    """Viewer, trials, purchases, keys, counters held, counters written; refused, known or others' ones add one each."""
    person, actor = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    limits(porchlight, **{"api-calls": 150})
    await record(porchlight, actor)
    await record(porchlight, person)
    for by, numbers, more, count in (
        (person, range(2), {}, 6),
        (person, range(2, 102), {}, 6),
        (person, range(100), {}, 6),
        (person, range(100, 200), {}, 9),
        (actor, range(150, 152), {"userId": id_of(person)}, 7),
    ):
        with porchlight.counting_queries() as statements:
            await send(porchlight, by, *(entry(f"{number}", **more) for number in numbers))
        assert len(statements) == count, statements


async def test_batches_at_once_neither_block_each_other_nor_count_twice(porchlight: Porchlight) -> None:
    """The same keys in opposite orders, with single reports in between: each is counted once."""
    person = await porchlight.register()
    limits(porchlight, **{"api-calls": 45})
    entries = [entry(f"{number}") for number in range(50)]
    calls: list[Any] = [send(porchlight, person, *entries[:: 1 if turn % 2 else -1]) for turn in range(6)]
    calls += [record(porchlight, person, idempotencyKey=f"{number}") for number in range(0, 50, 5)]
    await asyncio.gather(*calls)
    assert await stored(porchlight) == ([(45, 0)], 45)


async def test_an_account_that_is_deleted_meanwhile_is_not_found(porchlight: Porchlight) -> None:
    """One, many or reserved: nothing is written for nobody."""
    person, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        await User.filter(id=person.user_id).delete()
        report = usage.Entry("api-calls", 1, "x")
        for call in (usage.record, usage.reserve):
            with pytest.raises(NotFound):
                await call(app, person.user_id, report)
        with pytest.raises(NotFound):
            await usage.record_all(app, [(person.user_id, report)])
    assert await stored(porchlight) == ([], 0)
