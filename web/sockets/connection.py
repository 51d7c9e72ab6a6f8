"""One socket and its operations."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.errors import Unauthenticated
from core.networks import network_of
from schema.context import Context
from schema.errors import failure
from services import access
from services.access import Viewer
from services.measuring import Transport
from services.sessions import Client
from services.turns import Share
from web.asked import operation_in
from web.cookies import CookieJar
from web.following import Following
from web.requests import BadRequestError
from web.runtime import Operation, Runtime
from web.sockets.messages import CloseError, Pace, id_of, message_in, payload_of
from web.sockets.peer import Peer
from web.watch import ENDED, LOWERED, SUSPENDED

INIT_TIMEOUT = 10.0
"""Seconds within which a client says `connection_init`."""
CLOSE_TIMEOUT = 5.0
"""Seconds that a peer has to take what was being sent, before it is cut off."""
MAX_OPERATIONS = 100
"""Operations that one socket may have open."""
TAIL = b"}}"
"""How the message of a plain event ends."""

log = structlog.get_logger(__name__)


class _Running(Following):
    """One operation of a socket."""

    def __init__(self, operation_id: str, context: Context, socket: "Socket", peer: Peer) -> None:
        super().__init__(context, Transport.WEBSOCKET)
        self.id = operation_id
        self._socket = socket
        self._peer = peer
        self._head = b'{"id":%b,"type":"next","payload":{"data":' % orjson.dumps(operation_id)

    async def prepare(self) -> None:
        self.context.viewer = await self._socket.present_viewer()

    async def tell(self, content: dict[str, Any]) -> None:
        await self._socket.send({"id": self.id, "type": "next", "payload": content})

    def tell_plain(self, data: bytes) -> Awaitable[None] | None:
        return self._peer.tell(b"".join((self._head, data, TAIL)))


class Socket:
    """One connection."""

    def __init__(
        self, websocket: WebSocket, runtime: Runtime, client: Client, joined: "Callable[[Socket], None]"
    ) -> None:
        self.viewer: Viewer | None = None
        self._websocket = websocket
        self._runtime = runtime
        self._client = client
        self._joined = joined
        self._acknowledged = False
        self._changes = True
        """Whether mutations run: a cookie's session could not be told of new tokens."""
        self._peer = Peer(websocket)
        self._openings = Share()
        self._network = network_of(client.ip)
        self._serving: asyncio.Task[None] | None = None
        self._cut_off = False
        self._operations: dict[str, _Running] = {}
        """By id, those whose answers the client waits for."""
        self._running: set[_Running] = set()
        """All of them: a mutation goes on after the client has completed it."""
        self._pace = Pace()

    async def serve(self) -> None:
        """Read messages until the socket ends, then let go of what it had open."""
        self._serving = asyncio.current_task()
        try:
            await self._serve()
        except asyncio.CancelledError:
            if not self._cut_off:
                raise
            log.info("socket.cut_off")
        finally:
            await self._let_go()

    async def end(self, code: int, reason: str) -> None:
        """End the connection after what is being changed, whose answer is sent first."""
        self._stop()
        changing = [running.task for running in self._running if running.task and running.context.changing]
        if changing:
            await asyncio.wait(changing, timeout=CLOSE_TIMEOUT)
        await self.close(code, reason)

    async def close(self, code: int, reason: str) -> None:
        """End the connection, if it still stands. A peer that does not read is cut off."""
        self._stop()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._peer.close(code, reason)
        except TimeoutError:
            self._cut_off = True
            if self._serving is not None and self._serving is not asyncio.current_task():
                self._serving.cancel()
        except WebSocketDisconnect:
            log.debug("socket.already_closed", code=code)

    def _stop(self) -> None:
        for running in self._running:
            running.stop()

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(INIT_TIMEOUT):
                given = await self._greeted()
            await self._acknowledge(given)
            while True:
                await self._handle(await self._receive())
        except TimeoutError:
            await self.close(4408, "Connection initialisation timeout")
        except CloseError as error:
            await self.close(error.code, error.reason)
        except WebSocketDisconnect:
            pass
        except Exception as error:  # ruff: ignore[blind-except] -- a fault is told by its id and logged, not by 1006
            _, extensions = failure(error)
            self._runtime.measure(Transport.WEBSOCKET, [extensions["code"]])
            await self.close(1011, f"{extensions['code']} {extensions.get('errorId', '')}".strip())

    async def _greeted(self) -> object:
        """What the first message authenticates with, if anything."""
        message = await self._receive()
        while message["type"] in {"ping", "pong"}:
            await self._handle(message)
            message = await self._receive()
        if message["type"] != "connection_init":
            raise CloseError(4401, "Unauthorized")
        payload = message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise CloseError(4400, "The payload of connection_init is an object")
        given = (payload or {}).get("Authorization") or self._websocket.headers.get("authorization")
        if given is None and (kept := CookieJar(self._runtime.app.settings).access_token(self._websocket)):
            given, self._changes = f"Bearer {kept}", False
        return given

    async def _acknowledge(self, given: object) -> None:
        """An invalid token ends the connection, none makes it anonymous."""
        if given is not None:
            await self._authenticate(given)
        self._acknowledged = True
        await self.send({"type": "connection_ack"})
        self._runtime.measure(Transport.WEBSOCKET)

    async def _authenticate(self, given: object) -> None:
        try:
            async with self._openings.turn(self._runtime.app.openings, self._network):
                self.viewer = await self._runtime.viewer(str(given))
        except Unauthenticated as error:
            raise CloseError(4403, "Forbidden") from error
        except Exception as error:
            _, extensions = failure(error)
            self._runtime.measure(Transport.WEBSOCKET, [extensions["code"]])
            raise CloseError(1013 if extensions["code"] == "UNAVAILABLE" else 1011, extensions["code"]) from error
        self._joined(self)

    async def _receive(self) -> dict[str, Any]:
        """The next message. Raises CloseError for what is none of the protocol's."""
        frame = await self._websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1000))
        early = self._pace.wait(len(frame.get("text") or ""), asyncio.get_running_loop().time())
        if early > 0:
            await asyncio.sleep(early)
        return message_in(frame)

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                await self.send({"type": "pong"})
            case "pong":
                pass
            case "connection_init":
                raise CloseError(4429, "Too many initialisation requests")
            case "subscribe":
                await self._subscribe(id_of(message), message)
            case "complete":
                running = self._operations.pop(id_of(message), None)
                if running is not None:
                    running.heard = False
                    running.stop()
            case _:
                raise CloseError(4400, "Unknown message type")

    async def _subscribe(self, operation_id: str, message: dict[str, Any]) -> None:
        if operation_id in self._operations:
            raise CloseError(4409, f"Subscriber for {operation_id} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            most = f"A socket has at most {MAX_OPERATIONS} operations."
            await self._refuse(operation_id, most, {"code": "RATE_LIMITED", "retryAfter": 1})
            return
        try:
            operation = operation_in(payload_of(message), self._runtime.trusted)
        except BadRequestError as error:
            await self._refuse(operation_id, error.message, {"code": error.code})
            return
        running = _Running(operation_id, self._context(), self, self._peer)
        self._operations[operation_id] = running
        self._running.add(running)
        running.task = asyncio.create_task(self._run(operation, running))
        running.task.add_done_callback(partial(self._done, running))

    def _context(self) -> Context:
        return Context(self._runtime.app, self._client, changes=self._changes, openings=self._openings)

    async def _run(self, operation: Operation, running: "_Running") -> None:
        """Answer one operation. Its id is free again before its last message is sent, as the protocol wants."""
        errors = await running.run(self._runtime, operation)
        last = {"type": "error", "payload": errors} if errors else {"type": "complete"}
        if running.heard:
            del self._operations[running.id]
            await self.send({"id": running.id, **last})

    async def present_viewer(self) -> Viewer | None:
        """The viewer with role and session as they are now; the socket ends when the session has.

        A role that is lowered ends it too: what it has open was begun with the other one.
        """
        if self.viewer is None:
            return None
        try:
            async with self._openings.turn(self._runtime.app.openings, self._network):
                fresh = await access.renewed(self._runtime.app, self.viewer)
        except access.Suspended:
            await self.close(*SUSPENDED)
            raise
        except Unauthenticated:
            await self.close(*ENDED)
            raise
        if access.may_less(fresh.user.role, self.viewer.user.role):
            await self.close(*LOWERED)
            raise Unauthenticated
        raised = fresh.user.role is not self.viewer.user.role
        self.viewer = fresh
        if raised:
            self._joined(self)
        return fresh

    async def _refuse(self, operation_id: str, message: str, extensions: dict[str, Any]) -> None:
        errors = [{"message": message, "extensions": extensions}]
        await self.send({"id": operation_id, "type": "error", "payload": errors})

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message after those before it."""
        await self._peer.send(message)

    async def _let_go(self) -> None:
        self._stop()
        if self._running:
            await asyncio.wait([running.task for running in self._running if running.task])
        self._operations.clear()  # they know their socket

    def _done(self, running: _Running, task: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        running.let_go()
        if not task.cancelled() and (error := task.exception()):
            log.error("socket.operation_failed", exc_info=error)
