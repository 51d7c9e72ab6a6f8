"""An operation becomes Python: one function for each selection set of an object type."""

from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from engine.errors import Unsupported
from engine.fields import Selected
from engine.leaves import leaf
from engine.names import Locals, Names, snake
from engine.objects import attribute_of, classes_of, members_of
from engine.operations import Operation
from engine.running import gathered, gathered_items

MAX_LINES = 4_000
"""Longer code than this is not worth compiling: its document asks for more than any application's."""
UNCAST = f" and not hasattr({{0}}, {TYPE_CAST_ATTRIBUTE!r})"


class Writer:
    """Writes the functions of one operation."""

    def __init__(self, operation: Operation, variable_values: Any) -> None:
        self.operation = operation
        self.schema = operation.schema
        self.variable_values = variable_values
        self.names = Names()
        self.names.known("gathered", gathered)
        self.names.known("gathered_items", gathered_items)
        self.lines: list[str] = []
        self.functions: dict[tuple[GraphQLObjectType, int], str] = {}
        self.fast: list[tuple[dict[type, Any], type, str]] = []

    def write(self) -> str:
        """The source; the function of the operation's root is `root`."""
        operation = self.operation
        grouped = collect_fields(
            self.schema, operation.fragments, self.variable_values, operation.root_type, operation.node
        ).grouped_field_set
        self.grouped = grouped
        self._selection("root", operation.root_type, grouped)
        return "\n".join(self.lines) + "\n"

    def _add(self, lines: list[str]) -> None:
        self.lines += lines
        if len(self.lines) > MAX_LINES:
            raise Unsupported("size")

    def _object(self, type_: GraphQLObjectType, details: FieldDetailsList) -> str:
        """The function that completes the objects of a type, as these fields select them."""
        key = type_, id(details)
        name = self.functions.get(key)
        if name is None:
            grouped = collect_subfields(
                self.schema,
                self.operation.fragments,
                self.variable_values,
                self.operation.node,
                type_,
                details,
            ).grouped_field_set
            name = self.functions[key] = self.names.new(snake(type_.name))
            self._selection(name, type_, grouped)
        return name

    def _selection(self, name: str, type_: GraphQLObjectType, grouped: GroupedFieldSet) -> None:
        local = Locals("run", "source", "path", "late", "error", "info", "data", "complete")
        lines = [f"def {name}(run, source, path):", f"    # {type_.name}", "    late = None", "    try:"]
        data: list[str] = []
        for key, details in grouped.items():
            definition = self.schema.get_field(type_, details[0].node.name.value)
            if definition is None:
                continue
            if details[0].node.name.value == "__typename":
                data.append(f"{key!r}: {type_.name!r}")
                continue
            selected = Selected(key, type_, definition, details)
            value = local.of(key)
            lines += [f"        # {selected.coordinates}: {definition.type}"]
            lines += ["        " + line for line in self._field(selected, value)]
            data.append(f"{key!r}: {value}")
        if len(lines) == 4:
            lines.append("        pass")
        lines += [
            "    except Exception:",
            "        run.abandon(late)",
            "        raise",
            "    data = {" + ", ".join(data) + "}",
            "    return data if late is None else gathered(data, late)",
            "",
            "",
        ]
        self._add(lines)

    def _field(self, field: Selected, value: str) -> list[str]:
        """The lines that resolve and complete one field into a local name."""
        before, resolve, path = self._resolve(field)
        constant = self.constant = self.names.constant(field.key, field)
        resolve = resolve.format(constant)
        before = [line.format(constant) for line in before]
        info = ", info" if before else ""
        finish = [
            f"{value} = run.finish({constant}, {value}, path{info})",
            f"late = run.later(late, {constant}, {value})",
        ]
        lines = [f"{value} = {resolve}", *self._complete(field, constant, value, path, finish)]
        return [
            *before,
            "try:",
            *("    " + line for line in lines),
            "except Exception as error:",
            f"    {value} = run.failed({constant}, error, path)",
        ]

    def _resolve(self, field: Selected) -> tuple[list[str], str, str]:
        path = f"(path, {field.key!r}, {field.parent.name!r})"
        attribute = attribute_of(field.definition)
        if attribute is not None:
            return [], f"source.{attribute}", path
        if field.definition.resolve is None:
            return [], "run.default({0}, source, path)", path
        resolve = self.names.constant(f"resolve_{field.name}", field.definition.resolve)
        node = field.details[0].node
        arguments = ", **run.arguments({0})" if field.definition.args or node.arguments else ""
        return ["info = run.info({0}, path)"], f"{resolve}(source, info{arguments})", path

    def _complete(
        self, field: Selected, constant: str, value: str, path: str, finish: list[str]
    ) -> list[str]:
        type_: Any = field.type
        inner = get_nullable_type(type_)
        null = not is_non_null_type(type_)
        otherwise = f"elif {value} is not None:" if null else "else:"
        if is_leaf_type(inner):
            return self._leaf(inner, constant, value, null, finish)
        if is_object_type(inner):
            name, test = self._object_test(field.fast, inner, field, value)
            if test is None:
                return finish
            call = f"{name}(run, {value}, {path})"
        elif is_abstract_type(inner):
            table = self._abstract(field.fast, inner, field, constant)
            if table is None:
                return finish
            uncast = UNCAST.format(value)
            object.__setattr__(field, "cast", True)
            return [
                f"complete = {table}.get(type({value}))",
                f"if complete is not None{uncast}:",
                f"    {value} = complete(run, {value}, {path})",
                *self._guard(constant, value, "dict"),
                otherwise,
                *("    " + line for line in finish),
            ]
        else:
            name_ = self._list(field, inner.of_type, constant)
            if name_ is None:
                return finish
            self.fast += [(field.fast, list, name_), (field.fast, tuple, name_)]
            test = f"type({value}) is list or type({value}) is tuple"
            call = f"{name_}(run, {value}, {path})"
            return [
                f"if {test}:",
                f"    {value} = {call}",
                *self._guard(constant, value, "list"),
                otherwise,
                *("    " + line for line in finish),
            ]
        return [
            f"if {test}:",
            f"    {value} = {call}",
            *self._guard(constant, value, "dict"),
            otherwise,
            *("    " + line for line in finish),
        ]

    def _guard(self, constant: str, value: str, kind: str) -> list[str]:
        return [
            f"    if type({value}) is not {kind}:",
            f"        late = run.later(late, {constant}, run.guarded({constant}, {value}, path))",
        ]

    def _leaf(self, type_: Any, constant: str, value: str, null: bool, finish: list[str]) -> list[str]:  # ruff: ignore[boolean-type-hint-positional-argument]
        known = leaf(type_, self.names)
        test = known.test.format(value)
        slow = ["    " + line for line in finish]
        if known.write is None:
            null_test = f"{value} is not None and " if null else ""
            return [f"if {null_test}not {test}:", *slow]
        lines = [f"if {test}:", f"    {value} = {known.write.format(value)}"]
        if not known.pure:
            plain = self.names.known("PLAIN", self.names.values["PLAIN"])
            lines += [
                f"    if type({value}) not in {plain} and run.is_awaitable({value}):",
                f"        late = run.later(late, {constant}, run.guarded({constant}, {value}, path))",
            ]
        return [*lines, f"elif {value} is not None:" if null else "else:", *slow]

    def _object_test(self, fast: dict[type, Any], type_: Any, field: Selected, value: str) -> tuple[str, str | None]:
        name = self._object(type_, field.details)
        classes = classes_of(type_)
        if not classes:
            return name, None
        self.fast += [(fast, class_, name) for class_ in classes]
        tests = [f"type({value}) is {self.names.known(self._class(class_), class_)}" for class_ in classes]
        test = tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"
        if type_.is_type_of is not None:
            test += UNCAST.format(value)
            object.__setattr__(field, "cast", True)
        return name, test

    def _class(self, class_: type) -> str:
        for name, value in self.names.values.items():
            if value is class_:
                return name
        return self.names.new(class_.__name__)

    def _abstract(self, fast: dict[type, Any], type_: Any, field: Selected, constant: str) -> str | None:
        for possible in self.schema.get_possible_types(type_):
            self._object(possible, field.details)
        members = members_of(self.schema, type_)
        if not members:
            return None
        self.fast += [(fast, class_, self._object(member, field.details)) for class_, member in members.items()]
        return self.names.constant(f"{field.key}_by_class", fast)

    def _list(self, field: Selected, item_type: GraphQLOutputType, constant: str) -> str | None:
        inner = get_nullable_type(item_type)
        if is_list_type(inner):
            self._inside(inner, field)
            return None
        null = not is_non_null_type(item_type)
        item = self.names.constant(f"{field.key}_item", item_type)
        name = self.names.new(snake(field.key))
        if is_leaf_type(inner):
            return self._leaves(name, field, inner, constant, null)
        fast: dict[type, Any] = {}
        if is_object_type(inner):
            function, test = self._object_test(fast, inner, field, "value")
            if test is None:
                return None
            chosen = []
        else:
            table = self._abstract(fast, inner, field, constant)
            if table is None:
                return None
            function, test = "complete", "complete is not None" + UNCAST.format("value")
            chosen = [f"            complete = {table}.get(type(value))"]
        self._add([
            f"def {name}(run, values, path):",
            f"    # {field.coordinates}: {field.type}",
            "    done = []",
            "    late = []",
            "    values = iter(values)",
            "    try:",
            "        for value in values:",
            *chosen,
            f"            if {test}:",
            "                index = len(done)",
            "                try:",
            f"                    value = {function}(run, value, (path, index, None))",
            "                except Exception as error:",
            f"                    value = run.item_failed({constant}, {item}, error, path, index)",
            "                if value is not None and type(value) is not dict:",
            f"                    value = run.item_guarded({constant}, {item}, value, path, index)",
            "                    late.append(index)",
            "                done.append(value)",
            *(["            elif value is None:", "                done.append(None)"] if null else []),
            f"            elif run.item({constant}, {item}, value, done, path):",
            "                late.append(len(done) - 1)",
            "    except Exception:",
            "        run.abandon_items(done, late, values)",
            "        raise",
            "    return gathered_items(done, late) if late else done",
            "",
            "",
        ])
        return name

    def _inside(self, type_: Any, field: Selected) -> None:
        """Write the selections of nested lists' items."""
        while is_list_type(type_):
            type_ = get_nullable_type(type_.of_type)
        if is_object_type(type_):
            self._object(type_, field.details)
        elif is_abstract_type(type_):
            for possible in self.schema.get_possible_types(type_):
                self._object(possible, field.details)

    def _leaves(self, name: str, field: Selected, type_: Any, constant: str, null: bool) -> str | None:  # ruff: ignore[boolean-type-hint-positional-argument]
        known = leaf(type_, self.names)
        if not known.pure:
            return None
        test = known.test.format("value")
        if null:
            test = f"value is None or {test}"
        written = known.write.format("value") if known.write else "value"
        if null and known.write:
            written = f"None if value is None else {written}"
        self._add([
            f"def {name}(run, values, path):",
            f"    # {field.coordinates}: {field.type}",
            "    for value in values:",
            f"        if not ({test}):",
            f"            return run.leaves({constant}, values, path)",
            f"    return [{written} for value in values]" if known.write else "    return list(values)",
            "",
            "",
        ])
        return name
