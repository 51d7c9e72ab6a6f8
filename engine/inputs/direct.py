"""Strawberry's resolvers called without its wrapper, where the wrapper surely does nothing but call them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import CO_COROUTINE, isawaitable, signature
from types import CodeType, CoroutineType, FunctionType
from typing import Any, NamedTuple

from graphql import GraphQLField
from strawberry.extensions import FieldExtension
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.info import Info

from engine.inputs.arguments import ArgumentsSource
from engine.inputs.converting import Conversions, Convert
from engine.inputs.defaults import Refused
from engine.inputs.names import Names

TAKEN = {"_source", "info"}
"""Names of arguments that Strawberry's wrapper does not let through."""


class DirectArgument(NamedTuple):
    """Which argument of the GraphQL field is which of the function's."""

    name: str
    python_name: str
    convert: Convert | None


@dataclass(frozen=True, slots=True, eq=False)
class DirectCall:
    """How to call a resolver's own function, or the extensions around it."""

    function: Callable[..., Any]
    is_async: bool
    takes_self: bool
    source_names: tuple[str, ...]
    info_name: str | None
    info_class: type[Info]
    field: StrawberryField
    arguments: tuple[DirectArgument, ...]
    extensions: tuple[Callable[..., Any], ...]
    handling: Callable[[Info, Callable[[], Any]], Any] | None
    """Strawberry's own function that calls another and hands what that raises to handlers; None without handlers."""

    @property
    def asks_for_info(self) -> bool:
        """Whether what is called takes the request's information."""
        return self.info_name is not None or bool(self.extensions) or self.handling is not None

    def write(
        self, given: ArgumentsSource, names: Names, source: str = "source", info: str = "info"
    ) -> tuple[tuple[str, ...], str]:
        """The lines to run first, and the expression of the call.

        `source` is a name; `info` is an expression of a GraphQLResolveInfo, used once where `asks_for_info`, else
        never. What the call gives, an awaitable or a value, is what Strawberry's wrapper would, to the tick.
        """
        passed = {argument.name: argument.expression for argument in given.arguments or ()}
        taken = [one for one in self.arguments if one.name in passed]
        if given.arguments is None or any(one.condition for one in given.arguments) or not self._is_bare(taken):
            call = names.constant(self._call_later if self.is_async else self._call, "call")
            return given.lines, f"{call}({source}, {info if self.asks_for_info else 'None'}{given.keywords})"
        keywords = [source] if self.takes_self else []
        keywords += [f"{one.python_name}={_converted(one, passed[one.name], names)}" for one in taken]
        keywords += [f"{name}={source}" for name in self.source_names]
        if self.info_name is not None:
            made = f"{names.constant(self.info_class, 'Info')}({info}, {names.constant(self.field, 'field')})"
            keywords.append(f"{self.info_name}={made}")
        return given.before, f"{names.constant(self.function, 'resolve')}({', '.join(keywords)})"

    def _is_bare(self, taken: list[DirectArgument]) -> bool:
        """Whether the function can be called at once.

        An async resolver's call must not raise before its coroutine runs: Strawberry's would raise later.
        """
        if self.extensions or self.handling is not None:
            return False
        return not self.is_async or (
            is_coroutine_function(self.function)
            and all(one.convert is None for one in taken)
            and self._binds([one.python_name for one in taken])
        )

    def _binds(self, python_names: list[str]) -> bool:
        keywords = [*python_names, *self.source_names, *([self.info_name] if self.info_name else [])]
        positional = [None] if self.takes_self else []
        try:
            signature(self.function, follow_wrapped=False).bind(*positional, **dict.fromkeys(keywords))
        except TypeError:
            return False
        return True

    async def _call_later(self, source: Any, raw: Any, /, **values: Any) -> Any:
        result = self._called(source, raw, values)
        return await result if type(result) is CoroutineType or isawaitable(result) else result

    def _call(self, source: Any, raw: Any, /, **values: Any) -> Any:
        return self._called(source, raw, values)

    def _called(self, source: Any, raw: Any, values: dict[str, Any]) -> Any:
        info = self.info_class(raw, self.field) if self.asks_for_info else None
        if self.handling is None or info is None:
            return self._extended(source, info, values)
        return self.handling(info, partial(self._extended, source, info, values))

    def _extended(self, source: Any, info: Any, values: dict[str, Any]) -> Any:
        keywords: dict[str, Any] = {}
        for name, python_name, convert in self.arguments:
            if name in values:
                keywords[python_name] = values[name] if convert is None else convert(values[name])
        for name in self.source_names:
            keywords[name] = source
        positional = (source,) if self.takes_self else ()
        if self.info_name is not None and not (self.extensions and self.info_name == "info"):
            keywords[self.info_name] = info
        if not self.extensions:
            return self.function(*positional, **keywords)

        def resolve(_source: Any, info: Any, **keywords: Any) -> Any:
            if self.info_name == "info":
                keywords["info"] = info
            return self.function(*positional, **keywords)

        following: Callable[..., Any] = resolve
        *inner, outermost = self.extensions
        for extension in inner:
            following = partial(extension, following)
        return outermost(following, source, info, **keywords)


def is_coroutine_function(function: Any) -> bool:
    """Whether a function is `async def`, and so gives a coroutine and nothing else."""
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & CO_COROUTINE)


def direct_call(field: StrawberryField, graphql_field: GraphQLField) -> DirectCall | None:
    """How to call the resolver of a field; None where Strawberry's wrapper does more, or is not known.

    More are extensions that change arguments, an Info class with an `__init__` of its own, inputs that build
    themselves, and fields or resolvers of classes of their own.
    """
    resolver, resolve = field.base_resolver, graphql_field.resolve
    if type(field) is not StrawberryField or type(resolver) is not StrawberryResolver:
        return None
    if any(type(extension).map_arguments is not FieldExtension.map_arguments for extension in field.extensions):
        return None
    try:
        wrapper = _cells(resolve, SYNC, ASYNC)
        inner = _cells(wrapper["_get_result_with_extensions"], INNER)
        if inner["field"] is not field:
            return None
        return _direct(field, resolver, wrapper, inner, is_async=getattr(resolve, "__code__", None) is ASYNC)
    except (Refused, KeyError):
        return None


def _direct(
    field: StrawberryField,
    resolver: StrawberryResolver[Any],
    wrapper: dict[str, Any],
    inner: dict[str, Any],
    *,
    is_async: bool,
) -> DirectCall:
    config = inner["self"].config
    info_class, info = config.info_class, resolver.info_parameter
    plain = info_class.__init__ is Info.__init__ and info_class.__new__ is Info.__new__
    if not plain or hasattr(info_class, "__post_init__") or not callable(resolver.wrapped_func):
        raise Refused
    conversions = Conversions(inner["self"].scalar_registry, config)
    arguments = tuple(
        DirectArgument(config.name_converter.from_argument(one), one.python_name, conversions.of(one.type))
        for one in field.arguments
    )
    sources = [one.name for one in (resolver.parent_parameter, resolver.root_parameter) if one]
    named = {*sources, *(one.name for one in arguments), *(one.python_name for one in arguments)}
    if TAKEN & named or (info and info.name == "_source"):
        raise Refused
    return DirectCall(
        resolver.wrapped_func,
        is_async,
        resolver.self_parameter is not None,
        tuple(dict.fromkeys(sources)),
        info.name if info else None,
        info_class,
        field,
        arguments,
        tuple(inner["extension_functions"]),
        wrapper["_call_with_exception_handling"] if wrapper["field_exception_handlers"] else None,
    )


def _converted(argument: DirectArgument, expression: str, names: Names) -> str:
    if argument.convert is None:
        return expression
    return f"{names.constant(argument.convert, 'convert')}({expression})"


def _inner_codes(code: CodeType | None) -> dict[str, CodeType]:
    """The code of functions that are defined in a function."""
    return {inner.co_name: inner for inner in code.co_consts if isinstance(inner, CodeType)} if code else {}


def _cells(function: Any, *codes: CodeType | None) -> dict[str, Any]:
    """What a function has of the function that defined it. Raises Refused for code that is not among the known."""
    if not isinstance(function, FunctionType) or function.__code__ not in codes:
        raise Refused
    cells = function.__closure__ or ()
    return dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in cells), strict=True))


# A version of Strawberry that wraps resolvers otherwise has none of these, and so no direct calls.
_FROM_RESOLVER = _inner_codes(GraphQLCoreConverter.from_resolver.__code__)
SYNC, ASYNC = _FROM_RESOLVER.get("_resolver"), _FROM_RESOLVER.get("_async_resolver")
INNER = _inner_codes(_FROM_RESOLVER.get("wrap_field_extensions")).get("extension_resolver")
