"""Uvicorn's HTTP protocol on httptools: bounded in bytes and time, and one write for an answer (ADR 0052, 0061)."""

import asyncio
from http import HTTPStatus
from typing import Any, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web.answers import problem
from web.protection import BARE

LARGEST_HEAD = 131_072
"""Bytes that may arrive without completing anything: a request's line and headers, or what follows a body."""
TRANSPORT = "porchlight.transport"
"""The extension of ASGI under which an application finds the `transport` of its connection."""
WISHES = 16
"""Requests in one piece that wish for another protocol. A client wishes once, in the first one of a connection."""
JOINED = 65_536
"""Bytes that wait for the end of a step of the event loop. What is larger is not worth joining."""


VERSIONS = frozenset({"1.0", "1.1"})
SENDING_TIMEOUT = 10.0
"""Seconds in which a client that is owed nothing completes the head of its next request: its line and headers, and
whatever it still sends of a body that is answered already."""
TAKING_TIMEOUT = 30.0
"""Seconds in which a client takes some of what waits for it: 48 KiB of an answer, or the last of a connection."""

log = structlog.get_logger(__name__)


class HTTPProtocol(HttpToolsProtocol):
    """One connection."""

    _waiting = 0
    _completed = False
    _in_head = False
    _handed_on = False
    """Whether it is a socket's by now."""
    _sending: asyncio.TimerHandle | None = None
    """When what the client sends is late. Nothing that arrives puts it off but a complete head."""
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self._sending = self.loop.call_later(SENDING_TIMEOUT, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived. Who is not being answered has only so long for their next request."""
        self._take(data)
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if self._sending is None and not answering and not self._handed_on:
            self._sending = self.loop.call_later(SENDING_TIMEOUT, self._late)

    def _take(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._completed = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self._waiting = 0 if self._completed else self._waiting + len(data)
        if self._waiting > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of a request is too large.")

    def _heard(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _late(self) -> None:
        """End the connection. Who has begun a request is told why; who has said nothing may think of something."""
        log.info("http.client_late", begun=self._in_head)
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Wait for a client that takes less than it is sent, and not for ever."""
        super().pause_writing()
        self._taking = self.loop.call_later(TAKING_TIMEOUT, self._cut_off)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def _cut_off(self) -> None:
        log.info("http.cut_off")
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer what no application has seen, and end the connection."""
        answer = problem(status, "BAD_USER_INPUT", detail)
        lines = [f"HTTP/1.1 {status} {status.phrase}".encode()]
        lines += [b"%b: %b" % header for header in (*answer.raw_headers, *BARE, (b"connection", b"close"))]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()

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

        And for CONNECT, which nobody serves: the parser takes it for a wish that no header takes back. And for another
        version: the parser takes an address that a line feed ends for HTTP/0.9, where a proxy may read on.
        """
        self._completed, self._in_head = True, False
        self._heard()
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("CONNECT")
        hosts, version = sum(name == b"host" for name, _ in self.headers), self.parser.get_http_version()
        if hosts > 1 or version not in VERSIONS or (not hosts and version != "1.0"):
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
        self._handed_on = True
        alone = ClosedInTime(cast("JoinedWrites", self.transport).alone(), self.loop)
        self.transport = cast("asyncio.Transport", alone)
        super().handle_websocket_upgrade()


class ClosedInTime:
    """A transport that, once closed, waits only so long for its peer to take what was written."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.write = transport.write
        self._transport = transport
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close the connection. Who takes nothing is cut off."""
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(TAKING_TIMEOUT, self._transport.abort)


class JoinedWrites:
    """A transport that sends what is written in one step of the event loop at once.

    Head and body of an answer are written one after the other. Each write is a system call that wakes the peer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._closing = ClosedInTime(transport, loop)
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
        """Close the connection after what was written, which a client has to take in time."""
        self._flush()
        self._closing.close()

    def alone(self) -> asyncio.Transport:
        """The transport itself, when nothing waits any more."""
        self._flush()
        return self._transport

    def _flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
