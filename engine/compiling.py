"""An operation becomes Python: one function for each selection set of an object type, and one for each list of objects.

Which fields are selected, in which order and from which nodes, is found by graphql-core's own `collect_fields`, once.
"""

from collections.abc import Iterable
from typing import Any

from graphql import (
    GraphQLObjectType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import VariableValues
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from engine.awaiting import gathered, gathered_items
from engine.errors import Unsupported
from engine.fields import Complete, Selected, Selection
from engine.leaves import is_written_plainly, leaf_value
from engine.names import Names, snake
from engine.objects import is_known_by_class, members_of, read_of, sources_of
from engine.operations import Operation
from engine.writing import lists
from engine.writing.selections import SelectionWriter
from engine.writing.values import Value

MAX_LINES = 1_500
"""Longer code is not worth compiling: its document asks for more than any page of an application does."""
MAX_FIELDS = 2_000
"""As many fields, counted through fragments wherever they are spread."""
UNCAST = "not hasattr({0}, CAST)"


Subfields = tuple[list[Selected], GroupedFieldSet]
"""The fields of a selection, and what graphql-core collected them as."""


class Compiler:
    """Compiles one operation."""

    def __init__(self, operation: Operation, values: VariableValues) -> None:
        self._operation = operation
        self._schema = operation.schema
        self._values = values
        self._lines: list[str] = []
        self._count = 0
        self._helpers: dict[str, str] = {}
        self._subfields: dict[tuple[GraphQLObjectType, int], Subfields] = {}
        self._fast: list[tuple[dict[type, Complete], type, str]] = []
        self.selections: dict[tuple[GraphQLObjectType, int], Selection] = {}
        self.names = Names()
        self.names.known("CAST", TYPE_CAST_ATTRIBUTE)
        self.names.known("gathered", gathered)
        self.names.known("gathered_items", gathered_items)

    def compile(self) -> tuple[str, Selection]:
        """The source, and the root's selection with all functions made. Raises Unsupported."""
        operation = self._operation
        grouped = collect_fields(
            self._schema, operation.fragments, self._values, operation.root_type, operation.node
        ).grouped_field_set
        fields = self._selected(operation.root_type, grouped)
        root = self._written("root", operation.root_type, [], (fields, grouped))
        source = "\n".join(self._lines).rstrip() + "\n"
        namespace = self.names.values
        exec(compile(source, "<compiled GraphQL>", "exec"), namespace)  # ruff: ignore[exec-builtin] -- its own writing
        for fast, class_, name in self._fast:
            fast[class_] = namespace[name]
        for selection in (root, *self.selections.values()):
            selection.complete = namespace[selection.function]
        return source, root

    def add(self, lines: list[str]) -> None:
        """A function. Raises Unsupported for one too many."""
        self._lines += lines
        if len(self._lines) > MAX_LINES:
            raise Unsupported("size")

    def helper(self, hint: str, lines: list[str]) -> str:
        """The name of a function that may be there already."""
        text = "\n".join(lines)
        if text not in self._helpers:
            self._helpers[text] = self.names.new(hint)
            self.add([line.replace("{name}", self._helpers[text]) for line in lines])
        return self._helpers[text]

    def complete(self, field: Selected, classes: Iterable[type], function: str) -> None:
        """Have values of these classes completed by a function, wherever they come from."""
        self._fast += [(field.fast, class_, function) for class_ in classes]

    def constant(self, field: Selected) -> str:
        """The name of a field."""
        return self.names.constant(field, field.key)

    def subfields(self, type_: GraphQLObjectType, details: FieldDetailsList) -> list[Selected]:
        """What is selected of the objects of a type."""
        key = type_, id(details)
        if key not in self._subfields:
            operation = self._operation
            collected = collect_subfields(
                self._schema, operation.fragments, self._values, operation.node, type_, details
            )
            self._subfields[key] = self._selected(type_, collected.grouped_field_set), collected.grouped_field_set
        return self._subfields[key][0]

    def _selected(self, type_: GraphQLObjectType, grouped: GroupedFieldSet) -> list[Selected]:
        self._count += len(grouped)
        if self._count > MAX_FIELDS:
            raise Unsupported("size")
        found = (
            (key, details, self._schema.get_field(type_, details[0].node.name.value))
            for key, details in grouped.items()
        )
        return [Selected(key, type_, definition, details) for key, details, definition in found if definition]

    def is_read_whole(self, field: Selected) -> bool:
        """Whether a field is read in one expression with all that is in it."""
        type_ = get_nullable_type(field.type)
        if is_list_type(type_):
            return is_written_plainly(get_nullable_type(type_.of_type))
        return is_written_plainly(type_) or self.are_read_whole(type_, field.details)

    def are_read_whole(self, type_: Any, details: FieldDetailsList) -> bool:
        """Whether objects of a type are read in one expression."""
        sources = sources_of(type_) if is_object_type(type_) else ()
        if not sources or not is_known_by_class(type_):
            return False
        for field in self.subfields(type_, details):
            read = read_of(field.definition, field.name, sources)
            if field.name != "__typename" and (read is None or not read.pure or not self.is_read_whole(field)):
                return False
        return True

    def value(self, field: Selected) -> Value | None:
        """What is known of a field's values; None where graphql-core has to look at each."""
        return self._value(field, field.type, field.fast)

    def _value(self, field: Selected, type_: Any, fast: dict[type, Complete] | None) -> Value | None:
        inner = get_nullable_type(type_)
        if is_leaf_type(inner):
            value: Value | None = leaf_value(inner, self.names)
        elif is_object_type(inner):
            value = self._object(field, inner, fast)
        elif is_abstract_type(inner):
            value = self._abstract(field, inner, fast)
        else:
            value = self._list(field, inner.of_type, nested=fast is None)
        return value if value is None or is_non_null_type(type_) else value.nullable()

    def _list(self, field: Selected, item_type: Any, *, nested: bool) -> Value | None:
        inner = get_nullable_type(item_type)
        if nested or is_list_type(inner):
            return None
        if self.are_read_whole(inner, field.details):
            return lists.objects(self, field, Value(self.object_test(field, inner)))
        item = self._value(field, item_type, None)
        if item is None or is_leaf_type(inner):
            return lists.leaves(self, item) if item and item.complete is None else None
        return lists.objects(self, field, item)

    def object_test(self, field: Selected, type_: GraphQLObjectType) -> str:
        """Whether a value is an object of a type, where that is known by its class."""
        tests = [f"type({{0}}) is {self.names.class_(class_)}" for class_ in sources_of(type_)]
        test = tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"
        if type_.is_type_of is None:
            return test
        field.castable = True
        return f"{test} and {UNCAST}"

    def _object(self, field: Selected, type_: GraphQLObjectType, fast: dict[type, Complete] | None) -> Value | None:
        selection = self._selection(type_, field.details)
        classes = sources_of(type_)
        if not classes or not is_known_by_class(type_):
            return None
        if fast is not None:
            self.complete(field, classes, selection.function)
        complete = f"{selection.function}(run, {{0}}, {{1}})"
        test = self.object_test(field, type_)
        return Value(test, complete=complete, done="type({0}) is dict")

    def _abstract(self, field: Selected, type_: Any, fast: dict[type, Complete] | None) -> Value | None:
        selections = {
            possible: self._selection(possible, field.details) for possible in self._schema.get_possible_types(type_)
        }
        members = members_of(self._schema, type_)
        if not members:
            return None
        field.castable = True
        table = fast if fast is not None else {}
        self._fast += [(table, class_, selections[member].function) for class_, member in members.items()]
        name = self.names.constant(table, f"{field.key}_by_class")
        return Value(
            f"type({{0}}) in {name} and {UNCAST}",
            complete=f"{name}[type({{0}})](run, {{0}}, {{1}})",
            done="type({0}) is dict",
        )

    def _selection(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        key = type_, id(details)
        if key not in self.selections:
            self.subfields(type_, details)
            name = self.names.new(snake(type_.name))
            self.selections[key] = self._written(name, type_, details, self._subfields[key])
        return self.selections[key]

    def _written(
        self, name: str, type_: GraphQLObjectType, details: FieldDetailsList, subfields: Subfields
    ) -> Selection:
        fields, grouped = subfields
        writer = SelectionWriter(self, name, type_)
        for field in fields:
            writer.add(field)
        selection = Selection(type_, details, grouped, writer.sources, name)
        self.add(writer.lines(selection))
        return selection
