"""The other end of a socket: what is sent to it, one message after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from web.sockets.protocol import WRITING

MAX_REASON = 123
"""Bytes of a reason that a close frame can carry: RFC 6455, section 5.5."""


class Peer:
    """Who has connected."""

    __slots__ = ("_sending", "_websocket", "_write")

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._sending = asyncio.Lock()
        self._write: Callable[[bytes], bool] | None = None
        if written := websocket.scope.get("extensions", {}).get(WRITING):
            self._write = written["write"]

    @property
    def connected(self) -> bool:
        """Whether it can be told anything."""
        return self._websocket.application_state is WebSocketState.CONNECTED

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message when those before it have been."""
        await self._send(orjson.dumps(message).decode())

    def tell(self, text: bytes) -> Awaitable[None] | None:
        """Send a text at once where nothing waits to be sent; else what has to be awaited for it."""
        straight = self._write is not None and not self._sending.locked() and self.connected and self._write(text)
        return None if straight else self._send(text.decode())

    async def _send(self, text: str) -> None:
        async with self._sending:
            if self.connected:
                with suppress(WebSocketDisconnect):  # who reads from it hears of that too, and ends the socket.
                    await self._websocket.send_text(text)

    async def close(self, code: int, reason: str) -> None:
        """End the connection, if it still stands, after what is being sent. Raises WebSocketDisconnect."""
        async with self._sending:
            if self.connected:
                await self._websocket.close(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))
