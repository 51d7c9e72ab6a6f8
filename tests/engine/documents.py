"""Valid documents against any schema, and variables for them, right and wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
    type_from_ast,
)

NASTY = (
    "run source path late data error value values class None lambda list type str dict self root len Exception "
    "item_1 f_1 _ info resolve field_0 x_" + "x" * 70
).split()
"""Names that compiled code may have uses of its own for."""

INTROSPECTIONS = (
    "__schema { queryType { name } types { name kind fields { name type { kind name ofType { name } } } } }",
    '__type(name: "Query") { name fields(includeDeprecated: true) { name args { name defaultValue } } __typename }',
    "__schema { directives { name locations args { name } } mutationType { kind } }",
    '__type(name: "Nobody") { name }',
)
TEXTS = {
    "DateTime": '"2026-01-02T03:04:05+00:00"',
    "Date": '"2026-01-02"',
    "Time": '"03:04:05"',
    "UUID": '"12345678-1234-5678-1234-567812345678"',
    "Decimal": '"12.50"',
    "JSON": '{ deep: [1, "two"] }',
}
WRONG: tuple[Any, ...] = (
    None,
    "unlucky",
    13,
    17,
    -1.5,
    True,
    [],
    {},
    [None],
    {"x": None},
    2**40,
    "",
    [[1]],
    {"a": 1, "zz": 2},
)


@dataclass
class Fragment:
    """A fragment that is written: what it is on, and the variables that it and all below it use."""

    name: str
    on: Any
    text: str
    used: set[str]


class Writer:
    """Writes one document. A response name stands for one field with one set of arguments, so that all merge."""

    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        self.schema, self.random = schema, random
        self.identities: dict[str, tuple[str, str, str]] = {}
        self.variables: dict[str, str] = {}
        self.fragments: list[Fragment] = []
        self.used: set[str] = set()
        self.alone = random.random() < 0.92
        self.left = random.choice([6, 12, 25, 45])

    def document(self) -> str:
        """Operations, mostly one, with the fragments that they use."""
        random = self.random
        names = ["One"] if self.alone else ["One", "Two"]
        operations = []
        for name in names:
            self.used = set()
            kind = random.choice(["query"] * 7 + ["mutation"] * 2 + ["subscription"])
            root = self.schema.get_root_type(OperationType(kind))
            if root is None:
                kind, root = "query", self.schema.query_type
            selections = self._single(root) if kind == "subscription" else self.selections(root, random.randint(2, 4))
            declared = ", ".join(self.variables[name] for name in sorted(self.used))
            operations.append(f"{kind} {name}{f'({declared})' if declared else ''} {selections}")
        texts = [fragment.text for fragment in self.fragments]
        random.shuffle(texts)
        return "\n".join([*operations, *texts])

    def _single(self, root: Any) -> str:
        """A subscription has one root field."""
        return f"{{ {self.field(root, self.random.choice(list(root.fields)), 2, plain=True)} }}"

    def selections(self, type_: Any, depth: int) -> str:
        """A selection set on a type; never an empty one."""
        random = self.random
        fields = [name for name, field in getattr(type_, "fields", {}).items() if self._fits(field, depth)]
        written: list[str] = []
        for _ in range(random.randint(1, 6)):
            way = random.random()
            if way < 0.1 or not (fields or depth):
                written.append(self._typename())
            elif way < 0.25 and depth:
                written.append(self._inline(type_, depth - 1))
            elif way < 0.38 and depth:
                written.append(self._spread(type_, depth - 1))
            elif fields and self.left > 0:
                written.append(self.field(type_, random.choice(fields), depth))
            if type_ is self.schema.query_type and random.random() < 0.02:
                written.append(self._introspection())
        return f"{{ {' '.join(written or [self._typename()])} }}"

    def _fits(self, field: GraphQLField, depth: int) -> bool:
        return depth > 0 or not is_composite_type(get_named_type(field.type))

    def _introspection(self) -> str:
        number = self.random.randrange(len(INTROSPECTIONS))
        return f"x{number}: {INTROSPECTIONS[number]}"

    def _typename(self) -> str:
        return self.random.choice(["__typename", "__typename", "kind: __typename"]) + self._directives(0.1)

    def _overlapping(self, type_: Any) -> list[Any]:
        possible = self._possible(type_)
        return [
            other
            for other in self.schema.type_map.values()
            if is_composite_type(other) and not other.name.startswith("__") and possible & self._possible(other)
        ]

    def _possible(self, type_: Any) -> set[str]:
        if is_abstract_type(type_):
            return {member.name for member in self.schema.get_possible_types(type_)}
        return {type_.name}

    def _inline(self, type_: Any, depth: int) -> str:
        if self.random.random() < 0.2:
            return f"...{self._directives(0.5)} {self.selections(type_, depth)}"
        other = self.random.choice(self._overlapping(type_))
        return f"... on {other.name}{self._directives(0.25)} {self.selections(other, depth)}"

    def _spread(self, type_: Any, depth: int) -> str:
        known = [fragment for fragment in self.fragments if self._possible(fragment.on) & self._possible(type_)]
        if known and self.random.random() < 0.6:
            fragment = self.random.choice(known)
        elif len(self.fragments) < 5:
            fragment = self._fragment(self.random.choice(self._overlapping(type_)), depth)
        else:
            return self._typename()
        self.used |= fragment.used
        return f"...{fragment.name}{self._directives(0.2)}"

    def _fragment(self, on: Any, depth: int) -> Fragment:
        outer, self.used = self.used, set()
        selections = self.selections(on, depth)
        name = f"Part{len(self.fragments)}"
        fragment = Fragment(name, on, f"fragment {name} on {on.name} {selections}", self.used)
        self.fragments.append(fragment)
        self.used = outer
        return fragment

    def field(self, type_: Any, name: str, depth: int, *, plain: bool = False) -> str:
        """A field, perhaps one that was selected before and merges with it."""
        self.left -= 1
        definition = type_.fields[name]
        arguments = self._arguments(definition)
        identity = (name, arguments, str(definition.type))
        response = self._response_name(name, identity)
        text = (name if response == name else f"{response}: {name}") + arguments
        if not plain:
            text += self._directives(0.12)
        named = get_named_type(definition.type)
        return f"{text} {self.selections(named, depth - 1)}" if is_composite_type(named) else text

    def _response_name(self, name: str, identity: tuple[str, str, str]) -> str:
        aliases = (f"{name}_{number}" for number in range(100))
        nasty = [self.random.choice(NASTY)] if self.random.random() < 0.08 else []
        for candidate in (*nasty, name, *aliases):
            if candidate == name and self.random.random() < 0.15:
                continue
            if self.identities.setdefault(candidate, identity) == identity:
                return candidate
        return f"{name}_{len(self.identities)}"

    def _directives(self, chance: float) -> str:
        random = self.random
        if random.random() > chance:
            return ""
        text = ""
        for name in random.sample(["skip", "include"], random.choice([1, 1, 1, 2])):
            condition = random.choice(["true", "false", *("$$" if self.alone else "")])
            text += f" @{name}(if: {self._condition() if condition == '$' else condition})"
        return text

    def _condition(self) -> str:
        name = f"if{self.random.randrange(3)}"
        self.variables.setdefault(
            name,
            f"${name}: " + self.random.choice(["Boolean!", "Boolean! = true", "Boolean = false", "Boolean! = false"]),
        )
        self.used.add(name)
        return f"${name}"

    def _arguments(self, definition: GraphQLField) -> str:
        given = []
        for name, argument in definition.args.items():
            if is_required_argument(argument) or self.random.random() < 0.6:
                given.append(f"{name}: {self.literal(argument.type, 3, defaulted=_defaulted(argument))}")
        self.random.shuffle(given)
        return f"({', '.join(given)})" if given else ""

    def literal(self, type_: Any, depth: int, *, defaulted: bool = False, variables: bool = True) -> str:
        """A value for an input type, perhaps a variable, perhaps with variables in it."""
        random = self.random
        if variables and random.random() < 0.35:
            return self._variable(type_, defaulted=defaulted)
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif random.random() < 0.12 or depth < 0:
            return "null"
        if is_list_type(type_):
            if random.random() < 0.15:
                return self._single_item(type_.of_type, depth - 1)
            items = [self.literal(type_.of_type, depth - 1, variables=variables) for _ in range(random.randint(0, 2))]
            return f"[{', '.join(items)}]"
        if is_input_object_type(type_):
            return self._object(type_, depth, variables=variables)
        return self._leaf(type_)

    def _single_item(self, type_: Any, depth: int) -> str:
        """One item where a list is expected: null would be no list, and a variable's type would not fit."""
        literal = self.literal(type_, depth, variables=False)
        return "[]" if literal == "null" else literal

    def _object(self, type_: Any, depth: int, *, variables: bool) -> str:
        random = self.random
        if type_.is_one_of:
            name = random.choice(list(type_.fields))
            return f"{{ {name}: {self._leaf(type_.fields[name].type)} }}"
        given = []
        for name, spec in type_.fields.items():
            if is_required_input_field(spec) or (depth > 0 and random.random() < 0.6):
                literal = self.literal(spec.type, depth - 1, defaulted=_defaulted(spec), variables=variables)
                given.append(f"{name}: {literal}")
        random.shuffle(given)
        return f"{{ {', '.join(given)} }}"

    def _leaf(self, type_: Any) -> str:
        random = self.random
        if is_enum_type(type_):
            return str(random.choice(list(type_.values)))
        number = random.randrange(20)
        texts = {"Int": [str(number)], "Float": [f"{number}.5", str(number)], "Boolean": ["true", "false"]}
        texts |= {"ID": [f'"i{number}"', str(number)], "String": [f'"s{number}"', '""', '"""block"""']}
        if type_.name in TEXTS:
            return TEXTS[type_.name]
        return random.choice(texts.get(type_.name, [str(number % 10), f'"{number % 10}"', "{ a: [1] }", "[true]"]))

    def _variable(self, type_: Any, *, defaulted: bool) -> str:
        random = self.random
        wanted, default = str(type_), ""
        if is_non_null_type(type_):
            if defaulted and random.random() < 0.3:
                wanted = wanted[:-1]
            elif random.random() < 0.3:
                wanted, default = wanted[:-1], self.literal(type_, 2, variables=False)
        elif random.random() < 0.2:
            wanted += "!"
        if not default and random.random() < 0.2:
            spare = (
                type_
                if wanted.endswith("!")
                else getattr(type_, "of_type", type_)
                if is_non_null_type(type_)
                else type_
            )
            default = self.literal(spare, 2, variables=False)
            if default == "null" and wanted.endswith("!"):
                default = ""
        text = f"{wanted} = {default}" if default else wanted
        names = (f"v{number}" for number in count())
        name = next(each for each in names if self.variables.setdefault(each, f"${each}: {text}") == f"${each}: {text}")
        self.used.add(name)
        return f"${name}"


def _defaulted(spec: Any) -> bool:
    return spec.default_value is not Undefined and spec.default_value is not None


def write_document(schema: GraphQLSchema, random: Random) -> str:
    """A valid document."""
    return Writer(schema, random).document()


def example(type_: Any, random: Random, depth: int = 3) -> Any:
    """A value of JSON that an input type takes."""
    if is_non_null_type(type_):
        type_ = type_.of_type
    elif random.random() < 0.12 or depth < 0:
        return None
    if is_list_type(type_):
        if random.random() < 0.15:
            return example(type_.of_type, random, depth - 1)
        return [example(type_.of_type, random, depth - 1) for _ in range(random.randint(0, 2))]
    if is_input_object_type(type_):
        names = list(type_.fields)
        if type_.is_one_of:
            name = random.choice(names)
            return {name: _leaf(type_.fields[name].type, random)}
        return {
            name: example(spec.type, random, depth - 1)
            for name, spec in type_.fields.items()
            if is_required_input_field(spec) or (depth > 0 and random.random() < 0.6)
        }
    return _leaf(type_, random)


def _leaf(type_: Any, random: Random) -> Any:
    if is_enum_type(type_):
        return random.choice(list(type_.values))
    if type_.name in TEXTS:
        return {"deep": [1]} if type_.name == "JSON" else json.loads(TEXTS[type_.name])
    number = random.randrange(20)
    values: dict[str, list[Any]] = {
        "Int": [number, float(number)],
        "Float": [number / 2, number],
        "Boolean": [True, False],
        "ID": [f"i{number}", number],
        "String": [f"s{number}", ""],
    }
    return random.choice(values.get(type_.name, [number, f"{number}", [number], {"n": None}]))


def write_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, random: Random, *, wrong: bool
) -> dict[str, Any]:
    """Values for the variables of an operation; `wrong` ones are sometimes wrong, or missing."""
    values: dict[str, Any] = {}
    for declared in operation.variable_definitions or ():
        type_ = type_from_ast(schema, declared.type)
        name = declared.variable.name.value
        may_be_absent = declared.default_value is not None or not is_non_null_type(type_)
        if wrong and random.random() < 0.25:
            values[name] = random.choice(WRONG)
        elif random.random() < (0.25 if may_be_absent else 0.15 * wrong):
            continue
        elif name.startswith("if") and random.random() < 0.8:
            values[name] = random.random() < 0.5
        else:
            values[name] = example(type_, random)
    if random.random() < 0.05:
        values["nobody"] = 1
    return values
