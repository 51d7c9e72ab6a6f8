"""What the generated code calls: graphql-core's executor, which runs everything that is not the expected case.

A run *is* an executor, so each value that the generated code does not expect is completed by graphql-core's own
methods, and wherever these come to an object whose selection is compiled, they come back here.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from inspect import getattr_static
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLResolveInfo, GraphQLResolveInfoHelpers
from graphql.execution import Executor, get_argument_values
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors, collect_iterator_awaitables, default_field_resolver
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from graphql.pyutils import Path, gather_with_cancel
from strawberry.types.cast import get_strawberry_type_cast

from engine.errors import Unsupported
from engine.fields import Complete, Selected

Late = dict[str, Awaitable[Any]]
CHANGEABLE = {"build_resolve_info", "async_helpers", "build_per_event_executor", "cancellable_iterable"}
"""What an executor class may do in its own way; the generated code would not ask it for the rest."""
EXECUTES = {name for name, value in vars(Executor).items() if callable(value) and not name.startswith("__")} - CHANGEABLE


def path_of(path: Any) -> Path | None:
    """graphql-core's path for the nested tuples of the generated code."""
    if path is None or type(path) is Path:
        return path
    return Path(path_of(path[0]), path[1], path[2])


class Run(Executor[Any]):
    """One execution of a plan."""

    functions: dict[tuple[GraphQLObjectType, int], Complete]

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks: kept, it would hold the run that holds it."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    def begin(self, values: dict[str, Any]) -> "Run":
        """A run of the same plan with its own values and nothing collected."""
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
        """The result of `execute`, the root's selection, as `execute_operation` gives it."""
        try:
            data = execute(self)
            if self.is_awaitable(data):
                return self._answer_later(data)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    async def _answer_later(self, data: Awaitable[Any]) -> ExecutionResult:
        try:
            answered = await data
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            answered = None
        return ExecutionResult(answered, self.collected_errors.errors or None)

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The generated function of a selection; graphql-core's code where there is none."""
        complete = self.functions.get((return_type, id(field_details_list)))
        if complete is not None:
            return complete(self, result, path)
        return super().collect_and_execute_subfields(return_type, field_details_list, path, result, position_context)

    def info(self, field: Selected, path: Any) -> GraphQLResolveInfo:
        """What resolvers are told."""
        own = Path(path_of(path), field.key, field.parent.name)
        return self.build_resolve_info(field.definition, field.nodes, field.parent, own)

    def arguments(self, field: Selected) -> dict[str, Any]:
        """The arguments of a field. Raises GraphQLError."""
        return get_argument_values(field.definition, field.details[0].node, self.variable_values, None)

    def default(self, field: Selected, source: Any, path: Any) -> Any:
        """What graphql-core's default resolver gives."""
        info = self.info(field, path)
        arguments = self.arguments(field) if field.definition.args else {}
        return default_field_resolver(source, info, **arguments)

    def finish(self, field: Selected, value: Any, path: Any, info: GraphQLResolveInfo | None = None) -> Any:
        """A value that was resolved, completed; an awaitable handles its own errors, else they are raised."""
        info = info or self.info(field, path)
        if self.is_awaitable(value):
            return self._awaited(field, value, info)
        completed = self.complete_value(field.type, field.details, info, info.path, value, None)
        return self.guarded(field, completed, path) if self.is_awaitable(completed) else completed

    async def _awaited(self, field: Selected, value: Awaitable[Any], info: GraphQLResolveInfo) -> Any:
        path = info.path
        try:
            resolved = await value
            complete = field.fast.get(type(resolved))
            if complete is None or (field.cast and get_strawberry_type_cast(resolved) is not None):
                completed = self.complete_value(field.type, field.details, info, path, resolved, None)
            else:
                completed = complete(self, resolved, path)
            if self.is_awaitable(completed):
                completed = await completed
        except Exception as error:  # ruff: ignore[blind-except] -- whatever a resolver raises is an error of its field
            self.handle_field_error(error, field.type, field.details, path)
            completed = None
        return completed

    async def guarded(self, field: Selected, completed: Awaitable[Any], path: Any) -> Any:
        """An awaited completion whose errors are the field's."""
        try:
            return await completed
        except Exception as error:  # ruff: ignore[blind-except] -- as above
            return self.failed(field, error, path)

    def failed(self, field: Selected, error: Exception, path: Any) -> None:
        """Note the error of a field. Raises GraphQLError where the field must not be null."""
        own = Path(path_of(path), field.key, field.parent.name)
        self.handle_field_error(error, field.type, field.details, own)

    def later(self, late: Late | None, field: Selected, value: Any) -> Late | None:
        """`late` and the value, if it has to be awaited."""
        if self.is_awaitable(value):
            late = late or {}
            late[field.key] = value
        return late

    def abandon(self, late: Late | None) -> None:
        """Let what is awaited of a selection come to its end, for nobody."""
        if late:
            self.settle_in_background(list(late.values()))

    def leaves(self, field: Selected, values: Any, path: Any) -> Any:
        """A list of scalars that are not all as expected, completed."""
        info = self.build_resolve_info(field.definition, field.nodes, field.parent, path_of(path))
        return self.complete_value(field.type, field.details, info, info.path, values, None)

    def item(self, field: Selected, item_type: Any, value: Any, done: list[Any], path: Any) -> bool:
        """Append an item that is not of the expected class, completed; whether it has to be awaited."""
        own = Path(path_of(path), len(done), None)
        assert own.prev is not None
        info = self.build_resolve_info(field.definition, field.nodes, field.parent, own.prev)
        if self.is_awaitable(value):
            done.append(
                self.complete_awaitable_list_item_value(value, item_type, field.details, info, own, None)
            )
            return True
        return self.complete_list_item_value(value, done, item_type, field.details, info, own, None)

    def item_failed(self, field: Selected, item_type: Any, error: Exception, path: Any, index: int) -> None:
        """Note the error of an item. Raises GraphQLError where it must not be null."""
        self.handle_field_error(error, item_type, field.details, Path(path_of(path), index, None))

    async def item_guarded(
        self, field: Selected, item_type: Any, completed: Awaitable[Any], path: Any, index: int
    ) -> Any:
        """An awaited completion whose errors are the item's."""
        try:
            return await completed
        except Exception as error:  # ruff: ignore[blind-except] -- as above
            return self.item_failed(field, item_type, error, path, index)

    def abandon_items(self, done: list[Any], late: list[int], values: Iterator[Any]) -> None:
        """Let what is awaited of a list come to its end, for nobody."""
        awaitables = [done[index] for index in late]
        awaitables.extend(collect_iterator_awaitables(values, self.is_awaitable))
        if awaitables:
            self.settle_in_background(awaitables)


async def gathered(data: dict[str, Any], late: Late) -> dict[str, Any]:
    """A selection whose last values are awaited, at once if there are several."""
    if len(late) == 1:
        ((key, value),) = late.items()
        data[key] = await value
    else:
        data.update(zip(late, await gather_with_cancel(*late.values()), strict=True))
    return data


async def gathered_items(done: list[Any], late: list[int]) -> list[Any]:
    """A list whose last items are awaited, at once if there are several."""
    if len(late) == 1:
        done[late[0]] = await done[late[0]]
    else:
        items = await gather_with_cancel(*(done[index] for index in late))
        for index, item in zip(late, items, strict=True):
            done[index] = item
    return done


@cache
def run_class(executor_class: type[Executor[Any]]) -> type[Run]:
    """Runs that are executors of this class. Raises Unsupported for one that executes otherwise."""
    if any(getattr_static(executor_class, name) is not getattr_static(IncrementalExecutor, name) for name in EXECUTES):
        raise Unsupported("executor")
    return type("Run", (Run, executor_class), {})
