"""What the classes of resolved objects tell: Strawberry's own, and dictionaries where nothing resolves the fields."""

from dataclasses import dataclass
from inspect import getattr_static
from keyword import iskeyword
from types import MemberDescriptorType
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_union_type,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

MADE_OF = "strawberry-definition"
"""Where Strawberry leaves in graphql-core's objects what they were made of."""
CONVERTER = "GraphQLCoreConverter."
"""Where Strawberry's own functions were made, as their names tell."""


@dataclass(frozen=True, slots=True)
class Read:
    """How a field is read of an object `{0}`."""

    python: str
    pure: bool
    """Whether nothing but reading happens, if the object is of one of its type's sources."""


def sources_of(type_: GraphQLObjectType) -> tuple[type, ...]:
    """The classes whose instances are read as attributes or keys, without any code that could tell or fail."""
    definition = _definition(type_)
    if definition is None:
        return () if MADE_OF in (type_.extensions or {}) else (dict,)
    generic = definition.concrete_of.origin if definition.concrete_of else None
    classes = (definition.origin,) if generic is None else (definition.origin, generic)
    return classes if all(map(_is_plain, classes)) else ()


def is_known_by_class(type_: GraphQLObjectType) -> bool:
    """Whether instances of its sources are its objects: no `is_type_of`, or Strawberry's, which looks at the class."""
    definition = _definition(type_)
    return type_.is_type_of is None or (
        definition is not None and definition.is_type_of is None and type_.is_type_of.__qualname__.startswith(CONVERTER)
    )


def read_of(field: GraphQLField, name: str, sources: tuple[type, ...]) -> Read | None:
    """Python that reads a field of an object `{0}`; None for a resolver."""
    if field.resolve is None:
        return Read(f"{{0}}.get({name!r})", pure=True) if sources == (dict,) and not field.args else None
    attribute = _attribute(field)
    if attribute is None:
        return None
    pure = bool(sources) and all(_is_data(getattr_static(class_, attribute, None)) for class_ in sources)
    if attribute.isidentifier() and not iskeyword(attribute):
        return Read(f"{{0}}.{attribute}", pure)
    return Read(f"getattr({{0}}, {attribute!r})", pure)


def members_of(schema: GraphQLSchema, type_: GraphQLAbstractType) -> dict[type, GraphQLObjectType]:
    """Which classes' instances an abstract type resolves to which type, where Strawberry resolves it."""
    if not _is_strawberrys(type_):
        return {}
    interface = None if is_union_type(type_) else type_.extensions[MADE_OF].origin
    members: dict[type, GraphQLObjectType] = {}
    for possible in schema.get_possible_types(type_):
        class_ = _own_class(possible)
        if class_ is not None and (interface is None or issubclass(class_, interface)):
            members[class_] = possible
    return members


def _own_class(type_: GraphQLObjectType) -> type | None:
    """The class that stands for one type alone, as Strawberry finds the type of an object."""
    definition = _definition(type_)
    if definition is None or definition.concrete_of or definition.is_graphql_generic or definition.name != type_.name:
        return None
    class_: type = definition.origin
    told = vars(class_).get("__strawberry_definition__")
    return class_ if told is definition and sources_of(type_) and is_known_by_class(type_) else None


def _definition(type_: Any) -> StrawberryObjectDefinition | None:
    made_of = (type_.extensions or {}).get(MADE_OF)
    return made_of if isinstance(made_of, StrawberryObjectDefinition) else None


def _attribute(field: GraphQLField) -> str | None:
    """The attribute that Strawberry reads for a field; None where it asks a resolver."""
    made_of = (field.extensions or {}).get(MADE_OF)
    if (
        isinstance(made_of, StrawberryField)
        and made_of.is_basic_field
        and type(made_of).get_result is StrawberryField.get_result
        and made_of.default_resolver is getattr
        and getattr(field.resolve, "__qualname__", "") == f"{CONVERTER}from_resolver.<locals>._get_basic_result"
    ):
        return made_of.python_name
    return None


def _is_data(attribute: object) -> bool:
    """Whether what a class has by a name leaves reading it of an instance without code: a default, a slot, nothing."""
    return isinstance(attribute, MemberDescriptorType) or not hasattr(attribute, "__get__")


def _is_strawberrys(type_: GraphQLAbstractType) -> bool:
    """Whether an abstract type is resolved as Strawberry resolves them."""
    made_of = (type_.extensions or {}).get(MADE_OF)
    resolve = getattr(type_.resolve_type, "__qualname__", "")
    if isinstance(type_, GraphQLInterfaceType):
        return isinstance(made_of, StrawberryObjectDefinition) and resolve.startswith(CONVERTER)
    return made_of is not None and resolve == "StrawberryUnion.get_type_resolver.<locals>._resolve_union_type"


def _is_plain(class_: type) -> bool:
    """Whether instances are neither exceptions nor awaitable, and their attributes come without code."""
    return (
        not issubclass(class_, Exception)
        and not any(hasattr(class_, name) for name in ("__await__", "__getattr__"))
        and class_.__getattribute__ is object.__getattribute__
    )
