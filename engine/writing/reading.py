"""Objects that are read in one expression: each term of it names what it reads and tests it."""

from typing import TYPE_CHECKING

from graphql import GraphQLObjectType, get_nullable_type, is_non_null_type

from engine.fields import Selected
from engine.names import Locals
from engine.objects import Read, read_of, sources_of
from engine.writing.values import Value, indented, named

if TYPE_CHECKING:
    from engine.compiling import Compiler


class Reading:
    """The expression under which an object is as expected, and the answer then."""

    def __init__(self, compiler: "Compiler", names: Locals, source: str, type_: GraphQLObjectType) -> None:
        self._compiler = compiler
        self._names = names
        self._source = source
        self._sources = sources_of(type_)
        self._terms: list[list[str]] = []
        self._entries: list[str] = []

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

    def answer(self, key: str, python: str) -> None:
        """Add an entry of the answer."""
        self._entries.append(f"{key!r}: {python}")

    def add(self, field: Selected, name: str, read: Read, value: Value) -> None:
        """A field whose value is answered, or completed, by its name."""
        self._terms.append([f"{named(value.test, name, self.python(read))}  # {field.coordinates}"])
        self.answer(field.key, value.write.format(name))

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
        inner = Reading(self._compiler, self._names, name, type_)
        for child in self._compiler.subfields(type_, field.details):
            inner.add_whole(child, self._names.of(f"{field.key}_{child.key}"))
        test, written = self._compiler.object_test(field, type_), inner.written()
        if is_non_null_type(field.type):
            self._terms += [[f"{named(test, name, self.python(read))}  # {field.coordinates}"], *inner._terms]
        else:
            found = f"({name} := {self.python(read)}) is None  # {field.coordinates}"
            there = conjunction([[test.format(name)], *inner._terms])
            self._terms.append(["(", *indented([found, "or (", *indented(there), ")"]), ")"])
            written = f"None if {name} is None else {written}"
        self.answer(field.key, written)

    def condition(self) -> list[str]:
        """The lines of the expression."""
        return conjunction(self._terms)

    def written(self) -> str:
        """The answer."""
        return "{" + ", ".join(self._entries) + "}"


def conjunction(terms: list[list[str]]) -> list[str]:
    """The lines of an expression that holds where all terms hold."""
    first, *others = terms
    return [*first, *(line for first_line, *rest in others for line in (f"and {first_line}", *rest))]
