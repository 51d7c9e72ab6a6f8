"""What we ask of tracing. No attribute ever holds what belongs to a person: no address, name, id, text or value."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

Value = str | int | float | bool | list[str]


class Span(Protocol):
    """A piece of work that has begun."""

    def set(self, **attributes: Value) -> None:
        """Tell more of it. A name's double underscores are dots: `http__route` is `http.route`."""
        ...

    def fail(self, reason: str) -> None:
        """Mark it as failed, for a reason of a closed set."""
        ...

    @property
    def trace_id(self) -> str | None:
        """The 32 hexadecimal digits of its trace; None where this trace is not told."""
        ...


@runtime_checkable
class Tracing(Protocol):
    """Begins spans. Each ends with its context; what it is left by marks it as failed, by the type's name alone."""

    def span(self, name: str, *, outward: bool = False, **attributes: Value) -> AbstractContextManager[Span]:
        """A part of what is being done; `outward` where somebody else does it and we wait."""
        ...

    def request(
        self, name: str, headers: Iterable[tuple[bytes, bytes]], **attributes: Value
    ) -> AbstractContextManager[Span]:
        """What is done for a request, as a part of its caller's trace where its headers name one (W3C)."""
        ...

    def job(self, name: str, cause: str | None, **attributes: Value) -> AbstractContextManager[Span]:
        """What is done later: a trace of its own, with a link to the one that `here` named when it was caused."""
        ...

    def here(self) -> str | None:
        """What is being done, as a W3C traceparent; None where nothing is told of it."""
        ...

    async def close(self) -> None:
        """Tell what has not been told yet, for a few seconds at most."""
        ...
