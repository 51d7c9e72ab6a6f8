"""What is known of the objects that resolve a type: Strawberry's classes."""

from typing import Any

from graphql import GraphQLAbstractType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

MADE_OF = "strawberry-definition"
"""Where Strawberry leaves in graphql-core's objects what they were made of."""
GENERATED = "GraphQLCoreConverter."
"""Strawberry's own functions say where they were made."""


def definition_of(type_: Any) -> StrawberryObjectDefinition | None:
    """What Strawberry made a type of."""
    definition = (type_.extensions or {}).get(MADE_OF)
    return definition if isinstance(definition, StrawberryObjectDefinition) else None


def attribute_of(field: Any) -> str | None:
    """The attribute that is a field's value; None where a resolver has to be asked."""
    made_of = (field.extensions or {}).get(MADE_OF)
    if (
        isinstance(made_of, StrawberryField)
        and made_of.is_basic_field
        and type(made_of).get_result is StrawberryField.get_result
        and made_of.default_resolver is getattr
        and getattr(field.resolve, "__qualname__", "").startswith(GENERATED)
        and field.resolve.__name__ == "_get_basic_result"
    ):
        return made_of.python_name
    return None


def classes_of(type_: GraphQLObjectType) -> tuple[type, ...]:
    """The classes whose own instances are surely objects of a type, if they have not been cast."""
    definition = definition_of(type_)
    if definition is None or definition.is_type_of is not None or not is_plain(definition.origin):
        return ()
    if type_.is_type_of is not None and not type_.is_type_of.__qualname__.startswith(GENERATED):
        return ()
    generic = definition.concrete_of.origin if definition.concrete_of else None
    return (definition.origin, generic) if generic is not None and is_plain(generic) else (definition.origin,)


def members_of(schema: GraphQLSchema, type_: GraphQLAbstractType) -> dict[type, GraphQLObjectType]:
    """The classes whose own instances an abstract type resolves to which type, if they have not been cast."""
    if not _is_strawberrys(type_):
        return {}
    members: dict[type, GraphQLObjectType] = {}
    for possible in schema.get_possible_types(type_):
        definition = definition_of(possible)
        classes = classes_of(possible)
        if definition is None or not classes or definition.concrete_of or definition.is_graphql_generic:
            continue
        told = getattr(definition.origin, "__strawberry_definition__", None)
        if told is definition and definition.name == possible.name:
            members[definition.origin] = possible
    return members


def _is_strawberrys(type_: GraphQLAbstractType) -> bool:
    """Whether an abstract type is resolved as Strawberry resolves them."""
    made_of = (type_.extensions or {}).get(MADE_OF)
    resolve = getattr(type_.resolve_type, "__qualname__", "")
    if isinstance(type_, GraphQLInterfaceType):
        return isinstance(made_of, StrawberryObjectDefinition) and resolve.startswith(GENERATED)
    return made_of is not None and resolve == "StrawberryUnion.get_type_resolver.<locals>._resolve_union_type"


def is_plain(class_: type) -> bool:
    """Whether instances of a class are neither exceptions nor awaitable, as far as the class can say."""
    return not issubclass(class_, Exception) and not any(
        hasattr(class_, name) for name in ("__await__", "__getattr__", "__aiter__")
    ) and class_.__getattribute__ is object.__getattribute__
