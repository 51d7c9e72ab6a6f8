"""The printed schema: committed as it is built, and each of its names explained."""

from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)
from graphql.type import is_introspection_type, is_specified_directive, is_specified_scalar_type

from resolvers.schema_file import PRINTED, printed_schema


def undescribed(schema: GraphQLSchema) -> Iterator[str]:
    """What bears no description, of all that a client can see."""
    for type_ in schema.type_map.values():
        if not (is_introspection_type(type_) or is_specified_scalar_type(type_)):
            yield from _undescribed_in(type_)
    for directive in schema.directives:
        if not is_specified_directive(directive) and not directive.description:
            yield f"@{directive.name}"


def _undescribed_in(type_: GraphQLNamedType) -> Iterator[str]:
    if not type_.description:
        yield type_.name
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            if not field.description:
                yield f"{type_.name}.{name}"
            yield from (f"{type_.name}.{name}({argument})" for argument, it in field.args.items() if not it.description)
    if isinstance(type_, GraphQLInputObjectType):
        yield from (f"{type_.name}.{name}" for name, field in type_.fields.items() if not field.description)
    if isinstance(type_, GraphQLEnumType):
        yield from (f"{type_.name}.{name}" for name, value in type_.values.items() if not value.description)


def test_the_committed_schema_is_the_one_that_is_built() -> None:
    """`make schema` writes it."""
    assert PRINTED.read_text(encoding="utf-8") == printed_schema()


def test_a_second_schema_of_the_process_is_the_same() -> None:
    """Building it leaves no trace in the fields that both share."""
    assert printed_schema() == printed_schema()


def test_everything_is_described() -> None:
    """Types, fields, arguments, members of inputs and values of enums, each with a sentence."""
    assert list(undescribed(build_schema(printed_schema()))) == []


def test_what_is_not_described_is_found() -> None:
    """In every kind of place."""
    silent = """
        directive @d(a: Int) on FIELD_DEFINITION
        type Query { field(argument: Input): Enum }
        interface Interface { field: Union }
        union Union = Query
        input Input { field: Scalar }
        enum Enum { VALUE }
        scalar Scalar
    """
    assert sorted(undescribed(build_schema(silent))) == [
        "@d", "Enum", "Enum.VALUE", "Input", "Input.field", "Interface", "Interface.field", "Query", "Query.field",
        "Query.field(argument)", "Scalar", "Union",
    ]  # fmt: skip
