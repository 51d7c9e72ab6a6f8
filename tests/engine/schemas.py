"""Schemas of graphql-core, made of a seed: every kind of type, resolvers of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
)

from tests.engine.documents import NASTY
from tests.engine.runs import Run, digest, shown
from tests.engine.values import Trouble, Values, number_of, source_class, typename_of, under


class Colour(Enum):
    """The values of an enum that are not strings."""

    RED = "r"
    GREEN = "g"


class GeneratedWorld:
    """A schema whose resolvers do what the dice of the run say, and write it down."""

    options: Mapping[str, Any] = {}

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- a case is made again by its name
        self.inputs: list[Any] = []
        self.leaves: list[Any] = [GraphQLInt, GraphQLFloat, GraphQLString, GraphQLBoolean, GraphQLID]
        self._make_leaves()
        self._make_inputs()
        self.interfaces: list[GraphQLInterfaceType] = []
        self.objects: list[GraphQLObjectType] = []
        self.unions: list[GraphQLUnionType] = []
        self._make_outputs()
        roots = [self._root(name) for name in ("Query", "Mutation", "Subscription")]
        self.schema = GraphQLSchema(roots[0], roots[1], roots[2], types=[*self.objects])
        names = {type_.name: list(type_.fields) for type_ in [*self.objects, *roots]}
        self.values = Values(self.schema, {name: source_class(name, fields) for name, fields in names.items()})

    @property
    def run(self) -> Run:
        return self.values.run

    @run.setter
    def run(self, run: Run) -> None:
        self.values.run = run

    def root(self, typename: str, seed: int) -> Any:
        """A root value."""
        return self.values.source(typename, seed & 0xFFFF, 3 + seed % 3 if seed % 5 else seed % 2)

    def _make_leaves(self) -> None:
        def echo(value: Any) -> Any:
            self.run.note("serializes", shown(value))
            self.values.change(self.run.latest, under(4, shown(value)))
            return value

        def picky(value: Any) -> Any:
            self.run.note("picks", shown(value))
            dice = self.run.dice(under(3, shown(value)))
            if not dice.chance(self.run.chaos * 2):
                return {"picked": shown(value)}
            way = dice.roll(5)
            if way == 0:
                raise Trouble(f"Not this {shown(value)}")
            if way == 1:
                raise GraphQLError("Refused", extensions={"code": "PICKY"})
            return [None, Undefined, ValueError("given back")][way - 2]

        def parse(value: Any) -> Any:
            if str(value) in {"13", "unlucky"}:
                raise Trouble("Unlucky")
            if value == 17:
                raise GraphQLError("Unlucky as well", extensions={"code": "LUCK"})
            return ("parsed", value)

        self.leaves += [
            GraphQLScalarType("Echo", serialize=echo, parse_value=parse),
            GraphQLScalarType("Picky", serialize=picky),
            GraphQLScalarType("Plain"),
            GraphQLEnumType("Letter", {name: GraphQLEnumValue(name) for name in "ABC"}),
            GraphQLEnumType("Digit", {"ONE": 1, "TWO": 2, "ALSO_TWO": 2}),
            GraphQLEnumType("Colour", Colour),
        ]

    def _make_inputs(self) -> None:
        for number in range(3):
            fields = {
                f"{'abcdef'[n]}": GraphQLInputField(
                    *self._input_type(0.4), out_name=self.random.choice([None, f"py_{n}"])
                )
                for n in range(self.random.randint(1, 4))
            }
            self.inputs.append(GraphQLInputObjectType(f"In{number}", fields))
        choices = {name: GraphQLInputField(self.random.choice(self.leaves)) for name in ("this", "that", "other")}
        self.inputs.append(GraphQLInputObjectType("OneOf", choices, is_one_of=True))
        shaped = {
            "x": GraphQLInputField(GraphQLNonNull(GraphQLInt)),
            "y": GraphQLInputField(GraphQLInt, default_value=7),
        }
        self.inputs.append(GraphQLInputObjectType("Shaped", shaped, out_type=lambda values: ("shape", *values.items())))

    def _input_type(self, nested: float) -> tuple[Any, Any]:
        """An input type and perhaps a default for it."""
        random = self.random
        type_ = random.choice(self.inputs if self.inputs and random.random() < nested else self.leaves)
        default: Any = Undefined
        if random.random() < 0.2:
            type_ = GraphQLList(GraphQLNonNull(type_) if random.random() < 0.4 else type_)
            default = random.choice([Undefined, [], None])
        elif type_ in self.leaves[:5] and random.random() < 0.4:
            default = {"Int": 4, "Float": 1.5, "String": "d", "Boolean": True, "ID": "id"}[type_.name]
        if random.random() < 0.3 and default is not None:
            type_ = GraphQLNonNull(type_)
        return type_, default

    def _make_outputs(self) -> None:
        random = self.random
        for number in range(2):
            self.interfaces.append(self._interface(f"Face{number}", number))
        for number in range(random.randint(3, 5)):
            faces: list[GraphQLInterfaceType] = [face for face in self.interfaces if random.random() < 0.5]
            faces += [up for face in faces for up in face.interfaces if up not in faces]
            self.objects.append(self._object(f"Thing{number}", faces, number))
        for face in self.interfaces:
            if not any(face in thing.interfaces for thing in self.objects):
                faces = [face, *face.interfaces]
                self.objects.append(self._object(f"Only{face.name}", faces, len(self.objects)))
        for number in range(2):
            members = random.sample(self.objects, random.randint(1, len(self.objects)))
            resolver = self._type_resolver(random.randint(0, 2))
            self.unions.append(GraphQLUnionType(f"Either{number}", members, resolve_type=resolver))

    def _interface(self, name: str, number: int) -> GraphQLInterfaceType:
        parents = list(self.interfaces) if self.random.random() < 0.4 else []
        return GraphQLInterfaceType(
            name,
            lambda: {
                **{key: field for up in parents for key, field in up.fields.items()},
                **self._fields(f"i{number}", 2),
            },
            interfaces=parents,
            resolve_type=self._type_resolver(self.random.randint(0, 2)),
        )

    def _inherited(self, faces: list[GraphQLInterfaceType]) -> dict[str, GraphQLField]:
        """The fields of interfaces, some of them as more than the interface promises."""
        return {
            name: GraphQLField(self._stricter(field.type), field.args, resolve=self._resolver(field.type))
            for face in faces
            for name, field in face.fields.items()
        }

    def _stricter(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull) or self.random.random() < 0.7:
            return type_
        return GraphQLNonNull(type_)

    def _object(self, name: str, faces: list[GraphQLInterfaceType], number: int) -> GraphQLObjectType:
        count = self.random.randint(2, 5)
        return GraphQLObjectType(
            name,
            lambda: {**self._inherited(faces), **self._fields(f"f{number}", count)},
            interfaces=faces,
            is_type_of=self._type_test(name, self.random.randint(0, 4)),
        )

    def _root(self, name: str) -> GraphQLObjectType:
        count = self.random.randint(6, 9)
        return GraphQLObjectType(name, lambda: self._fields(name[0].lower(), count))

    def _fields(self, prefix: str, count: int) -> dict[str, GraphQLField]:
        fields = {}
        for number in range(count):
            type_ = self._output_type()
            arguments = {}
            for n in range(self.random.choice([0, 0, 0, 1, 1, 3])):
                argument, default = self._input_type(0.5)
                named = self.random.choice(NASTY) if self.random.random() < 0.05 else f"a{n}"
                arguments[named] = GraphQLArgument(
                    argument, default, out_name=self.random.choice([None, None, f"py{n}"])
                )
            nasty = prefix[0] != "i" and self.random.random() < 0.15
            fields[self.random.choice(NASTY) if nasty else f"{prefix}{number}"] = GraphQLField(
                type_, arguments, resolve=self._resolver(type_)
            )
        return fields

    def _output_type(self) -> Any:
        random = self.random
        kinds = [[*self.leaves]] * 9 + [self.objects] * 5 + [[*self.interfaces], [*self.unions]] * 2
        type_: Any = random.choice(random.choice([kind for kind in kinds if kind]))
        if random.random() < 0.35:
            type_ = GraphQLNonNull(type_)
        for chance in (0.35, 0.15):
            if random.random() > chance:
                break
            type_ = GraphQLList(type_)
            if random.random() < 0.35:
                type_ = GraphQLNonNull(type_)
        return type_

    def _resolver(self, type_: Any) -> Any:
        """A resolver: none, one that is plain, one that promises, or one that has a choice."""
        way = self.random.choice(["none", "none", "plain", "plain", "async", "promise", "either"])
        promise = self.random.randint(0, 4)

        def number(source: Any, info: GraphQLResolveInfo[Any], arguments: dict[str, Any]) -> int:
            self.run.note("resolves", digest(info), repr(arguments), shown(source), shown(info.variable_values.coerced))
            self.values.change(source, number_of(source))
            return under(number_of(source), (info.path.key, info.field_name, repr(arguments)))

        def plain(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            return self.values.resolved(type_, number(source, info, arguments))

        async def waiting(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            found = number(source, info, arguments)
            return await self.values.later(found, lambda: self.values.resolved(type_, found))

        def promising(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            found = number(source, info, arguments)
            return self.values.promised(found, lambda: self.values.resolved(type_, found), promise)

        def either(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            found = number(source, info, arguments)
            way = self.run.dice(found + 7).roll(6)
            if way > 3:
                return self.values.resolved(type_, found)
            return self.values.promised(found, lambda: self.values.resolved(type_, found), way)

        return {"none": None, "plain": plain, "async": waiting, "promise": promising, "either": either}[way]

    def _judge(self, what: str, value: Any, info: GraphQLResolveInfo[Any], right: Any, wrong: list[Any]) -> Any:
        """The right answer about a type; sometimes a wrong one, or an exception."""
        self.run.note(what, digest(info), shown(value))
        dice = self.run.dice(under(number_of(value), what))
        if not dice.chance(self.run.chaos):
            return right
        chosen = wrong[dice.roll(len(wrong))]
        if isinstance(chosen, Exception):
            raise type(chosen)(*chosen.args)
        return chosen

    def _type_resolver(self, way: int) -> Any:
        """None, or a function that tells the name of a type, at once or later."""
        wrong = ["Query", "Nobody", "Letter", "Thing0", 3, None, Trouble("no type"), Undefined, GraphQLError("no")]

        def judge(value: Any, info: GraphQLResolveInfo[Any], abstract: Any) -> Any:
            right = typename_of(value)
            return self._judge(f"type of {abstract.name}", value, info, right, [*wrong, abstract, abstract.name])

        def later(value: Any, info: GraphQLResolveInfo[Any], abstract: Any) -> Any:
            found = under(number_of(value), "type")
            if self.run.dice(found).chance(500):
                return judge(value, info, abstract)
            return self.values.promised(found, lambda: judge(value, info, abstract), found % 9)

        return [None, judge, later][way]

    def _type_test(self, name: str, way: int) -> Any:
        """None, or a function that tells whether a value is of a type, at once or later."""
        wrong = [False, None, 1, Trouble("cannot tell"), GraphQLError("cannot tell either")]

        def judge(value: Any, info: GraphQLResolveInfo[Any]) -> Any:
            right = typename_of(value) == name
            return self._judge(f"is {name}", value, info, right, wrong)

        def later(value: Any, info: GraphQLResolveInfo[Any]) -> Any:
            found = under(number_of(value), name)
            if self.run.dice(found).chance(500):
                return judge(value, info)
            return self.values.promised(found, lambda: judge(value, info), found % 9)

        return [None, None, judge, judge, later][way]
