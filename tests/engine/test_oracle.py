"""The compiled executor is never different from graphql-core, as far as generated cases show."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import execute, print_ast, validate, validate_schema
from graphql.execution import Executor

from tests.engine.faults import FAULTS
from tests.engine.oracle import (
    CONTEXT,
    WORLDS,
    Case,
    Compiled,
    DifferenceError,
    Tally,
    cases_of,
    check,
    compare,
    documents,
    frozen,
    interpreted,
    plain_world,
    shrink,
)

BLOCKS, KINDS = 20, ("plain", "plain", "plain", "berry", "whole")
DOCUMENTS, TIMES = 10, 10
"""Twenty blocks of five schemas with ten documents that are executed ten times: 10,000 cases."""


@pytest.mark.parametrize("block", range(BLOCKS))
def test_generated_cases_do_not_differ(block: int) -> None:
    """Data, errors, side effects, tasks and warnings are the same; nine of ten cases are compiled."""
    tally = Tally()
    compiled = Compiled(tally)
    for number, kind in enumerate(KINDS):
        seed = 1000 + block * len(KINDS) + number
        check(WORLDS[kind](seed), f"{kind}/{seed}", (DOCUMENTS, TIMES), interpreted, compiled, tally)
    assert tally.cases == len(KINDS) * DOCUMENTS * TIMES
    assert tally.reasons.total() <= tally.cases // 10, tally


def test_what_is_generated_is_valid() -> None:
    """Schemas and documents are valid, so that what differs is the executors' own doing."""
    for kind, make in WORLDS.items():
        for seed in range(5):
            world = make(seed)
            assert validate_schema(world.schema) == []
            for name, document in documents(world, f"{kind}/{seed}", 10):
                assert validate(world.schema, document) == [], name


def test_a_case_is_reproducible() -> None:
    """The same case executed again by graphql-core does the same, to the turn of the loop."""
    tally = Tally()
    check(plain_world(7), "plain/7", (20, 4), interpreted, interpreted, tally)
    assert tally.cases == 80
    assert tally.failed > 10
    assert tally.waited > 20


def faulty(fault: type[Executor[Any]]) -> Any:
    """An executor with a fault."""

    def executing(case: Case) -> Any:
        return execute(
            case.world.schema,
            case.document,
            root_value=case.root(),
            context_value=CONTEXT,
            variable_values=case.variables,
            operation_name=case.operation_name,
            executor_class=fault,
        )

    return executing


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_wrong_executor_is_found(fault: type[Executor[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an executor does otherwise comes to light within a few hundred cases."""
    monkeypatch.setattr("tests.engine.oracle.shrink", lambda case, _differs: case)
    tally = Tally()

    def look() -> None:
        for seed in range(2000, 2040):
            check(plain_world(seed), f"plain/{seed}", (10, 4), interpreted, faulty(fault), tally)

    with pytest.raises(DifferenceError):
        look()
    assert tally.cases < 1600


def test_a_difference_becomes_small() -> None:
    """What is shown of a difference is a few lines, and still differs."""
    wrong = faulty(FAULTS[0])

    def differs(smaller: Case) -> bool:
        return bool(compare(smaller, interpreted, wrong)[0])

    world = plain_world(3)
    cases = (case for name, document in documents(world, "plain/3", 40) for case in cases_of(world, name, document, 2))
    with frozen():
        case = next(case for case in cases if differs(case))
        small = shrink(case, differs)
        assert differs(small)
        assert len(print_ast(small.document)) < min(400, len(print_ast(case.document)))
        assert len(compare(small, interpreted, wrong)[1].trace) < 30
