"""Drivers' connections that tell each statement: made only where there is somebody to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.tracing.statements import statement_span

if TYPE_CHECKING:
    import aiosqlite

    from adapters.tracing import Tracing

ASKING = ("fetch", "fetchrow", "fetchval", "execute", "executemany")
"""What sends a statement, of asyncpg's connections."""

THROUGH = "_execute"
"""What each call of aiosqlite's connections goes through."""


def traced_class(kind: type[Any], tracing: Tracing) -> type[Any]:
    """A class of asyncpg's connections whose statements are spans."""

    def watched(name: str) -> Any:
        plain = getattr(kind, name)

        async def asked(self: Any, query: str, *args: Any, **options: Any) -> Any:
            with statement_span(tracing, "postgresql", query):
                return await plain(self, query, *args, **options)

        return asked

    return type("TracedConnection", (kind,), {"__slots__": (), **{name: watched(name) for name in ASKING}})


def trace_sqlite(connection: aiosqlite.Connection, tracing: Tracing) -> None:
    """Have the statements of one of aiosqlite's connections be spans, from when they begin to wait for its thread."""
    plain = getattr(connection, THROUGH)

    async def asked(call: Any, *args: Any, **options: Any) -> Any:
        with statement_span(tracing, "sqlite", args[0] if args else None):
            return await plain(call, *args, **options)

    setattr(connection, THROUGH, asked)
