"""How many plans are kept, for how long, and whose: documents are sent by anybody."""

import gc
from itertools import product
from typing import Any

import pytest
from graphql import DocumentNode, build_schema, parse
from graphql.execution import VariableValues

from engine import cache
from engine.documents import Bounds, Documents
from engine.engine import Engine
from engine.operations import BYTES_A_VARIABLE, BYTES_AN_OPERATION, Operation
from engine.plans import BYTES_A_CHARACTER, Plan

SCHEMA = build_schema("type Query { words: [String!] }")
ROOT = {"words": ["a"]}
NAMES = "abcd"
FOUR = f"query ({' '.join(f'${name}: Boolean!' for name in NAMES)}) {{ one: words " + "".join(
    f"{name}: words @include(if: ${name}) " for name in NAMES
)
VARIANTS = [dict(zip(NAMES, values, strict=True)) for values in product((False, True), repeat=4)]


class Counting(Engine):
    """Says how often it compiled something, and why it did not."""

    def __init__(self, **given: Any) -> None:
        self.compiled = 0
        super().__init__(SCHEMA, **given)

    def _compiled(self, operation: Operation, values: VariableValues) -> Plan:
        self.compiled += 1
        return super()._compiled(operation, values)

    def why(self, document: DocumentNode, variables: dict[str, Any] | None = None, name: str | None = None) -> str:
        """Execute an operation, whose answer is right: the reason why graphql-core did, or nothing."""
        reasons: list[str] = []
        result = self.execute(
            document, root_value=ROOT, variable_values=variables, operation_name=name, fell_back=reasons.append
        )
        keys = {"one"} | {key for key, value in (variables or {}).items() if value}
        assert result.data == {key: ["a"] for key in keys}
        return "".join(reasons)

    def kept(self, documents: list[DocumentNode]) -> list[int]:
        """Which of these documents have plans."""
        return [number for number, document in enumerate(documents) if (id(document), None) in self._plans._kept]


def several(count: int, begin: int = 0) -> list[DocumentNode]:
    """Documents that differ."""
    return [parse(f"{{ one: words # {number}\n }}") for number in range(begin, begin + count)]


def test_plans_go_with_their_documents() -> None:
    """What is forgotten of documents takes its plans along: of one that is executed often, and of one that is not."""
    engine = Counting()
    documents = Documents[None](lambda _: None, max_tokens=100, kept=Bounds(documents=4, size=10**6))
    read: list[str] = []
    for number in range(100):
        text = f"query A {{ one: words }} query B {{ one: words }} # {number}"
        for name in ("A", "B", "A", "B", "B"):
            engine.why(documents.read(text, SCHEMA, ()).document, name=name)
        read.append(text)
    gc.collect()
    assert len(documents) == 4 + 64
    assert len(engine._plans._kept) == 2 * len(documents)
    assert engine.compiled == 200
    del documents
    gc.collect()
    assert not engine._plans._kept
    assert not engine._plans.size


def test_documents_that_come_once_are_not_held() -> None:
    """They go when their callers let them go, and those that are never let go are remembered within bounds."""
    engine = Counting(plans=8)
    for document in several(50):
        assert engine.why(document) == "first"
    del document
    gc.collect()
    assert not engine._plans._seen
    documents = several(50)
    for document in documents:
        engine.why(document)
    assert len(engine._plans._seen) == 32
    for document in documents:
        engine.why(document)
        engine.why(document)
    assert len(engine._plans._kept) == 8
    assert len(engine._plans._seen) == 32


def test_the_place_of_a_document_that_is_no_more_is_not_its_successors() -> None:
    """Another document with the same identity has to be executed as often as any other."""
    engine = Counting()
    first, second = several(2)
    plans = engine._plans
    engine.why(first)
    plans._seen[id(second), None] = plans._seen[id(first), None]
    assert engine.why(second) == "first"
    assert not engine.why(first)
    plans._kept[id(second), None] = plans._kept[id(first), None]
    assert not engine.why(second)
    assert engine.compiled == 2


def test_each_values_of_conditions_are_executed_twice_before_they_are_compiled() -> None:
    """What an operation waited for counts for the values that come then; eight have plans, and no others ever."""
    engine, document = Counting(), parse(FOUR + "}")
    assert [engine.why(document, VARIANTS[0]) for _ in range(3)] == ["first", "", ""]
    assert [engine.why(document, variant) for variant in VARIANTS[1:]] == ["first"] * 15
    assert engine.compiled == 1
    assert [engine.why(document, variant) for variant in VARIANTS] == [""] * 8 + ["conditions"] * 8
    assert [engine.why(document, variant) for variant in VARIANTS] == [""] * 8 + ["conditions"] * 8
    assert engine.compiled == 8


def test_one_operation_takes_a_sixteenth_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that does not fit is refused, compiled once, and those that fit stay."""
    engine, document, small = Counting(), parse(FOUR + "}"), several(1)[0]
    one = (
        BYTES_AN_OPERATION + 4 * BYTES_A_VARIABLE + BYTES_A_CHARACTER * len(engine.source(document, None, VARIANTS[0]))
    )
    monkeypatch.setattr(cache, "MAX_SIZE", 16 * one)
    engine.compiled = 0
    for expected in ("first", "", ""):
        assert engine.why(small) == expected
        assert engine.why(document, VARIANTS[0]) == expected
    assert [engine.why(document, VARIANTS[1]) for _ in range(3)] == ["first", "size", "size"]
    assert not engine.why(document, VARIANTS[0])
    assert engine.compiled == 3
    assert engine._plans.size == one + BYTES_AN_OPERATION + BYTES_A_CHARACTER * len(engine.source(small))


def test_those_stay_that_are_executed_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others come twice, by number and by size; what leaves goes, and size is what is there."""
    for bound in ("plans", "size"):
        engine = Counting(plans=8 if bound == "plans" else 256)
        often = several(4)
        size = BYTES_AN_OPERATION + BYTES_A_CHARACTER * len(engine.source(often[0]))
        if bound == "size":
            monkeypatch.setattr(cache, "MAX_SIZE", 8 * size)
            monkeypatch.setattr(cache, "SHARES", 8)
        others = several(100, 4)
        for other in others:
            for document in (*often, other, other):
                engine.why(document)
        assert engine.kept(often) == [0, 1, 2, 3]
        assert engine._plans.size == 8 * size
        for document in others[:8] * 8:
            engine.why(document)
        assert engine.kept(others[:8]), "what is no longer executed makes room"


def test_who_had_to_go_waits_twice_as_long() -> None:
    """An operation for which there is no room is compiled ever more seldom, and not at all where none can be made."""
    engine = Counting(plans=1)
    often, other = several(2)
    for _ in range(9):
        engine.why(often)
    compiled = []
    for number in range(1, 1001):
        before = engine.compiled
        engine.why(other)
        engine.why(often)
        if engine.compiled > before:
            compiled.append(number)
    assert not compiled
    assert engine._plans._seen[id(other), None].patience == cache.MOST_PATIENCE
    for _ in range(8 * 2 * cache.MOST_PATIENCE):
        engine.why(other)
    assert not engine.why(other)
    assert engine.kept([often, other]) == [1]
