"""Uvicorn's WebSocket protocol, with bounds for peers that do not read and nothing kept of those that vanish."""

import socket
from asyncio.transports import BaseTransport, Transport
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

TAKEN_BY_SYSTEM = 32_768
"""Bytes that the system takes for a peer that does not read; Linux doubles it. By itself it would take up to 4 MiB."""
TAKEN_BY_US = 16_384
"""Bytes that wait in the process, before who sends has to wait."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        cast("Transport", transport).set_write_buffer_limits(high=TAKEN_BY_US)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TAKEN_BY_SYSTEM)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()  # it waits for more, and holds the connection that holds it
