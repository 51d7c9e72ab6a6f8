"""Names in the generated code, and what they stand for."""

import builtins
import keyword
import re
from typing import Any

RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """A GraphQL name as Python spells it: `secondsLeft` is `seconds_left`."""
    return _WORD.sub("_", name).lower()


class Names:
    """The globals of a generated module."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
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

    def new(self, hint: str) -> str:
        """A name that nothing has yet."""
        self._made += 1
        return f"{hint}_{self._made}"


class Locals:
    """The local names of a generated function."""

    def __init__(self, *taken: str) -> None:
        self._taken = {*RESERVED, *taken}

    def of(self, hint: str) -> str:
        """A local name that nothing has yet."""
        name = snake(hint)
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name
