"""How generated code sees objects: by names of its module, allotted while it is written."""

from itertools import count
from typing import Any, Protocol


class Names(Protocol):
    """Allots the global names of a generated module."""

    def constant(self, value: object, hint: str) -> str:
        """The name under which the generated code sees the value; the hint is part of it."""
        ...


class Constants:
    """Names that begin with their hint and end with a number. `values` are the globals of the code that uses them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._numbers = count(1)

    def constant(self, value: object, hint: str) -> str:
        """The same object has one name, the one it was given first."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"{hint}_{next(self._numbers)}"
            self.values[name] = value
        return name
