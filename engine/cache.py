"""The plans that are kept, within bounds that hold whatever documents are sent."""

from collections import OrderedDict
from collections.abc import Callable
from weakref import ref

from graphql import DocumentNode
from graphql.execution import VariableValues

from engine.errors import Unsupported
from engine.operations import Operation
from engine.plans import Plan

MAX_CHARACTERS = 2_000_000
"""Generated source that is kept, of all plans together; with its code a plan takes about six times as much memory."""

Key = tuple[int, str | None]


class Kept:
    """An operation that has been executed often enough, with a plan for each value of its conditions.

    Where there can be none, the reason is kept, and no exception, which would hold a request's values.
    """

    def __init__(self, document: DocumentNode, operation: Operation | str) -> None:
        self.document = document
        """Held, so that its identity stays its own."""
        self._operation = operation
        self._plans: dict[tuple[bool, ...], Plan | str] = {}
        self.characters = 0

    @property
    def operation(self) -> Operation:
        """The operation. Raises Unsupported."""
        if isinstance(self._operation, str):
            raise Unsupported(self._operation)
        return self._operation

    def plan(self, values: VariableValues, compile_: Callable[[Operation, VariableValues], Plan]) -> Plan:
        """The plan for these values, made when it is first asked for. Raises Unsupported."""
        operation = self.operation
        variant = operation.variant(values.coerced)
        plan = self._plans.get(variant)
        if plan is None:
            try:
                plan = compile_(operation, values)
                self.characters += len(plan.source)
            except Unsupported as unsupported:
                plan = unsupported.reason
            self._plans[variant] = plan
        if isinstance(plan, str):
            raise Unsupported(plan)
        return plan


class Plans:
    """The operations that were executed last, by the identity of their documents.

    An operation is kept from its `threshold`th execution on, so documents that come once are not held, and cost
    nothing but what graphql-core takes to execute them.
    """

    def __init__(
        self,
        prepare: Callable[[DocumentNode, str | None], Operation],
        compile_: Callable[[Operation, VariableValues], Plan],
        *,
        count: int,
        threshold: int,
    ) -> None:
        self._prepare = prepare
        self._compile = compile_
        self._count = count
        self._threshold = threshold
        self._seen: OrderedDict[Key, tuple[ref[DocumentNode] | None, int]] = OrderedDict()
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._characters = 0

    def kept(self, document: DocumentNode, operation_name: str | None) -> Kept:
        """What is kept of an operation. Raises Unsupported for one that comes for the first time."""
        key = id(document), operation_name
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        seen, times = self._seen.pop(key, (None, 0))
        times = times + 1 if seen is not None and seen() is document else 1
        if times < self._threshold:
            self._seen[key] = ref(document), times
            if len(self._seen) > self._count:
                self._seen.popitem(last=False)
            raise Unsupported("first")
        operation: Operation | str
        try:
            operation = self._prepare(document, operation_name)
        except Unsupported as unsupported:
            operation = unsupported.reason
        kept = self._kept[key] = Kept(document, operation)
        self._forget()
        return kept

    def plan(self, kept: Kept, values: VariableValues) -> Plan:
        """The plan of an operation for these values. Raises Unsupported."""
        before = kept.characters
        plan = kept.plan(values, self._compile)
        if kept.characters > before:
            self._characters += kept.characters - before
            self._forget()
        return plan

    def _forget(self) -> None:
        """Let go of what was not executed for the longest time."""
        while len(self._kept) > self._count or (self._characters > MAX_CHARACTERS and len(self._kept) > 1):
            _, kept = self._kept.popitem(last=False)
            self._characters -= kept.characters
