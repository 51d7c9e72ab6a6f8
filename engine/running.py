"""What the generated code calls: graphql-core's executor, which runs everything that is not as expected.

A run *is* an executor. Each value that the generated code does not expect is completed by graphql-core's own methods,
and wherever these come to an object whose selection is compiled, they come back here.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache
from inspect import getattr_static
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLResolveInfo, GraphQLResolveInfoHelpers
from graphql.execution import Executor, get_argument_values
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors, collect_iterator_awaitables, default_field_resolver
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from graphql.pyutils import Path
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from engine.awaiting import Late
from engine.errors import Unsupported
from engine.fields import Selected, Selection

OWN_WAYS = {"build_resolve_info", "async_helpers", "build_per_event_executor", "cancellable_iterable"}
"""What a class of executors may do in its own way; the generated code would not ask it for the rest."""
EXECUTES = {name for name, value in vars(Executor).items() if callable(value) and not name.startswith("__")} - OWN_WAYS


class Run(Executor[Any]):
    """One execution of a plan."""

    selections: dict[tuple[GraphQLObjectType, int], Selection]
    """The compiled selections by the type of their objects and the identity of the fields that select them."""

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks, and not kept: it would hold the run that holds it."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    def begin(self, values: dict[str, Any]) -> "Run":
        """A run of the same plan with a request's own values, and with nothing collected yet."""
        run = object.__new__(type(self))
        run.__dict__ = {
            **self.__dict__,
            **values,
            "collected_errors": CollectedErrors(),
            "background_futures": set(),
            "_relevant_sub_fields": {},
        }
        return run

    def answer(self, execute: Callable[["Run"], Any]) -> Any:
        """The result of what executes the root's selection, as `execute_operation` gives it."""
        try:
            data = execute(self)
            if self.is_awaitable(data):
                return self._answer_later(data)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    async def _answer_later(self, awaitable: Awaitable[Any]) -> ExecutionResult:
        try:
            data = await awaitable
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Executes a selection by its generated function; graphql-core calls this wherever it comes to an object."""
        selection = self.selections.get((return_type, id(field_details_list)))
        if selection is None:
            return super().collect_and_execute_subfields(
                return_type, field_details_list, path, result, position_context
            )
        return self.select(selection, result, path)

    def select(self, selection: Selection, source: Any, path: Any) -> Any:
        """A selection of an object of any class."""
        if selection.complete is not None and selection.reads(source):
            return selection.complete(self, source, path)
        return self.interpret(selection, source, path)

    def interpret(self, selection: Selection, source: Any, path: Any) -> Any:
        """A selection as graphql-core executes it, field by field."""
        return self.execute_fields(selection.parent, source, path_of(path), selection.grouped, None)

    def interpret_field(self, field: Selected, source: Any, path: Any) -> Any:
        """A field as graphql-core executes it."""
        return self.execute_field(field.parent, source, field.details, _own_path(field, path), None)

    def info(self, field: Selected, path: Any) -> GraphQLResolveInfo[Any]:
        """What the resolver of a field is told."""
        return self.build_resolve_info(field.definition, field.nodes[:], field.parent, _own_path(field, path))

    def default(self, field: Selected, source: Any, path: Any) -> Any:
        """What graphql-core's default resolver gives; it is asked where the information is wanted."""
        if type(source) is dict and not field.definition.args and not callable(source.get(field.name)):
            return source.get(field.name)
        node = field.nodes[0]
        arguments = get_argument_values(field.definition, node, self.variable_values) if field.definition.args else {}
        return default_field_resolver(source, self.info(field, path), **arguments)

    def complete(self, field: Selected, value: Any, path: Any, info: GraphQLResolveInfo[Any] | None = None) -> Any:
        """What a field resolved to, completed. Raises what is wrong with it, unless it has to be awaited."""
        if type(value) not in field.fast and self.is_awaitable(value):
            return self._awaited(field, value, path, info)
        completed = self._completed(field, value, path, info)
        return self._guarded(field, completed, path) if self.is_awaitable(completed) else completed

    def _completed(self, field: Selected, value: Any, path: Any, info: GraphQLResolveInfo[Any] | None) -> Any:
        complete = field.fast.get(type(value))
        if complete is not None and not (field.castable and hasattr(value, TYPE_CAST_ATTRIBUTE)):
            return complete(self, value, (path, field.key, field.parent.name))
        info = info or self.info(field, path)
        return self.complete_value(field.type, field.details, info, info.path, value, None)

    async def _awaited(
        self, field: Selected, value: Awaitable[Any], path: Any, info: GraphQLResolveInfo[Any] | None
    ) -> Any:
        try:
            completed = self._completed(field, await value, path, info)
            return await completed if self.is_awaitable(completed) else completed
        except Exception as error:  # ruff: ignore[blind-except] -- whatever a resolver raises is an error of its field
            return self.failed(field, error, path)

    async def _guarded(self, field: Selected, completed: Awaitable[Any], path: Any) -> Any:
        try:
            return await completed
        except Exception as error:  # ruff: ignore[blind-except] -- as above
            return self.failed(field, error, path)

    def failed(self, field: Selected, error: Exception, path: Any) -> None:
        """Note the error of a field, which is null then. Raises GraphQLError where it must not be null."""
        self.handle_field_error(error, field.type, field.details, _own_path(field, path))

    def later(self, late: Late | None, field: Selected, value: Any) -> Late | None:
        """What is late, with the value of one more field if that has to be awaited."""
        if self.is_awaitable(value):
            late = late or {}
            late[field.key] = value
        return late

    def guard(self, late: Late | None, field: Selected, value: Any, path: Any) -> Late | None:
        """What is late, with a value that was completed if that has to be awaited; its errors are the field's."""
        if self.is_awaitable(value):
            return self.later(late, field, self._guarded(field, value, path))
        return late

    def abandon(self, late: Late | None) -> None:
        """Let what is late come to its end, for nobody."""
        if late:
            self.settle_in_background(list(late.values()))

    def item(self, field: Selected, value: Any, done: list[Any], path: Any) -> bool:
        """Append an item that is not as expected, completed; whether it has to be awaited."""
        own = Path(path_of(path), len(done), None)
        info = self.build_resolve_info(field.definition, field.nodes[:], field.parent, own.prev or own)
        given = field.item_type, field.details, info, own, None
        if self.is_awaitable(value):
            done.append(self.complete_awaitable_list_item_value(value, *given))
            return True
        return self.complete_list_item_value(value, done, *given)

    def item_failed(self, field: Selected, error: Exception, path: Any, index: int) -> None:
        """Note the error of an item, which is null then. Raises GraphQLError where it must not be null."""
        self.handle_field_error(error, field.item_type, field.details, Path(path_of(path), index, None))

    async def item_guarded(self, field: Selected, completed: Awaitable[Any], path: Any, index: int) -> Any:
        """An item that was completed, awaited; its errors are its own."""
        try:
            return await completed
        except Exception as error:  # ruff: ignore[blind-except] -- as above
            return self.item_failed(field, error, path, index)

    def abandon_items(self, done: list[Any], late: list[int], values: Iterator[Any]) -> None:
        """Let what is late of a list come to its end, for nobody."""
        awaitables = [done[index] for index in late]
        awaitables.extend(collect_iterator_awaitables(values, self.is_awaitable))
        if awaitables:
            self.settle_in_background(awaitables)


def path_of(path: Any) -> Path | None:
    """graphql-core's path for the nested tuples of the generated code."""
    if path is None or type(path) is Path:
        return path
    return Path(path_of(path[0]), path[1], path[2])


def _own_path(field: Selected, path: Any) -> Path:
    return Path(path_of(path), field.key, field.parent.name)


@lru_cache(16)
def run_class(executor_class: type[Any]) -> type[Run]:
    """Runs that are executors of this class. Raises Unsupported for one that executes in its own way."""
    if any(getattr_static(executor_class, name) is not getattr_static(IncrementalExecutor, name) for name in EXECUTES):
        raise Unsupported("executor")
    return type("Run", (Run, executor_class), {})
