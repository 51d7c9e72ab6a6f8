"""Uvicorn's HTTP protocol on httptools: bounded while a request arrives, and one write for an answer (ADR 0052)."""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 131_072
"""Bytes that may arrive without completing anything: a request's line and headers, or what follows a body."""
TRANSPORT = "porchlight.transport"
"""The extension of ASGI under which an application finds the `transport` of its connection."""
WISHES = 16
"""Requests in one piece that wish for another protocol. A client wishes once, in the first one of a connection."""
JOINED = 65_536
"""Bytes that wait for the end of a step of the event loop. What is larger is not worth joining."""


class HTTPProtocol(HttpToolsProtocol):
    """One connection."""

    _waiting = 0
    _completed = False
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._completed = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self._waiting = 0 if self._completed else self._waiting + len(data)
        if self._waiting > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of a request is too large.")

    def _feed(self, data: bytes) -> None:
        """Read what has arrived. Raises HttpParserError."""
        rest = memoryview(data)
        for _ in range(WISHES):
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as wish:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                rest = rest[wish.args[0] :]
                self._read_again()
            else:
                return
        raise httptools.HttpParserError("Too many wishes for another protocol.")

    def _read_again(self) -> None:
        """Read a head without its wish for another protocol, such as h2c, with which the parser leaves the body out.

        Raises HttpParserError where a wish is left.
        """
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as Uvicorn's own
        try:
            self.parser.feed_data(b"".join([*head, b"\r\n"]))
        except httptools.HttpParserUpgrade as wish:
            raise httptools.HttpParserError("A wish for another protocol is left.") from wish

    def on_message_begin(self) -> None:
        self._completed = self._in_head = True
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. One that follows the body is none: it could claim what no proxy has seen."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Raise ValueError, which the parser makes a 400, for what names no host or several: RFC 9112, section 3.2.

        And for CONNECT, which nobody serves: the parser takes it for a wish that no header takes back.
        """
        self._completed, self._in_head = True, False
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("CONNECT")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise ValueError(hosts)
        if not self._unheard():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._completed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._unheard():
            super().on_message_complete()

    def _unheard(self) -> bool:
        """Whether this is a wish for a protocol that is not spoken here."""
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket protocol, which writes each message by itself."""
        self.transport = cast("JoinedWrites", self.transport).alone()
        super().handle_websocket_upgrade()


class JoinedWrites:
    """A transport that sends what is written in one step of the event loop at once.

    Head and body of an answer are written one after the other. Each write is a system call that wakes the peer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this by the end of the step, or now together with what waits, where that has become large."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > JOINED:
            self._flush()

    def close(self) -> None:
        """Close the connection after what was written."""
        self._flush()
        self._transport.close()

    def alone(self) -> asyncio.Transport:
        """The transport itself, when nothing waits any more."""
        self._flush()
        return self._transport

    def _flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
