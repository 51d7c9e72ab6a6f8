"""Connections to an SMTP server that are kept for the next message."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiosmtplib import SMTP, SMTPException, SMTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from adapters.mail.smtp import Limits

GOODBYE = 1.0
"""Seconds that the answer to QUIT may take."""


class Connection(SMTP):
    """One connection, from its greeting to its end. It carries one message at a time and never connects again."""

    carried = 0
    """Messages that it has taken to the server."""
    begun = False
    """Whether the present message has come to DATA, after which only the server knows what became of it."""
    expiry: asyncio.TimerHandle | None = None

    async def data(self, message: str | bytes, /, **options: Any) -> SMTPResponse:
        """As aiosmtplib does it; what came before is known to have left no message behind."""
        self.begun = True
        return await super().data(message, **options)

    async def carry(self, message: EmailMessage, sender: str | None) -> dict[str, SMTPResponse]:
        """Hand `message` over; the answers to recipients that were refused while others were taken."""
        self.begun = False
        refused, _ = await self.send_message(message, sender=sender)
        self.carried += 1
        return refused

    def drop(self) -> None:
        """End it at once: what it has not written yet is not written any more."""
        transport = self.transport
        self.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    async def leave(self) -> None:
        """Say goodbye. Its messages are the server's by now, so nothing that happens here may have them sent again."""
        try:
            with suppress(SMTPException, OSError):
                await self.quit(timeout=GOODBYE)
        finally:
            self.drop()


class Connections:
    """At most `limits.connections` of them, in use or idle. A connection that saw any fault is not used again."""

    def __init__(self, make: Callable[[], Connection], limits: Limits) -> None:
        self._make = make
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.connections)
        self._idle: list[Connection] = []  # the newest last
        self._leaving: set[asyncio.Task[None]] = set()

    async def send(self, message: EmailMessage, sender: str | None) -> dict[str, SMTPResponse]:
        """Hand `message` over by the newest idle connection, or by a new one.

        When the idle one turns out to be gone before the message came to DATA, a new one is tried, once.
        """
        async with self._slots:
            kept = self._newest()
            if kept is not None:
                with suppress(_Gone):
                    return await self._carry(kept, message, sender)
            connection = self._make()
            await connection.connect()
            return await self._carry(connection, message, sender)

    async def close(self) -> None:
        """Wait for those who send, which their deadlines bound, and leave."""
        for _ in range(self._limits.connections):
            await self._slots.acquire()
        while (kept := self._newest()) is not None:
            self._leave(kept)
        await asyncio.gather(*self._leaving)
        for _ in range(self._limits.connections):
            self._slots.release()

    def _newest(self) -> Connection | None:
        """Take the newest idle connection that is not known to be gone."""
        while self._idle:
            kept = self._idle.pop()
            assert kept.expiry is not None
            kept.expiry.cancel()
            if kept.is_connected:
                return kept
        return None

    async def _carry(
        self, connection: Connection, message: EmailMessage, sender: str | None
    ) -> dict[str, SMTPResponse]:
        """Send, and keep the connection when that went well. Raises _Gone when another one may be tried."""
        try:
            refused = await connection.carry(message, sender)
        except (SMTPException, OSError) as fault:
            gone = connection.carried and not connection.begun and not connection.is_connected
            connection.drop()
            if gone:
                raise _Gone from fault
            raise
        except BaseException:
            connection.drop()
            raise
        if connection.carried < self._limits.messages:
            self._keep(connection)
        else:
            self._leave(connection)
        return refused

    def _keep(self, connection: Connection) -> None:
        connection.expiry = asyncio.get_running_loop().call_later(self._limits.idle, self._expire, connection)
        self._idle.append(connection)

    def _expire(self, connection: Connection) -> None:
        self._idle.remove(connection)
        self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        """Leave while the caller goes on."""
        leaving = asyncio.create_task(connection.leave())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


class _Gone(Exception):
    """The server has closed a kept connection, before it had anything of the message."""
