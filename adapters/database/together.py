"""Reads of several requests by one statement: of whoever asks in the same step of the event loop (ADR 0057).

A statement costs the same for one row and for ten: the system is called, a process of the database wakes, and Python
sends and receives. Nobody waits for others: those that are there when the step ends are read together.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from adapters.database.addresses import Dialect
from adapters.database.failures import Record
from core.errors import Unavailable

MOST = 50
"""Questions in one statement. Where there are more, several run at the same time."""


class Reads(Protocol):
    """What runs a statement."""

    async def records(self, sql: str, values: Sequence[Any] = ()) -> list[Record]: ...


class Question(NamedTuple):
    """A statement with a table `{asked}`, whose columns are given by name and type of PostgreSQL.

    Each row of it asks for itself. The statement selects `asked.place` first, which tells whom a record answers.
    """

    asked: tuple[tuple[str, str], ...]
    sql: str


class _Asker(NamedTuple):
    values: Sequence[Any]
    answer: asyncio.Future[list[Record]]


class Together:
    """Collects who asks the same question, and runs it once for all of them, on PostgreSQL."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._askers: dict[Question, list[_Asker]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def records(self, question: Question, values: Sequence[Any]) -> list[Record]:
        """The records that answer one asker, in the order of the statement. Raises what running it raises."""
        loop = asyncio.get_running_loop()
        asker = _Asker(values, loop.create_future())
        waiting = self._askers.setdefault(question, [])
        if not waiting:
            loop.call_soon(self._begin, question)
        waiting.append(asker)
        return await asker.answer

    def _begin(self, question: Question) -> None:
        askers = self._askers.pop(question)
        for start in range(0, len(askers), MOST):
            self._start(question, askers[start : start + MOST])

    def _start(self, question: Question, askers: Sequence[_Asker]) -> None:
        task = asyncio.create_task(self._answer(question, askers))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, question: Question, askers: Sequence[_Asker]) -> None:
        try:
            found = await self._found(question, [each.values for each in askers])
        except asyncio.CancelledError:
            for each in askers:
                each.answer.cancel()
            raise
        except Exception as error:  # ruff: ignore[blind-except] -- whatever it is, those who wait are told
            self._fail(question, askers, error)
            return
        answers: dict[int, list[Record]] = defaultdict(list)
        for record in found:
            answers[record[0]].append(record)
        for place, each in enumerate(askers, start=1):
            if not each.answer.done():  # who has left meanwhile has cancelled it
                each.answer.set_result(answers[place])

    def _fail(self, question: Question, askers: Sequence[_Asker], error: Exception) -> None:
        """Tell what went wrong. Where it may be the values of one of several, each is asked for alone."""
        waiting = [each for each in askers if not each.answer.done()]
        for each in waiting:
            if len(askers) > 1 and not isinstance(error, Unavailable):
                self._start(question, [each])
            else:
                each.answer.set_exception(error)

    async def _found(self, question: Question, values: Sequence[Sequence[Any]]) -> list[Record]:
        if len(values) == 1:
            return await self._reads.records(for_one(question, "postgres"), values[0])
        return await self._reads.records(for_several(question), [list(column) for column in zip(*values, strict=True)])


@cache
def for_one(question: Question, dialect: Dialect) -> str:
    """The statement with a value for each parameter: PostgreSQL plans it once, as it would without the table."""
    cast = {"postgres": "${}::{} AS {}", "sqlite": "${0} AS {2}"}[dialect]
    columns = [cast.format(place, kind, name) for place, (name, kind) in enumerate(question.asked, start=1)]
    return question.sql.format(asked=f"(SELECT {', '.join(columns)}, 1 AS place) AS asked")


@cache
def for_several(question: Question) -> str:
    """The statement with a list for each parameter, which has a value of each asker."""
    lists = [f"${place}::{kind}[]" for place, (_, kind) in enumerate(question.asked, start=1)]
    names = [name for name, _ in question.asked]
    return question.sql.format(asked=f"unnest({', '.join(lists)}) WITH ORDINALITY AS asked ({', '.join(names)}, place)")
