"""`/graphql` over WebSocket: the graphql-transport-ws protocol, one fault harming one operation (ADR 0010).

A mutation that has begun runs to its end, whatever becomes of the socket; everything else is cancelled with it.
"""

from web.sockets.opening import Sockets

__all__ = ["Sockets"]
