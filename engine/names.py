"""Names in the generated code, and what they stand for."""

import builtins
import keyword
import re
from collections.abc import Callable
from typing import Any

RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
USED = frozenset({"run", "source", "path", "late", "error", "info", "data", "expected", "inf"})
"""What the generated functions call things of their own."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """A GraphQL name as Python spells it: `secondsLeft` is `seconds_left`."""
    return _WORD.sub("_", name).lower()


class Names:
    """The global names of one generated module, each with its value."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._shared: dict[int, str] = {}
        self._made = 0

    def known(self, name: str, value: Any) -> str:
        """A name that says enough by itself."""
        self.values[name] = value
        return name

    def constant(self, hint: str, value: Any) -> str:
        """A new name for a value, in capitals."""
        name = self.new(snake(hint).upper())
        self.values[name] = value
        return name

    def shared(self, hint: str, of: object, make: Callable[[], Any]) -> str:
        """The name of what is made of an object that lives on, once."""
        name = self._shared.get(id(of))
        if name is None:
            name = self._shared[id(of)] = self.constant(hint, make())
        return name

    def class_(self, class_: type) -> str:
        """The name of a class."""
        name = self._shared.get(id(class_))
        if name is None:
            taken = class_.__name__ in self.values or class_.__name__ in RESERVED
            name = self._shared[id(class_)] = self.new(class_.__name__) if taken else class_.__name__
            self.values[name] = class_
        return name

    def new(self, hint: str) -> str:
        """A name that nothing has yet."""
        self._made += 1
        return f"{hint}_{self._made}"


class Locals:
    """The local names of one generated function."""

    def __init__(self, *taken: str) -> None:
        self._taken = {*RESERVED, *USED, *taken}

    def of(self, key: str) -> str:
        """The local name of a response key."""
        name = snake(key)
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
