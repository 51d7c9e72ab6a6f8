"""Executors that are wrong on purpose, each in one thing: the oracle has to find every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, Undefined, located_error
from graphql.execution import Executor
from graphql.execution import executor as executors
from graphql.pyutils import gather_with_cancel
from graphql.type import is_non_null_type


class SwappedFields(Executor[Any]):
    """Resolves the fields of an object from last to first; the answer has their order."""

    def execute_fields(self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, *rest: Any) -> Any:
        backwards = dict(reversed(grouped_field_set.items()))
        result: Any = super().execute_fields(parent_type, source_value, path, backwards, *rest)

        async def ordered() -> Any:
            found = await result
            return {name: found[name] for name in grouped_field_set if name in found}

        if self.is_awaitable(result):
            return ordered()
        return {name: result[name] for name in grouped_field_set if name in result}


class SwappedKeys(Executor[Any]):
    """Answers with the keys of an object in another order."""

    def execute_fields(self, *arguments: Any) -> Any:
        result = super().execute_fields(*arguments)
        return dict(reversed(result.items())) if isinstance(result, dict) else result


class SilentErrors(executors.CollectedErrors):
    """Forgets every third error."""

    def add(self, error: GraphQLError, path: Any) -> None:
        if len(self.errors) != 2:
            super().add(error, path)


class LostError(Executor[Any]):
    """Loses an error where there are many."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.collected_errors = SilentErrors()


class EveryError(Executor[Any]):
    """Tells errors below a position that is null already."""

    def handle_field_error(self, raw_error: Exception, return_type: Any, field_details_list: Any, path: Any) -> None:
        located = located_error(raw_error, executors.to_nodes(field_details_list), path.as_list())
        if self.error_propagation and is_non_null_type(return_type):
            raise located
        self.collected_errors.errors.append(located)


class GatherOfOne(Executor[Any]):
    """Makes a task of the only awaitable of an object."""

    def execute_fields(self, *arguments: Any) -> Any:
        result = super().execute_fields(*arguments)
        return asyncio.ensure_future(result) if asyncio.iscoroutine(result) else result


class OneByOne(Executor[Any]):
    """Awaits the items of a list one after the other."""

    def complete_iterable_value(self, *arguments: Any) -> Any:
        gathering = gather_with_cancel

        async def in_turn(*awaitables: Awaitable[Any]) -> list[Any]:
            return [await awaitable for awaitable in awaitables]

        result = super().complete_iterable_value(*arguments)
        if not asyncio.iscoroutine(result):
            return result

        async def patched() -> Any:
            vars(executors)["gather_with_cancel"] = in_turn
            try:
                return await result
            finally:
                vars(executors)["gather_with_cancel"] = gathering

        return patched()


class NullsTooFar(Executor[Any]):
    """Takes every item of a list for one that must not be null."""

    def complete_list_item_value(self, item: Any, *rest: Any) -> bool:
        if item is None:
            raise TypeError("Cannot return null for non-nullable item")
        return super().complete_list_item_value(item, *rest)


class NullsStay(Executor[Any]):
    """Leaves null where there must be none."""

    def handle_field_error(self, raw_error: Exception, _return_type: Any, field_details_list: Any, path: Any) -> None:
        located = located_error(raw_error, executors.to_nodes(field_details_list), path.as_list())
        self.collected_errors.add(located, path)


class WrongPath(Executor[Any]):
    """Tells the path of an error without the number of the item."""

    def handle_field_error(self, raw_error: Exception, return_type: Any, field_details_list: Any, path: Any) -> None:
        if isinstance(path.key, int) and path.prev is not None:
            path = path.prev
        super().handle_field_error(raw_error, return_type, field_details_list, path)


class FirstNodeOnly(Executor[Any]):
    """Gives resolvers and errors one node of those that were merged."""

    def build_resolve_info(
        self, field_def: Any, field_nodes: Any, parent_type: Any, path: Any
    ) -> GraphQLResolveInfo[Any]:
        return super().build_resolve_info(field_def, field_nodes[:1], parent_type, path)


class NoTypeTest(Executor[Any]):
    """Does not ask `is_type_of` about what is surely of a type."""

    def complete_object_value(
        self, return_type: Any, field_details_list: Any, _info: Any, path: Any, *rest: Any
    ) -> Any:
        return self.collect_and_execute_subfields(return_type, field_details_list, path, *rest)


class AwaitsTwice(Executor[Any]):
    """Comes to an answer one turn of the loop later."""

    async def complete_awaitable_value(self, *arguments: Any) -> Any:
        result = await super().complete_awaitable_value(*arguments)
        await asyncio.sleep(0)
        return result


class Abandons(Executor[Any]):
    """Leaves what was begun when a sibling fails."""

    def settle_in_background(self, awaitables: list[Any]) -> None:
        for awaitable in awaitables:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()


class UndefinedIsValue(Executor[Any]):
    """Takes Undefined for a value."""

    def complete_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, *rest: Any
    ) -> Any:
        if result is Undefined:
            return "undefined"
        return super().complete_value(return_type, field_details_list, info, path, result, *rest)


class MutationsAtOnce(Executor[Any]):
    """Executes the root fields of a mutation concurrently."""

    def execute_operation(self, serially: bool | None = None) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- graphql-core's signature
        del serially
        return super().execute_operation(serially=False)


class ForgetsDefaults(Executor[Any]):
    """Gives resolvers the context of nobody."""

    def build_resolve_info(
        self, field_def: Any, field_nodes: Any, parent_type: Any, path: Any
    ) -> GraphQLResolveInfo[Any]:
        info = super().build_resolve_info(field_def, field_nodes, parent_type, path)
        return info._replace(variable_values=info.variable_values._replace(coerced={}))


FAULTS: list[type[Executor[Any]]] = [
    SwappedFields,
    SwappedKeys,
    LostError,
    EveryError,
    GatherOfOne,
    OneByOne,
    NullsTooFar,
    NullsStay,
    WrongPath,
    FirstNodeOnly,
    NoTypeTest,
    AwaitsTwice,
    Abandons,
    UndefinedIsValue,
    MutationsAtOnce,
    ForgetsDefaults,
]
