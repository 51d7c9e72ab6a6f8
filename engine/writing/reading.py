"""Objects that are read in one expression: each term of it names what it reads and tests it."""

from typing import TYPE_CHECKING

from graphql import GraphQLObjectType, get_nullable_type, is_non_null_type

from engine.fields import Selected
from engine.names import Locals
from engine.objects import Read, read_of, sources_of
from engine.writing.values import AS_IT_IS, Value, indented, named

if TYPE_CHECKING:
    from engine.compiling import Compiler


class Reading:
    """The expression under which an object is as expected, and the answer then."""

    def __init__(
        self, compiler: "Compiler", names: Locals, source: str, type_: GraphQLObjectType, missing: str = ""
    ) -> None:
        self._compiler = compiler
        self._names = names
        self._source = source
        self._sources = sources_of(type_)
        self._terms: list[list[str]] = []
        self._entries: list[tuple[str, str, str]] = []
        self._missing = missing
        self.writes: list[str] = []
        """Lines that write what is more than its name, so that `named` is the answer: for where code runs before it."""

    @property
    def sources(self) -> frozenset[type]:
        """The classes whose objects can be read; empty for all."""
        return frozenset(self._sources if self._terms else ())

    def read(self, field: Selected) -> Read | None:
        """How a field is read; None for a resolver."""
        return read_of(field.definition, field.name, self._sources)

    def python(self, read: Read) -> str:
        """The expression that reads a field."""
        return read.python.format(self._source)

    def answer(self, key: str, python: str, named: str = "") -> None:
        """Add an entry of the answer."""
        self._entries.append((key, python, named or python))

    def add(self, field: Selected, name: str, read: Read, value: Value) -> None:
        """A field whose value is answered, or completed, by its name."""
        self._terms.append([f"{named(value.test, name, self.python(read))}  # {field.coordinates}"])
        written = value.write.format(name)
        self.answer(field.key, written, name)
        if value.write != AS_IT_IS:
            self.writes.append(f"{name} = " + (f"None if {self._missing} else {written}" if self._missing else written))

    def add_whole(self, field: Selected, name: str) -> None:
        """A field that is read with all that is in it."""
        if field.name == "__typename":
            self.answer(field.key, repr(field.parent.name))
            return
        read, type_ = self.read(field), get_nullable_type(field.type)
        assert read is not None
        if isinstance(type_, GraphQLObjectType):
            self._add_object(field, name, read, type_)
        else:
            value = self._compiler.value(field)
            assert value is not None
            self.add(field, name, read, value)

    def _add_object(self, field: Selected, name: str, read: Read, type_: GraphQLObjectType) -> None:
        missing = self._missing
        if not is_non_null_type(field.type):
            missing = f"{missing} or {name} is None" if missing else f"{name} is None"
        inner = Reading(self._compiler, self._names, name, type_, missing)
        for child in self._compiler.subfields(type_, field.details):
            inner.add_whole(child, self._names.of(f"{field.key}_{child.key}"))
        test, written, named_ = self._compiler.object_test(field, type_), inner.written(), inner.named()
        if is_non_null_type(field.type):
            self._terms += [[f"{named(test, name, self.python(read))}  # {field.coordinates}"], *inner._terms]
        else:
            found = f"({name} := {self.python(read)}) is None  # {field.coordinates}"
            there = conjunction([[test.format(name)], *inner._terms])
            self._terms.append(["(", *indented([found, "or (", *indented(there), ")"]), ")"])
            written, named_ = (f"None if {name} is None else {each}" for each in (written, named_))
        self.answer(field.key, written, named_)
        self.writes += inner.writes

    def condition(self) -> list[str]:
        """The lines of the expression."""
        return conjunction(self._terms)

    def written(self) -> str:
        """The answer."""
        return "{" + ", ".join(f"{key!r}: {python}" for key, python, _ in self._entries) + "}"

    def named(self) -> str:
        """The same after `writes`."""
        return "{" + ", ".join(f"{key!r}: {name}" for key, _, name in self._entries) + "}"


def conjunction(terms: list[list[str]]) -> list[str]:
    """The lines of an expression that holds where all terms hold."""
    first, *others = terms
    return [*first, *(line for first_line, *rest in others for line in (f"and {first_line}", *rest))]
