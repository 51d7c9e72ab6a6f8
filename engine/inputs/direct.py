"""Strawberry's resolvers called without its wrapper, where the wrapper surely does nothing but call them."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import CO_COROUTINE, signature
from types import CodeType, FunctionType
from typing import Any

from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import CLS_PARAMSPEC, StrawberryResolver
from strawberry.types.info import Info

from engine.inputs.arguments import ArgumentsSource
from engine.inputs.converting import Conversions, Convert
from engine.inputs.defaults import Refused
from engine.inputs.names import Names

TAKEN = {"_source", "info"}
"""Names of arguments that Strawberry's wrapper does not let through."""


@dataclass(frozen=True, slots=True)
class DirectArgument:
    """Which argument of the GraphQL field is which of the function's."""

    name: str
    python_name: str
    convert: Convert | None


@dataclass(frozen=True, slots=True)
class DirectCall:
    """How to call a resolver's own function."""

    function: Callable[..., Any]
    is_async: bool
    takes_self: bool
    source_names: tuple[str, ...]
    info_name: str | None
    info_class: type[Info]
    field: StrawberryField
    arguments: tuple[DirectArgument, ...]

    @property
    def asks_for_info(self) -> bool:
        """Whether the function takes the request's information."""
        return self.info_name is not None

    def write(
        self, given: ArgumentsSource, names: Names, source: str = "source", info: str = "info"
    ) -> tuple[tuple[str, ...], str]:
        """The lines to run first, and the expression of the call.

        `source` is a name; `info` is an expression of a GraphQLResolveInfo, used once where `asks_for_info`, else
        never. What the call gives, an awaitable or a value, is what Strawberry's wrapper would, to the tick.
        """
        passed = {argument.name: argument.expression for argument in given.arguments or ()}
        taken = [one for one in self.arguments if one.name in passed]
        if given.arguments is None or any(one.condition for one in given.arguments) or not self._binds(taken):
            call = self._later if self.is_async else self._call
            information = info if self.asks_for_info else "None"
            return given.lines, f"{names.constant(call, 'call')}({source}, {information}{given.keywords})"
        keywords = [source] if self.takes_self else []
        keywords += [f"{one.python_name}={_converted(one, passed[one.name], names)}" for one in taken]
        keywords += [f"{name}={source}" for name in self.source_names]
        if self.info_name is not None:
            made = f"{names.constant(self.info_class, 'Info')}({info}, {names.constant(self.field, 'field')})"
            keywords.append(f"{self.info_name}={made}")
        return given.before, f"{names.constant(self.function, 'resolve')}({', '.join(keywords)})"

    def _binds(self, taken: list[DirectArgument]) -> bool:
        """Whether the call cannot raise before the coroutine of an async resolver runs: Strawberry's would be later."""
        if not self.is_async:
            return True
        if any(one.convert is not None for one in taken):
            return False
        keywords = {one.python_name for one in taken} | {*self.source_names} | {self.info_name} - {None}
        try:
            signature(self.function, follow_wrapped=False).bind(
                *([None] if self.takes_self else []), **dict.fromkeys(map(str, keywords))
            )
        except TypeError:
            return False
        return True

    def _call(self, source: Any, info: Any, /, **values: Any) -> Any:
        keywords: dict[str, Any] = {}
        for one in self.arguments:
            if one.name in values:
                value = values[one.name]
                keywords[one.python_name] = value if one.convert is None else one.convert(value)
        keywords |= dict.fromkeys(self.source_names, source)
        if self.info_name is not None:
            keywords[self.info_name] = self.info_class(info, self.field)
        return self.function(source, **keywords) if self.takes_self else self.function(**keywords)

    async def _later(self, source: Any, info: Any, /, **values: Any) -> Any:
        return await self._call(source, info, **values)


def direct_call(field: StrawberryField, graphql_field: GraphQLField) -> DirectCall | None:
    """How to call the resolver of a field; None where Strawberry's wrapper does more, or is not known.

    More are extensions, permissions, exception handlers, an Info class with an `__init__` of its own, inputs that
    build themselves, and fields or resolvers of classes of their own.
    """
    resolver, resolve = field.base_resolver, graphql_field.resolve
    if type(field) is not StrawberryField or type(resolver) is not StrawberryResolver or field.extensions:
        return None
    try:
        wrapper = _cells(resolve, SYNC, ASYNC)
        inner = _cells(wrapper["_get_result_with_extensions"], INNER)
        if wrapper["field_exception_handlers"] or inner["extension_functions"] or inner["field"] is not field:
            return None
        return _direct(field, resolver, inner["self"], is_async=getattr(resolve, "__code__", None) is ASYNC)
    except Refused:
        return None


def _direct(field: StrawberryField, resolver: StrawberryResolver[Any], converter: Any, *, is_async: bool) -> DirectCall:
    function: Any = resolver.wrapped_func
    code = getattr(function, "__code__", None)
    if not callable(function) or (is_async and not (code and code.co_flags & CO_COROUTINE)):
        raise Refused
    info_class = converter.config.info_class
    if (info_class.__init__, info_class.__new__) != (Info.__init__, Info.__new__) or hasattr(
        info_class, "__post_init__"
    ):
        raise Refused
    if resolver.reserved_parameters.get(CLS_PARAMSPEC):
        raise Refused
    conversions = Conversions(converter.scalar_registry, converter.config)
    arguments = tuple(
        DirectArgument(
            converter.config.name_converter.from_argument(argument), argument.python_name, conversions.of(argument.type)
        )
        for argument in field.arguments
    )
    sources = [one.name for one in (resolver.parent_parameter, resolver.root_parameter) if one]
    if TAKEN & {*sources, *(one.name for one in arguments), *(one.python_name for one in arguments)}:
        raise Refused
    info = resolver.info_parameter
    if info and info.name == "_source":
        raise Refused
    return DirectCall(
        function,
        is_async,
        resolver.self_parameter is not None,
        tuple(dict.fromkeys(sources)),
        info.name if info else None,
        info_class,
        field,
        arguments,
    )


def _converted(argument: DirectArgument, expression: str, names: Names) -> str:
    if argument.convert is None:
        return expression
    return f"{names.constant(argument.convert, 'convert')}({expression})"


def _inner_codes(code: CodeType) -> dict[str, CodeType]:
    """The code of functions that are defined in a function."""
    return {inner.co_name: inner for inner in code.co_consts if isinstance(inner, CodeType)}


def _cells(function: Any, *codes: CodeType) -> dict[str, Any]:
    """What a function has of the function that defined it. Raises Refused for code that is not among the known."""
    if not isinstance(function, FunctionType) or function.__code__ not in codes:
        raise Refused
    cells = function.__closure__ or ()
    return dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in cells), strict=True))


_FROM_RESOLVER = _inner_codes(GraphQLCoreConverter.from_resolver.__code__)
SYNC, ASYNC = _FROM_RESOLVER["_resolver"], _FROM_RESOLVER["_async_resolver"]
INNER = _inner_codes(_FROM_RESOLVER["wrap_field_extensions"])["extension_resolver"]
