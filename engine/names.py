"""Names in the generated code, and what they stand for."""

import builtins
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
USED = frozenset(
    {"run", "source", "path", "late", "error", "data", "expected", "inf", "gathered", "gathered_items"}
    | {"values", "value", "index", "done"}
)
"""What the generated functions call things of their own."""
_CAPITALIZED = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z0-9]*(?<![0-9])")
"""Class names that are neither a constant's nor a local's: those of arguments end in a digit."""
_NUMBERED = re.compile(r"_[0-9]+$")
"""How the names of functions and constants end."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """A GraphQL name as Python spells it: `secondsLeft` is `seconds_left`."""
    return _WORD.sub("_", name).lower()


class Names:
    """The global names of one generated module, each with its value."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._named: dict[int, str] = {}
        self._made_of: dict[int, str] = {}
        self._made = 0

    def known(self, name: str, value: Any) -> str:
        """A name that says enough by itself."""
        self.values[name] = value
        return name

    def constant(self, value: object, hint: str) -> str:
        """The name of a value, in capitals. One object has one name, the one that it was given first."""
        if isinstance(value, type):
            return self.class_(value)
        name = self._named.get(id(value))
        if name is None:
            name = self._named[id(value)] = self.new(snake(hint).upper())
            self.values[name] = value
        return name

    def made(self, of: object, hint: str, make: Callable[[], object]) -> str:
        """The name of what is made, once, of an object that lives on."""
        name = self._made_of.get(id(of))
        if name is None:
            name = self._made_of[id(of)] = self.constant(make(), hint)
        return name

    def class_(self, class_: type) -> str:
        """The name of a class."""
        name = self._named.get(id(class_))
        if name is None:
            own = class_.__name__
            free = own not in self.values and own not in RESERVED and _CAPITALIZED.fullmatch(own)
            name = self._named[id(class_)] = own if free or vars(builtins).get(own) is class_ else self.new(own)
            self.values[name] = class_
        return name

    def new(self, hint: str) -> str:
        """A name that nothing has yet."""
        self._made += 1
        return f"{hint}_{self._made}"


@dataclass(frozen=True, slots=True)
class NamesOf:
    """The same names, for what belongs to a field."""

    names: Names
    field: str

    def constant(self, value: object, hint: str) -> str:
        """The name of a value, with the field's in it."""
        return self.names.constant(value, f"{hint}_{self.field}")


class Locals:
    """The local names of one generated function."""

    def __init__(self) -> None:
        self._taken = {*RESERVED, *USED}

    def of(self, key: str) -> str:
        """The local name of a response key."""
        name = snake(key)
        while name in self._taken or _NUMBERED.search(name):
            name += "_"
        self._taken.add(name)
        return name
