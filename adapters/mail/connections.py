"""Connections to a mail server that are kept for the next letter."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiosmtplib import SMTP


@dataclass(frozen=True)
class _Kept:
    """A connection that nobody uses, how many letters it has carried, and what ends it when nobody comes."""

    client: SMTP
    carried: int
    expiry: asyncio.TimerHandle


class Connections:
    """At most `most` at a time; one is kept for `idle` seconds of rest, and for `messages` letters.

    A kept one is asked whether it still stands (RSET) before it gets a letter, so that no letter is given twice to find
    that out. One on which anything but an answer came about is not kept.
    """

    def __init__(self, make: Callable[[], SMTP], *, most: int, idle: float, messages: int) -> None:
        self._make = make
        self._idle = idle
        self._messages = messages
        self._room = asyncio.Semaphore(most)
        self._kept: list[_Kept] = []
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def borrow(self) -> AsyncGenerator[SMTP, None]:
        """A connection that stands. What is raised inside ends it, unless `answered` says that it was an answer."""
        async with self._room:
            client, carried = await self._standing()
            try:
                yield client
            except BaseException as fault:
                if not answered(fault) or not client.is_connected:
                    client.close()
                    raise
                self._keep(client, carried + 1)
                raise
            self._keep(client, carried + 1)

    async def close(self) -> None:
        """End all that are kept."""
        kept, self._kept = self._kept, []
        for each in kept:
            each.expiry.cancel()
            self._leave(each.client)
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _standing(self) -> tuple[SMTP, int]:
        """The connection that was used last, if it still stands, or a new one; how many letters it has carried."""
        while self._kept:
            kept = self._kept.pop()
            kept.expiry.cancel()
            if await _stands(kept.client):
                return kept.client, kept.carried
        client = self._make()
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client, 0

    def _keep(self, client: SMTP, carried: int) -> None:
        if carried >= self._messages:
            self._leave(client)
            return
        expiry = asyncio.get_running_loop().call_later(self._idle, self._expire, client)
        self._kept.append(_Kept(client, carried, expiry))

    def _expire(self, client: SMTP) -> None:
        self._kept = [each for each in self._kept if each.client is not client]
        self._leave(client)

    def _leave(self, client: SMTP) -> None:
        """Say goodbye, beside what else happens."""
        task = asyncio.ensure_future(_leave(client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def answered(fault: BaseException) -> bool:
    """Whether the server has said no to a letter, and the connection is as good as before."""
    import aiosmtplib  # ruff: ignore[import-outside-top-level] -- paid by those who use SMTP

    refused = aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError
    return isinstance(fault, refused)


async def _stands(client: SMTP) -> bool:
    """Whether the server still answers; what it has of an earlier letter is forgotten (RFC 5321, 4.1.1.5)."""
    from aiosmtplib import SMTPException  # ruff: ignore[import-outside-top-level] -- paid by those who use SMTP

    try:
        await client.rset()
    except (SMTPException, OSError):
        client.close()
        return False
    except BaseException:
        client.close()
        raise
    return True


async def _leave(client: SMTP) -> None:
    """Say goodbye. What the server has taken is its own by now: nothing that happens here has a letter sent again."""
    from aiosmtplib import SMTPException  # ruff: ignore[import-outside-top-level] -- paid by those who use SMTP

    with suppress(SMTPException, OSError):
        await client.quit(timeout=1.0)
    client.close()
