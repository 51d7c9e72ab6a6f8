"""The plans that are kept, within bounds that hold whatever documents are sent."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from weakref import ref

from graphql import DocumentNode
from graphql.execution import VariableValues

from engine.errors import Unsupported
from engine.operations import Operation
from engine.plans import Plan

MAX_SIZE = 12_000_000
"""Bytes that all plans together are estimated to take."""
SHARES = 16
"""One operation takes no more than such a part of it, with all of its plans."""
MAX_VARIANTS = 8
"""Values of its conditions for which an operation is compiled."""
MOST_USES = 7
"""How often an operation passes by the end of the queue without being executed, before it goes."""
MOST_PATIENCE = 64
"""How many times as long an operation waits to be compiled again, at most, that had to go."""

Key = tuple[int, str | None]
Variant = tuple[bool, ...]


@dataclass(slots=True)
class Seen:
    """An operation that has not been executed often enough, and does not hold its document."""

    document: ref[DocumentNode]
    patience: int = 1
    times: int = 0


@dataclass(slots=True, eq=False)
class Kept:
    """An operation that has been executed often enough, with a plan for each value of its conditions.

    Where there can be none, the reason is kept, and no exception, which would hold a request's values.
    """

    document: ref[DocumentNode]
    """Says whether it is still this one's. Nothing here holds the document, so that all of it goes with it."""
    patience: int
    found: Operation | str
    size: int
    plans: dict[Variant, Plan | str] = field(default_factory=dict)
    executed: dict[Variant, int] = field(default_factory=dict)
    """How often values were executed that have no plan yet."""
    uses: int = 0

    @property
    def operation(self) -> Operation:
        """The operation. Raises Unsupported."""
        if isinstance(self.found, str):
            raise Unsupported(self.found)
        return self.found


class Plans:
    """The operations that are executed, by the identity of their documents, for as long as these live.

    An operation is kept from its `threshold`th execution on, so documents that come once cost nothing but what
    graphql-core takes to execute them. Where there are too many, those stay that are executed more often: they stand
    in a queue, and who comes to its end is put back for each time that it was executed, up to `MOST_USES`. That may
    leave no room but that of who came last. Whoever has to go is compiled again after twice as many executions.
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
        self._seen: OrderedDict[Key, Seen] = OrderedDict()
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that all that is kept is estimated to take."""
        return sum(kept.size for kept in list(self._kept.values()))

    def kept(self, document: DocumentNode, operation_name: str | None) -> Kept:
        """What is kept of an operation. Raises Unsupported for one that was not executed often enough."""
        key = id(document), operation_name
        kept = self._kept.get(key)
        if kept is None or kept.document() is not document:
            return self._met(key, document)
        if kept.uses < MOST_USES:
            kept.uses += 1
        return kept

    def plan(self, kept: Kept, values: VariableValues) -> Plan:
        """The plan of an operation for these values. Raises Unsupported."""
        operation = kept.operation
        variant = operation.variant(values.coerced)
        plan = kept.plans.get(variant) or self._made(kept, operation, variant, values)
        if isinstance(plan, str):
            raise Unsupported(plan)
        return plan

    def _met(self, key: Key, document: DocumentNode) -> Kept:
        seen = self._seen.pop(key, None)
        if seen is None or seen.document() is not document:
            seen = Seen(ref(document, partial(self._gone, key)))
        seen.times += 1
        if seen.times < self._threshold * seen.patience:
            self._remember(key, seen)
            raise Unsupported("first")
        try:
            operation = self._prepare(document, key[1])
            kept = Kept(seen.document, seen.patience, operation, operation.size)
        except Unsupported as unsupported:
            kept = Kept(seen.document, seen.patience, unsupported.reason, 0)
        self._kept[key] = kept
        self._make_room()
        if key not in self._kept:
            raise Unsupported("first")
        return kept

    def _made(self, kept: Kept, operation: Operation, variant: Variant, values: VariableValues) -> Plan | str:
        """A plan that was not there. The executions that an operation waited for are those of its first values."""
        if len(kept.plans) >= MAX_VARIANTS:
            return "conditions"
        times = kept.executed.get(variant, 0 if kept.plans else self._threshold - 1) + 1
        if times < self._threshold:
            kept.executed[variant] = times
            return "first"
        kept.executed.pop(variant, None)
        kept.plans[variant] = plan = self._compiled(kept, operation, values)
        self._make_room()
        return plan

    def _compiled(self, kept: Kept, operation: Operation, values: VariableValues) -> Plan | str:
        try:
            plan = self._compile(operation, values)
        except Unsupported as unsupported:
            return unsupported.reason
        if kept.size + plan.size > MAX_SIZE // SHARES:
            return "size"
        kept.size += plan.size
        return plan

    def _make_room(self) -> None:
        """Let go of what is executed least."""
        size = self.size
        while len(self._kept) > self._count or (size > MAX_SIZE and self._kept):
            key, kept = self._kept.popitem(last=False)
            if kept.uses:
                kept.uses -= 1
                self._kept[key] = kept
            else:
                size -= kept.size
                self._remember(key, Seen(kept.document, min(2 * kept.patience, MOST_PATIENCE)))

    def _remember(self, key: Key, seen: Seen) -> None:
        self._seen[key] = seen
        if len(self._seen) > 4 * self._count:
            self._seen.popitem(last=False)

    def _gone(self, key: Key, _: ref[DocumentNode]) -> None:
        """Called when the document is no more."""
        self._kept.pop(key, None)
        self._seen.pop(key, None)
