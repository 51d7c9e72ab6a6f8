"""Cases for two executors, how they are compared, and how a difference is made small."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, ClassVar, Protocol

from graphql import (
    REMOVE,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    execute,
    parse,
    print_ast,
    validate,
    visit,
)
from strawberry.extensions import SchemaExtension

from engine.engine import Engine
from engine.extension import CompiledExecution, engine_of
from tests.engine.berries import BerryWorld, WholeWorld
from tests.engine.documents import write_document, write_variables
from tests.engine.runs import Circumstances, Outcome, Run, difference, observe
from tests.engine.schemas import GeneratedWorld

CONTEXT: dict[str, Any] = {"who": "ada@example.com"}


class World(Protocol):
    """A schema and what is needed to execute against it."""

    schema: GraphQLSchema
    options: Mapping[str, Any]

    @property
    def run(self) -> Run: ...

    @run.setter
    def run(self, run: Run) -> None: ...

    def root(self, typename: str, seed: int) -> Any: ...


@dataclass(frozen=True)
class Case:
    """One execution. Its name is enough to make it again."""

    name: str
    world: World
    document: DocumentNode
    operation_name: str | None
    variables: dict[str, Any]
    how: Circumstances

    @property
    def operation(self) -> OperationDefinitionNode:
        """The operation that is executed."""
        operations = [node for node in self.document.definitions if isinstance(node, OperationDefinitionNode)]
        return next(
            (node for node in operations if node.name and node.name.value == self.operation_name), operations[0]
        )

    def root(self) -> Any:
        """The root value: a new one for each execution."""
        root_type = self.world.schema.get_root_type(self.operation.operation)
        return self.world.root(root_type.name if root_type else "Query", self.how.seed)

    def __str__(self) -> str:
        given = f"variables {self.variables!r}, operation {self.operation_name!r}, {self.how}"
        return f"{self.name}\n{print_ast(self.document)}\n{given}"


Execute = Callable[[Case], Any]


class AsGiven(SchemaExtension):
    """Takes the document of the case, which is parsed and valid."""

    case: ClassVar[Case]

    def on_operation(self) -> Iterator[None]:
        self.execution_context.graphql_document = self.case.document
        self.execution_context.validation_rules = ()
        yield


def whole(case: Case, *extensions: type[SchemaExtension]) -> Any:
    """What a Strawberry schema does with all that is around execution, and with extensions."""
    assert isinstance(case.world, WholeWorld)
    AsGiven.case = case
    case.world.berry.extensions = (AsGiven, *extensions)
    return case.world.berry.execute(
        "{ given }",
        variable_values=case.variables,
        context_value=CONTEXT,
        root_value=case.root(),
        operation_name=case.operation_name,
    )


def interpreted(case: Case) -> Any:
    """What graphql-core does."""
    if isinstance(case.world, WholeWorld):
        return whole(case)
    return execute(
        case.world.schema,
        case.document,
        root_value=case.root(),
        context_value=CONTEXT,
        variable_values=case.variables,
        operation_name=case.operation_name,
        **case.world.options,
    )


@dataclass
class Tally:
    """What was run."""

    cases: int = 0
    waited: int = 0
    failed: int = 0
    raised: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: Outcome) -> None:
        """Count a case by its outcome."""
        self.cases += 1
        self.waited += outcome.waited
        self.failed += bool(outcome.errors)
        self.raised += bool(outcome.raised)

    def __str__(self) -> str:
        share = 100 * (1 - self.reasons.total() / max(self.cases, 1))
        return (
            f"{self.cases} cases, {share:.1f} % compiled (others: {dict(self.reasons)}), {self.waited} awaited,"
            f" {self.failed} with errors, {self.raised} raised"
        )


class Compiled:
    """The compiled executor, which counts what it leaves to graphql-core. A document is compiled at once."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.engine: Engine | None = None
        self.schema: GraphQLSchema | None = None

        class Counting(CompiledExecution):
            def fell_back(self, reason: str) -> None:
                tally.reasons[reason] += 1

        self.extension = Counting

    def __call__(self, case: Case) -> Any:
        """What the engine does."""
        if isinstance(case.world, WholeWorld):
            engine = engine_of(case.world.berry)
            assert engine is not None
            engine._plans._threshold = 1
            return whole(case, self.extension)
        if self.engine is None or self.schema is not case.world.schema:
            self.schema = case.world.schema
            self.engine = Engine(self.schema, threshold=1)
        return self.engine.execute(
            case.document,
            root_value=case.root(),
            context_value=CONTEXT,
            variable_values=case.variables,
            operation_name=case.operation_name,
            fell_back=self._fell_back,
        )

    def _fell_back(self, reason: str) -> None:
        self.tally.reasons[reason] += 1


class DifferenceError(AssertionError):
    """The executors differ."""


def circumstances(random: Random) -> Circumstances:
    """How a case goes: mostly something goes wrong in it, sometimes it is cancelled, sometimes there is no loop."""
    cancelled = random.choice([0.0, 0.1, 0.125, 0.3]) if random.random() < 0.06 else None
    return Circumstances(
        random.getrandbits(30), random.choice([0, 0, 10, 60, 200]), cancelled, without_loop=random.random() < 0.04
    )


def seeded(name: str) -> Random:
    """The decisions that follow from a name, on every machine."""
    return Random(name)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- a case is made again by its name


def documents(world: World, name: str, count: int) -> list[tuple[str, DocumentNode]]:
    """Documents with their names."""
    names = [f"{name}/{number}" for number in range(count)]
    return [(each, parse(write_document(world.schema, seeded(each)))) for each in names]


def cases_of(world: World, name: str, document: DocumentNode, count: int) -> Iterator[Case]:
    """Executions of a document."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    for number in range(count):
        random = seeded(f"{name}/{number}")
        operation = random.choice(operations)
        named = operation.name.value if operation.name else None
        chosen = named if len(operations) > 1 or random.random() < 0.5 else None
        if random.random() < 0.01:
            chosen = random.choice([None, "Nobody"])
        variables = write_variables(world.schema, operation, random, wrong=random.random() < 0.15)
        yield Case(f"{name}/{number}", world, document, chosen, variables, circumstances(random))


@contextmanager
def frozen() -> Generator[None]:
    """Collect garbage of what is executed within, and of nothing else: after each case it is collected."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def compare(case: Case, expected: Execute, got: Execute) -> tuple[str, Outcome]:
    """How the executors differ about a case, and what the first of them did."""
    outcomes = []
    for executor in (expected, got):
        outcome = observe(case.world, case.how, lambda executor=executor: executor(case))  # type: ignore[misc]
        outcomes.append(outcome)
    return difference(*outcomes), outcomes[0]


def check(world: World, name: str, counts: tuple[int, int], expected: Execute, got: Execute, tally: Tally) -> None:
    """Run so many documents so many times each by both executors.

    Raises:
        DifferenceError: with the first case that differs, as small as it becomes.

    """
    written = documents(world, name, counts[0])
    with frozen():
        for each, document in written:
            for case in cases_of(world, each, document, counts[1]):
                differs, outcome = compare(case, expected, got)
                tally.count(outcome)
                if differs:
                    raise DifferenceError(f"{differs}\n\n{explain(case, expected, got)}")


def explain(case: Case, expected: Execute, got: Execute) -> str:
    """A difference in words, as small as it becomes."""
    small = shrink(case, lambda smaller: bool(compare(smaller, expected, got)[0]))
    differs, outcome = compare(small, expected, got)
    return f"{small}\n\n{differs}\n\nexpected {outcome}"


def smaller_documents(case: Case) -> Iterator[DocumentNode]:
    """Each valid document that lacks one thing."""
    kinds = (
        "operation_definition",
        "field",
        "inline_fragment",
        "fragment_spread",
        "directive",
        "argument",
        "object_field",
    )
    count = 0

    class Without(Visitor):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def enter(self, node: Any, _key: Any, parent: Any, *_: Any) -> Any:
            if node.kind not in kinds or (node.kind in kinds[1:4] and len(parent) == 1):
                return None
            self.number -= 1
            return REMOVE if self.number == -1 else None

    counter = Without(-2)
    visit(case.document, counter)
    count = -2 - counter.number
    for number in range(count):
        document = tidied(visit(case.document, Without(number)))
        try:
            document = parse(print_ast(document))
        except GraphQLError:
            continue
        if not validate(case.world.schema, document):
            yield document


def tidied(document: DocumentNode) -> DocumentNode:
    """A document without the fragments and variables that nothing uses."""
    for kind, found in (("fragment_definition", "fragment_spread"), ("variable_definition", "variable")):
        used: set[str] = set()

        class Uses(Visitor):
            def enter(
                self, node: Any, _key: Any, parent: Any, *_: Any, found: str = found, used: set[str] = used
            ) -> None:
                if node.kind == found and getattr(parent, "kind", "") != "variable_definition":
                    used.add(node.name.value)

        class Unused(Visitor):
            def enter(self, node: Any, *_: Any, kind: str = kind, used: set[str] = used) -> Any:
                if node.kind != kind:
                    return None
                named = node.variable.name if kind == "variable_definition" else node.name
                return None if named.value in used else REMOVE

        for _ in range(4 if kind == "fragment_definition" else 1):
            used.clear()
            visit(document, Uses())
            document = visit(document, Unused())
    return document


def smaller_cases(case: Case) -> Iterator[Case]:
    """Each case that is a little less."""
    if case.how.cancelled_after is not None:
        yield replace(case, how=replace(case.how, cancelled_after=None))
    if case.how.chaos:
        yield replace(case, how=replace(case.how, chaos=0))
    for name in case.variables:
        yield replace(case, variables={key: value for key, value in case.variables.items() if key != name})
    for document in smaller_documents(case):
        yield replace(case, document=document)


TRIES = 500


def shrink(case: Case, differs: Callable[[Case], bool]) -> Case:
    """The smallest case found, within so many tries, that still differs."""
    tries, smaller = 0, smaller_cases(case)
    while tries < TRIES:
        tries += 1
        found = next(smaller, None)
        if found is None:
            break
        if differs(found):
            case, smaller = found, smaller_cases(found)
    return case


def plain_world(seed: int) -> GeneratedWorld:
    """A generated schema of graphql-core."""
    return GeneratedWorld(seed)


WORLDS: dict[str, Callable[[int], World]] = {"plain": plain_world, "berry": BerryWorld, "whole": WholeWorld}
"""Makers of worlds by their kind."""
