"""Documents that are read once: which are kept, and how much they can take together."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    build_schema,
    parse,
    specified_rules,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import documents as module
from engine.documents import BYTES_A_CHARACTER, BYTES_A_TOKEN, BYTES_AN_ERROR, Bounds, Documents, Known
from schema.limits.documents import Judged
from schema.limits.sizes import Sizes
from tests.porchlight import Porchlight

SCHEMA = build_schema("type Query { a: Int }")


def counting(seen: list[DocumentNode]) -> Callable[[DocumentNode], int]:
    """An examination that tells which documents it has seen."""

    def examine(document: DocumentNode) -> int:
        seen.append(document)
        if len(document.definitions) > 1:
            raise GraphQLError("Too many.")
        return len(seen)

    return examine


class Reading:
    """A few documents in memory, and what was read."""

    def __init__(self, *, kept: int = 8, passing: int = 4, size: int = 1_000_000) -> None:
        self.read: list[DocumentNode] = []
        self.documents = Documents(
            counting(self.read),
            max_tokens=500,
            kept=Bounds(documents=kept, size=size),
            passing=Bounds(documents=passing, size=size),
        )

    def __call__(self, text: str) -> Known[int]:
        return self.documents.read(text, SCHEMA, specified_rules)

    def reads(self, text: str) -> bool:
        """Whether a text has to be read for this use."""
        before = len(self.read)
        self(text)
        return len(self.read) > before


def numbered(number: int) -> str:
    """One of many documents that are alike."""
    return f"query Q{number} {{ a }}"


def test_a_document_is_read_once() -> None:
    """It is the same object afterwards, with what examination and validation have found."""
    reading = Reading()
    first = reading("{ a }")
    assert (first.found, first.errors, reading("{ a }") is first, len(reading.read)) == (1, [], True, 1)
    assert first.size == 5 * BYTES_A_CHARACTER + 5 * BYTES_A_TOKEN
    wrong = reading("{ b }")
    assert [error.message for error in wrong.errors] == ["Cannot query field 'b' on type 'Query'. Did you mean 'a'?"]
    assert (reading("{ b }") is wrong, wrong.found) == (True, 2)
    spared = reading("{ b } query Two { b }")
    assert ([error.message for error in spared.errors], spared.found) == (["Too many."], None)
    assert spared.size == 21 * BYTES_A_CHARACTER + 10 * BYTES_A_TOKEN + BYTES_AN_ERROR


def test_other_rules_read_it_anew() -> None:
    """What was sound by some rules may not be so by others."""
    reading = Reading()
    assert reading("{ __schema { description } }").errors == []
    stricter = (*specified_rules, NoSchemaIntrospectionCustomRule)
    found = reading.documents.read("{ __schema { description } }", SCHEMA, stricter)
    assert (len(found.errors), len(reading.documents)) == (1, 1)
    assert reading.documents.read("{ __schema { description } }", SCHEMA, (*stricter,)) is found


def test_what_cannot_be_parsed_is_not_kept() -> None:
    """Neither what is no GraphQL, nor what has too many tokens."""
    reading = Reading()
    for text in ("{", "{ " + "a " * 500 + "}"):
        with pytest.raises(GraphQLSyntaxError):
            reading(text)
    assert (len(reading.documents), reading.documents.size, reading.read) == (0, 0, [])


def test_a_stream_of_documents_drives_out_none_that_is_in_use() -> None:
    """Those that come once pass; one that came twice, however long ago the second time was, is still there."""
    reading = Reading()
    reading("{ a }")
    reading("{ a }")
    for number in range(200):
        reading(numbered(number))
        assert len(reading.documents) <= 5
    assert not reading.reads("{ a }")
    assert reading.reads(numbered(0))


def test_documents_that_are_sent_twice_drive_out_none_that_is_used_more_often() -> None:
    """Each of the others leaves before it, as long as it is used between two rounds of them."""
    reading = Reading()
    for _ in range(9):
        reading("{ a }")
    for number in range(200):
        reading(numbered(number))
        reading(numbered(number))
        assert len(reading.documents) <= 12
        if number % 5 == 0:
            assert not reading.reads("{ a }"), number
    assert reading.reads(numbered(180))


def test_a_document_that_comes_again_soon_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a stream of others it falls out before it is used again; its hash is remembered for a while."""
    monkeypatch.setattr(module, "REMEMBERED", 50)
    reading = Reading()
    reading("{ a }")
    for number in range(40):
        reading(numbered(number))
    assert reading.reads("{ a }")
    for number in range(100, 200):
        reading(numbered(number))
    assert not reading.reads("{ a }")
    assert reading.reads(numbered(0))


def test_documents_that_are_refused_are_never_kept() -> None:
    """They pass, however often they were sent meanwhile."""
    reading = Reading()
    for _ in range(5):
        reading("{ b }")
    for number in range(4):
        reading(numbered(number))
    assert reading.reads("{ b }")


def test_documents_have_a_size_together() -> None:
    """Large ones leave early; one that is larger than everything does not stay, and drives nobody out."""
    reading = Reading(size=60_000)
    for _ in range(9):
        reading("{ a }")
    for number in range(100):
        for _ in range(2):
            reading(f"query Q{number} {{ {'a ' * 20} }}")
        reading("{ a }")
        assert reading.documents.size <= 120_000
    assert 4 <= len(reading.documents) <= 8
    for _ in range(3):
        assert reading.reads("{ " + "a " * 400 + "}")
    assert not reading.reads("{ a }")


@pytest.mark.parametrize(
    "text",
    [
        "{ " + "a " * 480 + "}",
        "{ " + "abcdefgh " * 480 + "}",
        "{ " + " ".join(f"b{number}: a" for number in range(160)) + "}",
        "{ " + "a { " * 120 + "a" + " }" * 120 + "}",
        "query(" + "$a: [Int!]! " * 60 + ") { a }",
        "{ a } # " + "x" * 15_000,
    ],
)
def test_documents_take_no_more_than_is_estimated(text: str) -> None:
    """The estimate bounds the memory: parsed, validated, with all errors."""
    reading = Reading()
    reading("{ a { a } }")
    text = f"{text} "  # an object of its own
    tracemalloc.start()
    try:
        known = reading(text)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken <= known.size


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60))
def test_the_bounds_hold_whatever_comes(sent: list[tuple[int, bool]]) -> None:
    """In any order; what is counted is what is there, and every answer is the text's own."""
    reading = Reading(kept=5, passing=2, size=40_000)
    for number, sound in sent:
        text = f"query Q{number} {{ {'a' if sound else 'b'} }} {'#' * number * 100}"
        known = reading(text)
        assert (known.text, not known.errors) == (text, sound)
        queues = (reading.documents._kept, reading.documents._passing)
        assert all(len(queue.members) <= most for queue, most in zip(queues, (5, 2), strict=True))
        assert [queue.size for queue in queues] == [sum(one.size for one in queue.members.values()) for queue in queues]
        assert all(queue.size <= 40_000 for queue in queues)


def test_pages_are_measured_again_only_when_they_are_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a document comes to by itself is found once; its variables are judged in each request."""
    walks = 0
    measure = Sizes.fragments

    def counted(self: Sizes) -> None:
        nonlocal walks
        walks += 1
        measure(self)

    monkeypatch.setattr(Sizes, "fragments", counted)
    judged = Judged(parse("query($n: Int = 3, $m: Int) { a(first: $n) { b(last: $m) { edges { cursor } } } }"))
    assert walks == 1
    for variables, refused, walked in (
        ({}, False, 1),
        ({"n": 3, "m": 20}, False, 0),
        ({"n": 50, "m": 40}, False, 1),
        ({"n": 20, "m": 40}, False, 0),
        ({"n": 50, "m": 60}, True, 1),
        ({"n": 50, "m": 60}, True, 1),
        ({"n": 50, "m": 39}, False, 0),
        ({"n": -4, "m": None}, False, 0),
    ):
        walks = 0
        assert (bool(judged.refusals(variables, None)), walks) == (refused, walked), variables


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_variables_are_judged_in_each_request(porchlight: Porchlight) -> None:
    """A document that was let in with a short page is refused with a long one, and let in again."""
    document = "query($n: Int) { me { a: recommendations(first: $n) { edges { node { id title tags } } } } }"
    found = [await porchlight.codes(document, {"n": count}) for count in (5, 9_000, 5)]
    assert found == [[], ["QUERY_TOO_COMPLEX"], []]


def test_refusals_that_are_kept_hold_no_request() -> None:
    """Neither their own traceback nor that of what they were made of, in whose frames the request would live on."""
    reading = Documents(Judged, max_tokens=500)
    text = "{ " + "a " * 200 + "}"
    for _ in range(2):
        (error,) = reading.read(text, SCHEMA, specified_rules).errors
        assert (error.extensions or {})["code"] == "QUERY_TOO_COMPLEX"
        assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)
