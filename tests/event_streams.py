"""A reader of server-sent events, byte by byte: strict, and refuses what urql cannot read."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.porchlight import Porchlight

EVENTS = "text/event-stream"


class Stream:
    """The events of one answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self._bytes = answer.aiter_raw()
        self._rest = b""

    async def event(self) -> tuple[str, str] | None:
        """Kind and data of the next event; None at the end."""
        async with asyncio.timeout(20):
            while True:
                block = await self._block()
                if block is None:
                    return None
                fields = {name: value.removeprefix(" ") for name, _, value in (line.partition(":") for line in block)}
                if list(fields) == [""]:
                    self.comments += 1
                    continue
                assert list(fields) == ["event", "data"], block
                return fields["event"], fields["data"]

    async def _block(self) -> list[str] | None:
        while b"\n\n" not in self._rest:
            try:
                self._rest += await anext(self._bytes)
            except StopAsyncIteration:
                assert self._rest == b""
                return None
        block, _, self._rest = self._rest.partition(b"\n\n")
        assert b"\r" not in block
        return block.decode("utf-8").split("\n")

    async def next(self) -> dict[str, Any]:
        """The answer in the next event."""
        event = await self.event()
        assert event is not None
        assert event[0] == "next", event
        content: dict[str, Any] = json.loads(event[1])
        return content

    async def codes(self) -> list[str]:
        """The codes of the errors in the next event."""
        return [error["extensions"]["code"] for error in (await self.next())["errors"]]

    async def completes(self) -> None:
        """Nothing comes but the end."""
        assert [await self.event(), await self.event()] == [("complete", ""), None]


@asynccontextmanager
async def streaming(
    porchlight: Porchlight,
    query: str,
    *,
    token: str | None = None,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **members: Any,
) -> AsyncGenerator[Stream]:
    """The stream of an operation."""
    given = {"accept": EVENTS, **({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    content: dict[str, Any] = {"query": query, **members}
    how: dict[str, Any] = {"json": content} if method == "POST" else {"params": content}
    async with porchlight.http.stream(method, "/graphql/stream", headers=given, **how) as answer:
        yield Stream(answer)
