"""Questions of several requests in one statement: who shares it, and what each of them is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.database import Question, together
from adapters.database.together import Together, for_one, for_several
from core.errors import Unavailable
from services import access
from tests.porchlight import Porchlight
from tests.services.valkey import until

DOUBLED = Question((("number", "bigint"), ("word", "text")), "SELECT asked.place, asked.number * 2 FROM {asked}")
ME = "{ me { email trial { status } recommendations(first: 1) { strategy } } }"


NAMES = Question(
    (("id", "bigint"),),
    "SELECT asked.place, u.name FROM {asked} JOIN users u ON u.id = asked.id",
)


class Statements:
    """Stands for the database: doubles numbers, in another order than asked. The records of 7 are two, of 0 none."""

    def __init__(self) -> None:
        self.run: list[tuple[str, Sequence[Any]]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: Exception | None = None

    async def records(self, sql: str, values: Sequence[Any] = ()) -> Any:
        self.run.append((sql, values))
        await self.go_on.wait()
        if self.failure:
            raise self.failure
        numbers = values[0] if isinstance(values[0], list) else [values[0]]
        found = [(place, number * 2) for place, number in enumerate(numbers, start=1) if number]
        return [*reversed(found), *(each for each in found if each[1] == 14)]


@pytest.fixture
def statements() -> Statements:
    return Statements()


@pytest.fixture
def shared(statements: Statements) -> Together:
    return Together(statements)


async def test_who_asks_in_one_step_shares_a_statement(shared: Any, statements: Statements) -> None:
    """Each is told their own records; one alone, and another question, have statements of their own."""
    other = DOUBLED._replace(sql="SELECT asked.place, 2 * asked.number FROM {asked}")
    questions = [shared.records(DOUBLED, [number, "x"]) for number in (1, 7, 0, 1)]
    found: list[Any] = await asyncio.gather(*questions, shared.records(other, [3, "y"]))
    assert found == [[(1, 2)], [(2, 14), (2, 14)], [], [(4, 2)], [(1, 6)]]
    assert await shared.records(DOUBLED, [5, "z"]) == [(1, 10)]
    assert statements.run == [
        (for_several(DOUBLED), [[1, 7, 0, 1], ["x"] * 4]),
        (for_one(other, "postgres"), [3, "y"]),
        (for_one(DOUBLED, "postgres"), [5, "z"]),
    ]
    assert for_several(DOUBLED) == (
        "SELECT asked.place, asked.number * 2 "
        "FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS asked (number, word, place)"
    )


async def test_nobody_waits_for_who_comes_later(shared: Any, statements: Statements) -> None:
    """What is asked while a statement runs is another statement's; so is what is too much for one."""
    statements.go_on.clear()
    first = asyncio.create_task(shared.records(DOUBLED, [1, ""]))
    await until(lambda: len(statements.run) == 1)
    later = [asyncio.create_task(shared.records(DOUBLED, [2, ""])) for _ in range(together.MOST + 1)]
    await until(lambda: len(statements.run) == 3)
    statements.go_on.set()
    assert await first == [(1, 2)]
    assert [each[0][1] for each in await asyncio.gather(*later)] == [4] * (together.MOST + 1)
    assert [len(values[0]) if isinstance(values[0], list) else 1 for _, values in statements.run] == [
        1,
        together.MOST,
        1,
    ]
    assert not (shared._askers)
    assert not (shared._running)


async def test_who_leaves_takes_nothing_from_the_others(shared: Any, statements: Statements) -> None:
    """The one whose turn began the statement may be cancelled: the others are answered, or told what went wrong."""
    for failure in (None, Unavailable("gone")):
        statements.go_on.clear()
        statements.run.clear()
        statements.failure = failure
        askers = [asyncio.create_task(shared.records(DOUBLED, [number, ""])) for number in (1, 2, 3)]
        await until(lambda: len(statements.run) == 1)
        askers[0].cancel()
        statements.go_on.set()
        told = await asyncio.gather(*askers, return_exceptions=True)
        assert isinstance(told[0], asyncio.CancelledError)
        assert told[1:] == ([failure] * 2 if failure else [[(2, 4)], [(3, 6)]])


async def test_a_statement_that_is_cancelled_leaves_nobody_waiting(shared: Any, statements: Statements) -> None:
    """As when the process stops."""
    statements.go_on.clear()
    askers = [asyncio.create_task(shared.records(DOUBLED, [number, ""])) for number in (1, 2)]
    await until(lambda: len(statements.run) == 1)
    [running] = shared._running
    running.cancel()
    told = await asyncio.gather(*askers, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2


async def test_each_of_many_at_once_sees_themselves(porchlight: Porchlight) -> None:
    """Their account, their trial and their list."""
    people = [await porchlight.register(f"person{number}@example.com") for number in range(8)]
    for _ in range(3):
        found = await asyncio.gather(*(porchlight.ask(ME, token=one.access_token) for one in people))
        assert [each["me"]["email"] for each in found] == [one.email for one in people]
        assert [each["me"]["trial"] for each in found] == [{"status": "ACTIVE"}] * len(people)


async def test_a_token_of_another_user_names_no_session(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is found by its key and its user, whoever else is asked for in the statement: one, on PostgreSQL."""
    ada, bob = await porchlight.register(), await porchlight.register("bob@example.com")
    app, run = porchlight.app, list[str]()
    his, hers = (app.keys.read_access_token(one.access_token, app.clock.now()).session_key for one in (bob, ada))
    read = app.database.records

    async def counted(sql: str, values: Any = ()) -> Any:
        run.extend([sql] if "JOIN sessions s ON s.key" in sql else [])  # jobs read too
        return await read(sql, values)

    monkeypatch.setattr(app.database, "records", counted)
    pairs = [(hers, ada.user_id), (hers, bob.user_id), (his, bob.user_id), ("0" * 32, ada.user_id)]
    with app.database.bound():
        found = await asyncio.gather(*(access.viewer_of(app, *pair) for pair in pairs), return_exceptions=True)
    ended = "This session has ended."
    named = [each.user.id if isinstance(each, access.Viewer) else str(each) for each in found]
    assert named == [ada.user_id, ended, bob.user_id, ended]
    assert len(run) == (1 if app.database.dialect == "postgres" else len(pairs))


async def test_what_one_asks_with_fails_nobody_else(porchlight: Porchlight) -> None:
    """A value that no database takes is its asker's fault alone, though they share a statement."""
    ada, database = await porchlight.register(), porchlight.app.database
    with database.bound():
        askers = [database.answers(NAMES, [number]) for number in (ada.user_id, 2**70, ada.user_id)]
        told = await asyncio.gather(*askers, return_exceptions=True)
    assert [isinstance(each, Exception) for each in told] == [False, True, False]
    assert [[tuple(each) for each in found] for found in told[::2] if isinstance(found, list)] == [[(1, None)]] * 2


async def test_a_transaction_asks_by_itself(porchlight: Porchlight) -> None:
    """It sees what it has written, and its connection serves nobody else."""
    ada = await porchlight.register()
    database = porchlight.app.database
    async with database.transaction():
        await database.execute("UPDATE users SET name = 'New' WHERE id = $1", [ada.user_id])
        assert [tuple(each) for each in await database.answers(NAMES, [ada.user_id])] == [(1, "New")]
