"""Strawberry's `convert_argument` for one type, decided once: coerced values become instances of inputs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any, cast

from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.maybe import Some
from strawberry.types.scalar import ScalarDefinition, ScalarWrapper
from strawberry.types.unset import UNSET

from engine.inputs.defaults import Refused

Convert = Callable[[Any], Any]
Registry = Mapping[object, ScalarWrapper | ScalarDefinition]


class Conversions:
    """Functions that convert as `convert_argument` does with one registry of scalars and one configuration."""

    def __init__(self, registry: Registry, config: StrawberryConfig) -> None:
        self._registry = registry
        self._config = config
        self._objects: dict[type, Convert] = {}

    def of(self, type_: Any) -> Convert | None:
        """The conversion for a type; None where values stay as they are.

        Raises Refused for inputs that build themselves, which are told of the request, and for what is no input.
        """
        if isinstance(type_, StrawberryMaybe):
            return self._maybe(type_)
        if isinstance(type_, StrawberryOptional):
            return self.of(type_.of_type)
        if isinstance(type_, StrawberryList):
            return self._list(type_.of_type)
        if self._is_leaf(type_):
            return self._global_id if type_ is GlobalID else None
        if isinstance(type_, LazyType):
            return self.of(type_.resolve_type())
        if not has_object_definition(type_):
            raise Refused
        return self._object(type_)

    def _is_leaf(self, type_: Any) -> bool:
        if isinstance(type_, LazyType):
            return self._is_leaf(type_.resolve_type())
        is_enum = isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_)
        return is_enum or is_scalar(type_, self._registry)

    def _global_id(self, value: Any) -> Any:
        return convert_argument(value, GlobalID, self._registry, self._config)

    def _maybe(self, type_: StrawberryMaybe) -> Convert:
        inner = self.of(type_.of_type)
        if isinstance(type_.of_type, StrawberryOptional):
            return lambda value: Some(value if inner is None else inner(value))

        def given(value: Any) -> Any:
            if value is None:  # It raises what Strawberry says of it.
                return convert_argument(value, type_, self._registry, self._config)
            return Some(value if inner is None else inner(value))

        return given

    def _list(self, item_type: Any) -> Convert:
        inner = self.of(item_type)
        if inner is None:
            return lambda value: value if value is None or value is UNSET else list(value)
        return lambda value: value if value is None or value is UNSET else [inner(item) for item in value]

    def _object(self, type_: Any) -> Convert:
        """Types that hold themselves find the function that is being made."""
        if type_ in self._objects:
            return self._objects[type_]
        definition = cast("StrawberryObjectDefinition", type_.__strawberry_definition__)
        if definition.from_input is not None:
            raise Refused
        fields: list[tuple[str, str, Convert | None]] = []
        absent = dict.fromkeys(_without_default(definition)) if definition.is_input else {}

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            given: dict[str, Any] = absent.copy()
            for name, python_name, inner in fields:
                if name in value:
                    found = value[name]
                    given[python_name] = found if inner is None else inner(found)
            return type_(**given)

        self._objects[type_] = convert
        fields += [
            (self._config.name_converter.from_field(field), field.python_name, self._field(field, definition))
            for field in definition.fields
        ]
        return convert

    def _field(self, field: Any, definition: StrawberryObjectDefinition) -> Convert | None:
        return self.of(field.resolve_type(type_definition=definition))


def _without_default(definition: StrawberryObjectDefinition) -> Iterable[str]:
    for field in definition.fields:
        if field.default_value is MISSING and field.default_factory is MISSING:
            yield field.python_name
