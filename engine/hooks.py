"""The hooks of Strawberry's extensions, looked up once for a set of extensions and not in each request.

What they are and when they run is Strawberry's: a generator's first part before a step, its second part after it, in
the order of the extensions and back. Its runner inspects every extension four times in each request, and makes four
stacks of context managers, most of them empty.
"""

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, cast

from strawberry.extensions import SchemaExtension
from strawberry.extensions.context import (
    ExecutingContextManager,
    ExtensionContextManagerBase,
    OperationContextManager,
    ParsingContextManager,
    ValidationContextManager,
)
from strawberry.extensions.runner import SchemaExtensionsRunner


class Hook(NamedTuple):
    """One hook of the extension at this place in the list; `enter` makes its context manager."""

    place: int
    enter: Callable[[SchemaExtension], Any]
    waits: bool


class Step:
    """Runs hooks around a step, as Strawberry does: what a hook swallows goes on all the same."""

    __slots__ = ("_extensions", "_hooks", "_only", "_stack")

    def __init__(self, extensions: list[SchemaExtension], hooks: tuple[Hook, ...]) -> None:
        self._extensions = extensions
        self._hooks = hooks
        self._only: Any = None
        self._stack: AsyncExitStack | None = None

    async def __aenter__(self) -> None:
        match self._hooks:
            case ():
                pass
            case (hook,):
                self._only = hook.enter(self._extensions[hook.place])
                if hook.waits:
                    await self._only.__aenter__()
                else:
                    self._only.__enter__()
            case several:
                async with AsyncExitStack() as stack:  # one that fails ends those before it at once
                    for hook in several:
                        manager = hook.enter(self._extensions[hook.place])
                        if hook.waits:
                            await stack.enter_async_context(manager)
                        else:
                            stack.enter_context(manager)
                    self._stack = stack.pop_all()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stack is not None:
            await self._stack.__aexit__(kind, error, trace)
        elif self._only is not None:
            if self._hooks[0].waits:
                await self._only.__aexit__(kind, error, trace)
            else:
                self._only.__exit__(kind, error, trace)


class KnownHooks(SchemaExtensionsRunner):
    """Strawberry's runner for asynchronous operations, which knows the hooks of the extensions it has seen."""

    def operation(self) -> OperationContextManager:
        return cast("OperationContextManager", self._step(OperationContextManager))

    def validation(self) -> ValidationContextManager:
        return cast("ValidationContextManager", self._step(ValidationContextManager))

    def parsing(self) -> ParsingContextManager:
        return cast("ParsingContextManager", self._step(ParsingContextManager))

    def executing(self) -> ExecutingContextManager:
        return cast("ExecutingContextManager", self._step(ExecutingContextManager))

    def _step(self, manager: type[ExtensionContextManagerBase]) -> Step | ExtensionContextManagerBase:
        hooks = hooks_of(manager.HOOK_NAME, tuple(map(type, self.extensions)))
        return manager(self.extensions) if hooks is None else Step(self.extensions, hooks)


@lru_cache(64)
def hooks_of(name: str, extensions: tuple[type[SchemaExtension], ...]) -> tuple[Hook, ...] | None:
    """The hooks of this name; None where one is no generator, which Strawberry wraps by itself."""
    hooks = []
    for place, extension in enumerate(extensions):
        hook = getattr(extension, name)
        if hook is getattr(SchemaExtension, name):
            continue
        if inspect.isasyncgenfunction(hook):
            hooks.append(Hook(place, asynccontextmanager(hook), waits=True))
        elif inspect.isgeneratorfunction(hook):
            hooks.append(Hook(place, contextmanager(hook), waits=False))
        else:
            return None
    return tuple(hooks)
