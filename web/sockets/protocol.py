"""Uvicorn's WebSocket protocol, with bounds for peers that do not read and nothing kept of those that vanish."""

import socket
from asyncio.transports import BaseTransport, Transport
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Opcode
from websockets.protocol import State

TAKEN_BY_SYSTEM = 32_768
"""Bytes that the system takes for a peer that does not read; Linux doubles it. By itself it would take up to 4 MiB."""
TAKEN_BY_US = 16_384
"""Bytes that wait in the process, before who sends has to wait."""


WRITING = "porchlight.writing"
"""The extension of ASGI under which an application finds `write`: see `WebSocketProtocol.write`."""
UNREADABLE = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
"""The answer to a handshake for which the library has none of its own: one that has a body."""
TEXT = bytes([0x80 | Opcode.TEXT])
"""How the frame of a whole text begins: RFC 6455, section 5.2."""
SHORT = 125
"""Bytes whose number fits into one."""
MEDIUM = 65_535


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        cast("Transport", transport).set_write_buffer_limits(high=TAKEN_BY_US)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TAKEN_BY_SYSTEM)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived. A handshake that cannot be read is refused, which Uvicorn leaves unanswered."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()) or UNREADABLE)
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Hand on a message. A text that is no UTF-8 ends the socket, which Uvicorn writes down as a fault of ours."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()  # it waits for more, and holds the connection that holds it

    async def run_asgi(self) -> None:
        """Run the application, which may write past ASGI while it does."""
        extensions = cast("dict[str, object]", self.scope["extensions"])
        extensions[WRITING] = {"write": self.write}
        try:
            await super().run_asgi()
        finally:
            del extensions[WRITING]

    def write(self, text: bytes) -> bool:
        """Send a text at once; False where it has to take its turn: the peer does not read, or the socket closes."""
        ready = self.conn.state is State.OPEN and not self.conn.extensions and self.writable.is_set()
        if not ready or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(framed(text))
        return True


def framed(text: bytes) -> bytes:
    """A text as the one frame of a message."""
    size = len(text)
    if size <= SHORT:
        return TEXT + bytes([size]) + text
    if size <= MEDIUM:
        return TEXT + b"\x7e" + size.to_bytes(2) + text
    return TEXT + b"\x7f" + size.to_bytes(8) + text
