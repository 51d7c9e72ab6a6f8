"""Taking sockets in: whose origin and protocol are right is served, and watched while it lasts."""

from starlette.websockets import WebSocket

from web.client import client_of
from web.runtime import Runtime
from web.sockets.connection import Socket
from web.watch import Watch

PROTOCOL = "graphql-transport-ws"


class Sockets:
    """Serves WebSockets."""

    def __init__(self, runtime: Runtime, watch: Watch) -> None:
        self._runtime = runtime
        self._watch = watch

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket to its end."""
        settings = self._runtime.app.settings
        origin = websocket.headers.get("origin")
        if origin is not None and origin.lower() not in settings.origins:
            await websocket.close(1008)
            return
        if PROTOCOL not in websocket.scope.get("subprotocols", []):
            await websocket.accept()
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        await websocket.accept(PROTOCOL)
        socket = Socket(websocket, self._runtime, client_of(websocket, settings.trusted_proxies), self._watch.join)
        with self._runtime.app.metrics.sockets.track_inprogress(), self._watch.open(socket):
            await socket.serve()
