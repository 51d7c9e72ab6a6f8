"""An operation that somebody follows: the one way to run it, over sockets and over event streams."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any

from schema.context import Context
from schema.errors import failure
from services.measuring import Transport
from web.runtime import Operation, Runtime

Errors = list[dict[str, Any]]


class Following(ABC):
    """One operation and who follows it. How they are told is for the transport."""

    task: "asyncio.Task[None] | None" = None
    """What runs it; None once it is over: a task keeps what it was cancelled with, and that keeps the connection."""
    heard = True
    """Whether anybody waits for its answers. A mutation that has begun goes on without."""

    def __init__(self, context: Context, transport: Transport) -> None:
        self.context = context
        self._transport = transport

    @abstractmethod
    async def tell(self, content: dict[str, Any]) -> None:
        """Tell an answer."""

    @abstractmethod
    def tell_plain(self, data: bytes) -> Awaitable[None] | None:
        """Tell an event by its data as JSON; what has to be awaited for it, if anything."""

    async def prepare(self) -> None:  # ruff: ignore[empty-method-without-abstract-decorator] -- most have nothing to do
        """Do what comes before the operation, a fault of which is the operation's."""

    def stop(self) -> None:
        """Cancel it, unless it is changing something: then it runs to its end and nobody hears of it."""
        if self.task is not None and not self.context.changing:
            self.task.cancel()

    def let_go(self) -> None:
        """Forget what refers to this from below."""
        self.task = self.context.deliver = None

    async def run(self, runtime: Runtime, operation: Operation) -> Errors:
        """Tell each answer while somebody listens; the errors of an operation that came to nothing else.

        After the first answer, which is counted and logged on its way, events that are plain are told at once.
        """
        try:
            await self.prepare()
            return await self._follow(runtime, operation)
        except Exception as error:  # ruff: ignore[blind-except] -- a fault ends one operation, not the connection
            message, extensions = failure(error)
            runtime.measure(self._transport, [extensions["code"]])
            return [{"message": message, "extensions": extensions}]

    async def _follow(self, runtime: Runtime, operation: Operation) -> Errors:
        async with aclosing(runtime.stream(operation, self.context, transport=self._transport)) as answers:
            async for answer in answers:
                if not answer.executed:
                    errors: Errors = answer.content["errors"]
                    return errors
                if self.heard:
                    await self.tell(answer.content)
                self.context.deliver = self._deliver
        return []

    def _deliver(self, data: bytes) -> Awaitable[None] | None:
        self.context.renew()
        return self.tell_plain(data) if self.heard else None
