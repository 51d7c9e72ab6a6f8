"""Ports whose calls are spans. Where nothing is traced no port is touched, and a call costs what it did."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.tracing.port import Tracing

LEFT_ALONE = {"open", "close"}


def watch(tracing: Tracing, port: str, variant: object) -> None:
    """Make each public coroutine function of this object a span, named by the port. What it is given is not told."""
    for name, function in inspect.getmembers(type(variant), inspect.iscoroutinefunction):
        if not name.startswith("_") and name not in LEFT_ALONE:
            traced = _traced(tracing, f"{port}.{name}", type(variant).__name__, getattr(variant, function.__name__))
            setattr(variant, name, traced)


def _traced(
    tracing: Tracing, name: str, variant: str, call: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    @wraps(call)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        with tracing.span(name, outward=True, porchlight__variant=variant):
            return await call(*args, **kwargs)

    return watched
