"""Reads of several requests by one statement: of whoever asks in the same step of the event loop (ADR 0057).

A statement costs the same for one row and for ten: the system is called, a process of the database wakes, and Python
sends and receives. Nobody waits for others: those that are there when the step ends are read together.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from adapters.database.failures import Record

MOST = 50
"""Questions in one statement. Where there are more, several run at the same time."""

Run = Callable[[str, Sequence[Any]], Awaitable[list[Record]]]


class _Question(NamedTuple):
    values: Sequence[Any]
    answer: asyncio.Future[list[Record]]


class Together:
    """Collects questions by their statement. `run` runs it, with a list for each parameter: a value of each question.

    The first column of a record is the number of the question, from 1 on, that it answers.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._asked: dict[str, list[_Question]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def records(self, sql: str, values: Sequence[Any]) -> list[Record]:
        """The records that answer one question, in the order of the statement. Raises what running it raises."""
        loop = asyncio.get_running_loop()
        question = _Question(values, loop.create_future())
        waiting = self._asked.setdefault(sql, [])
        if not waiting:
            loop.call_soon(self._begin, sql)
        waiting.append(question)
        return await question.answer

    def _begin(self, sql: str) -> None:
        asked = self._asked.pop(sql)
        for start in range(0, len(asked), MOST):
            task = asyncio.create_task(self._answer(sql, asked[start : start + MOST]))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer(self, sql: str, asked: Sequence[_Question]) -> None:
        try:
            found = await self._run(sql, [list(column) for column in zip(*(each.values for each in asked), strict=True)])
        except asyncio.CancelledError:
            for each in asked:
                each.answer.cancel()
            raise
        except Exception as error:  # ruff: ignore[blind-except] -- whatever it is, those who wait are told
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
            return
        answers: dict[int, list[Record]] = defaultdict(list)
        for record in found:
            answers[record[0]].append(record)
        for number, each in enumerate(asked, start=1):
            if not each.answer.done():  # who has left meanwhile has cancelled it
                each.answer.set_result(answers[number])
