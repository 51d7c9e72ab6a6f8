"""What one document may ask for: depth, aliases, tokens, directives, operations, lists and cost."""

from typing import Any

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from core.passwords import Passwords
from schema.limits.documents import MAX_OPERATIONS, judge
from schema.limits.extensions import MAX_TOKENS
from schema.limits.merging import MAX_GATHERED, MAX_PAIRS
from schema.limits.sizes import MAX_ALIASES, MAX_COST, MAX_DEPTH, MAX_DIRECTIVES, MAX_LIST, MAX_NESTING
from tests.porchlight import PASSWORD, Porchlight

REPEATS_FIELDS = "The document repeats its fields too often."
REPEATS_FRAGMENTS = "The document repeats its fragments too often."
TOO_DEEP = f"The document is more than {MAX_DEPTH} levels deep."


def judged(document: str, variables: dict[str, Any] | None = None, name: str | None = None) -> str | None:
    """Why a document may not run."""
    errors = judge(parse(document), variables or {}, name)
    if not errors:
        return None
    (error,) = errors
    return error.message


def too_many(limit: int, what: str) -> str:
    return f"The document has more than {limit} {what}."


def nested(levels: int) -> str:
    """Fields of so many levels."""
    return "{a" * levels + "}" * levels


def repeated(text: str, count: int) -> str:
    return " ".join(text.replace("#", str(number)) for number in range(count))


def chain(length: int) -> str:
    """Fragments each of which spreads the next one; the last has one field."""
    links = [f"fragment f{number} on Query {{ ...f{number + 1} }}" for number in range(length - 1)]
    return " ".join([*links, f"fragment f{length - 1} on Query {{ a }}"])


def doubling(levels: int) -> str:
    """Fragments each of which spreads the next one twice: 2^levels fields."""
    links = [f"fragment f{number} on Query {{ ...f{number + 1} ...f{number + 1} }}" for number in range(levels)]
    return " ".join([*links, f"fragment f{levels} on Query {{ a }}"])


def cost(count: int) -> str:
    return f"The document asks for more than {count:,} fields."


WITHIN: dict[str, str] = {
    "depth": nested(MAX_DEPTH),
    "depth through inline fragments": "{ ... on Query " * 5 + nested(MAX_DEPTH) + "}" * 5,
    "depth through a fragment": "{ a { ...f } } fragment f on Query " + nested(MAX_DEPTH - 1),
    "aliases": "{" + repeated("a#: b", MAX_ALIASES) + "}",
    "directives": "{ a " + "@x " * MAX_DIRECTIVES + "}",
    "pages": "{ a(first: 100) { edges { node { " + repeated("f#", 20) + " } } } }",
    "default page": "{ a { edges { node { " + repeated("f#", 20) + " } } } }",
    "a list in the document": "{ a(b: [" + "1 " * MAX_LIST + "]) }",
    "nesting": "{ ..." * (MAX_NESTING - 1) + "{ a }" + "}" * (MAX_NESTING - 1),
    "the same field a hundred times": "{" + "a " * 100 + "}",
    "fields within many fields": "{" + repeated("a# { b { c } }", 30) + "}",
}
BEYOND: dict[str, tuple[str, str]] = {
    "depth": (nested(MAX_DEPTH + 1), TOO_DEEP),
    "depth through a fragment": ("{ a { ...f } } fragment f on Query " + nested(MAX_DEPTH), TOO_DEEP),
    "depth through fragments": (
        "{...f0} " + repeated("fragment f# on Query { a { ...g# } } fragment g# on Query { a }", 3)
        + "fragment x on Query { a { ...y } } fragment y on Query " + nested(MAX_DEPTH),
        TOO_DEEP,
    ),
    "depth of an unused fragment": ("{ a } fragment f on Query " + nested(MAX_DEPTH + 1), TOO_DEEP),
    "a chain of fragments": ("{ ...f0 } " + chain(240), TOO_DEEP),
    "a chain of unused fragments": ("{ a } " + chain(240), TOO_DEEP),
    "nesting": ("{ ..." * MAX_NESTING + "{ a }" + "}" * MAX_NESTING, TOO_DEEP),
    "aliases": ("{" + repeated("a#: b", MAX_ALIASES + 1) + "}", too_many(MAX_ALIASES, "aliases")),
    "aliases through a fragment": (
        "{ ...f ...f ...f } fragment f on Query {" + repeated("a#: b", 11) + "}",
        too_many(MAX_ALIASES, "aliases"),
    ),
    "aliases of an unused fragment": (
        "{ a } fragment f on Query {" + repeated("a#: b", MAX_ALIASES + 1) + "}",
        too_many(MAX_ALIASES, "aliases"),
    ),
    "directives of a field": ("{ a " + "@x " * (MAX_DIRECTIVES + 1) + "}", too_many(MAX_DIRECTIVES, "directives")),
    "directives of an operation": (
        "query " + "@x " * (MAX_DIRECTIVES + 1) + "{ a }",
        too_many(MAX_DIRECTIVES, "directives"),
    ),
    "directives of a variable": (
        "query($a: Int " + "@x " * (MAX_DIRECTIVES + 1) + ") { a }",
        too_many(MAX_DIRECTIVES, "directives"),
    ),
    "directives of a fragment": (
        "{ ...f } fragment f on Query " + "@x " * (MAX_DIRECTIVES + 1) + "{ a }",
        too_many(MAX_DIRECTIVES, "directives"),
    ),
    "directives of spreads": (
        "{" + "...f @x " * (MAX_DIRECTIVES + 1) + "} fragment f on Query { a }",
        too_many(MAX_DIRECTIVES, "directives"),
    ),
    "directives of inline fragments": (
        "{" + "... @x { a } " * (MAX_DIRECTIVES + 1) + "}",
        too_many(MAX_DIRECTIVES, "directives"),
    ),
    "a page": ("{ a(first: 100) { edges { node { " + repeated("f#", 60) + " } } } }", cost(MAX_COST)),
    "a page of pages": ("{ a(first: 100) { edges { node { b(last: 100) { edges { cursor } } } } } }", cost(MAX_COST)),
    "default pages": (
        "{ a { edges { node { b { edges { node { c { edges { cursor } } } } } } } } }",
        cost(MAX_COST),
    ),
    "a huge page": ("{ a(first: 99999999999999999999) { edges { cursor } } }", cost(MAX_COST)),
    "a default of a variable": ("query($n: Int = 9999) { a(first: $n) { edges { cursor } } }", cost(MAX_COST)),
    "the largest of two defaults": (
        "query A($n: Int = 9999) { a(first: $n) { edges { cursor } } } query B($n: Int = 1) { b }",
        cost(MAX_COST),
    ),
    "a bomb of fragments": ("{ ...f0 } " + doubling(20), cost(MAX_COST)),
    "a bomb of unused fragments": ("{ a } " + doubling(40), cost(MAX_COST)),
    "a list in the document": (
        "{ a(b: [" + "1 " * (MAX_LIST + 1) + "]) }",
        f"A list in the document has more than {MAX_LIST:,} elements.",
    ),
    "a deep list": ("{ a(b: " + "[" * 17 + "]" * 17 + ") }", f"An argument is more than {MAX_DEPTH} levels deep."),
    "a deep object": (
        "{ a(b: " + "{c: " * 17 + "1" + "}" * 17 + ") }",
        f"An argument is more than {MAX_DEPTH} levels deep.",
    ),
    "a deep argument of a directive": (
        "{ a @x(b: " + "[" * 17 + "]" * 17 + ") }",
        f"An argument is more than {MAX_DEPTH} levels deep.",
    ),
    "a deep default": (
        "query($a: [Int] = " + "[" * 17 + "]" * 17 + ") { a }",
        f"An argument is more than {MAX_DEPTH} levels deep.",
    ),
    "one field often": ("{" + "a " * 102 + "}", REPEATS_FIELDS),
    "fields within one field": ("{" + "me{id}" * 490 + "}", REPEATS_FIELDS),
    "fields within one field, twice": ("{" + "a{" + "b{c}" * 40 + "}" + "a{" + "b{c}" * 40 + "}" + "}", REPEATS_FIELDS),
    "one field of many fragments": (
        "{" + repeated("...f#", 120) + "}" + repeated("fragment f# on Query{me{id}}", 120),
        REPEATS_FIELDS,
    ),
    "one field of an unused fragment": ("{ a } fragment f on Query {" + "a " * 102 + "}", REPEATS_FIELDS),
    "many fragments of many fields": (
        "{a}" + repeated("fragment f# on Query{...g}", 200) + "fragment g on Query{" + repeated("a#", 400) + "}",
        REPEATS_FRAGMENTS,
    ),
}  # fmt: skip


def test_what_is_within_the_limits_passes() -> None:
    """To the last level, alias, directive and element."""
    assert {name: judged(document) for name, document in WITHIN.items()} == dict.fromkeys(WITHIN)


def test_what_is_beyond_a_limit_is_refused() -> None:
    """Each by its own limit, before anything walks it: the bombs would not be judged to their end in a lifetime."""
    found = {name: judge(parse(document), {}, "A") for name, (document, _) in BEYOND.items()}
    assert {name: errors and errors[0].message for name, errors in found.items()} == {
        name: message for name, (_, message) in BEYOND.items()
    }
    assert {errors[0].extensions["code"] for errors in found.values() if errors} == {"QUERY_TOO_COMPLEX"}  # type: ignore[index]


def test_pages_follow_the_variables() -> None:
    """What was given goes before the default; nonsense counts as a page, for validation to refuse."""
    document = "query($n: Int = 1) { a(first: $n) { edges { cursor } } }"
    large = cost(MAX_COST)
    for given_, expected in (
        ({}, None),
        ({"n": 100}, None),
        ({"n": 5_000}, large),
        ({"n": 10**30}, large),
        ({"n": -5_000}, None),
        ({"n": None}, None),
        ({"n": "5000"}, None),
        ({"n": True}, None),
        ({"n": 100.0}, None),
        ({"n": 5_000.0}, large),
        ({"n": 1e300}, large),
        ({"n": 1.5}, None),
        ({"n": float("inf")}, None),
        ({"n": float("nan")}, None),
    ):
        assert judged(document, given_) == expected, given_
    twenty = "query($n: Int) { a(first: $n) { edges { node { " + repeated("f#", 60) + " } } } }"
    for page in (None, 20, 20.0):
        assert judged(twenty, {"n": page}) is None, page
    for page_of_100 in (100, 100.0, "20", 1.5, [20], float("inf"), float("nan")):
        assert judged(twenty, {"n": page_of_100}) == large, page_of_100
    for literal in ("-5000", "0", "null", '"5000"', "1.5", "[5000]"):
        assert judged(f"{{ a(first: {literal}) {{ edges {{ cursor }} }} }}") is None, literal


def test_variables_have_limits_of_their_own() -> None:
    """Levels and elements, wherever they stand, counted without recursion."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert judged("{ a }", {"a": deep}) == f"The variables are more than {MAX_DEPTH} levels deep."
    assert judged("{ a }", {"a": {"b": {"c": [1] * MAX_LIST}}}) is None
    long = {"a": {"b": {"c": [1] * 10_000}}}
    assert judged("{ a }", long) == f"A list among the variables has more than {MAX_LIST:,} elements."


def test_operations_are_named_and_few() -> None:
    """One that is alone needs no name; eleven are too many."""
    assert judged("query A { a } query B { a }") == "Name the operation to run: the document has several."
    assert judged("query A { a } query B { a }", name="A") is None
    assert judged(repeated("query Q# { a }", MAX_OPERATIONS), name="Q0") is None
    several = repeated("query Q# { a }", MAX_OPERATIONS + 1)
    assert judged(several, name="Q0") == too_many(MAX_OPERATIONS, "operations")


def test_circles_of_fragments_are_left_to_validation() -> None:
    """Measuring them ends, in themselves, through fields, and unknown ones too."""
    twice = "{ ...f } fragment f on Query { a { ...f } b { ...f } }"
    assert judged(twice) == REPEATS_FRAGMENTS
    for document in (
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }",
        "{ ...f } fragment f on Query { a { ...f } }",
        "{ ...unknown }",
        "{ a } type Query { a: Int }",
    ):
        assert judged(document) is None, document


def test_the_limits_leave_room_for_real_documents() -> None:
    """GraphiQL's introspection passes whole, and so do a hundred fields in colocated fragments."""
    introspection = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert judged(introspection) is None
    parts = repeated("fragment Part# on User { id name email trial { id status } }", 20)
    assert judged(f"{{ me {{ {repeated('...Part#', 20)} }} }} {parts}") is None
    assert MAX_PAIRS < MAX_GATHERED


FIELDS = st.recursive(
    st.sampled_from(["a", "b: a", "...f", "...g", "c(first: 3)"]),
    lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda parts: "a { " + " ".join(parts) + " }"),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=4), st.lists(FIELDS, min_size=1, max_size=4))
def test_judging_any_document_ends(operation: list[str], fragment: list[str]) -> None:
    """Whatever spreads whatever: an answer or none, but no exception."""
    document = (
        f"{{ {' '.join(operation)} }} fragment f on Query {{ {' '.join(fragment)} }} fragment g on Query {{ ...f }}"
    )
    assert judged(document) in {
        None,
        TOO_DEEP,
        REPEATS_FIELDS,
        REPEATS_FRAGMENTS,
        cost(MAX_COST),
        too_many(MAX_ALIASES, "aliases"),
    }


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_the_limits_hold_on_the_wire(porchlight: Porchlight) -> None:
    """Over HTTP and over a socket: tokens, what only recursion would end, a bomb, and what may pass."""
    deep = "{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }"
    for document in (
        "{ " + "a " * MAX_TOKENS + "}",
        deep,
        "{ ... " * 300 + "{ a }" + "}" * 300,
        "{ ...f0 } " + doubling(20),
        "{ " + repeated("a#: __typename", 1_000) + "}",
        repeated("query Q# { a }", 400),
        '{ a(b: "' + "x" * 200_000 + '") ' + "a " * MAX_TOKENS + "}",
    ):
        assert await porchlight.codes(document) == ["QUERY_TOO_COMPLEX"], document[:60]
        async with porchlight.connect() as connection:
            await connection.subscribe(document)
            message = await connection.receive()
            assert (message["type"], [error["extensions"]["code"] for error in message["payload"]]) == (
                "error",
                ["QUERY_TOO_COMPLEX"],
            )
    assert (await porchlight.ask(get_introspection_query()))["__schema"]["queryType"]["name"] == "Query"
    variables = {"ids": ["x"] * 10_000}
    assert await porchlight.codes("query($ids: [ID!]) { __typename }", variables) == ["QUERY_TOO_COMPLEX"]


@pytest.mark.parametrize(("aliases", "hashes"), [(1_000, 0), (MAX_ALIASES, 10)])
async def test_aliases_buy_no_guesses(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, aliases: int, hashes: int
) -> None:
    """A thousand sign-ins in one document are refused unread; thirty cost what ten in a row would."""
    await porchlight.register()
    verify, count = Passwords._verify, 0

    def counted(self: Passwords, stored: str, password: str) -> bool:
        nonlocal count
        count += 1
        return verify(self, stored, password)

    monkeypatch.setattr(Passwords, "_verify", counted)
    guess = f'a#: login(input: {{email: "ada@example.com", password: "{PASSWORD[:-1]}#"}}) {{ __typename }}'
    codes = await porchlight.codes(f"mutation {{ {repeated(guess, aliases)} }}")
    assert codes == (["QUERY_TOO_COMPLEX"] if aliases > MAX_ALIASES else ["RATE_LIMITED"] * 20)
    assert count == hashes


@pytest.mark.parametrize("filling", ["# " + "x" * 20_000, "x" * 20_000, '"""' + "x" * 20_000 + '"""'])
async def test_a_document_has_a_length(porchlight: Porchlight, filling: str) -> None:
    """Long comments, names and texts are one token each; their characters count. Sockets refuse them too."""
    document = f"query Long {{ me {{ id }} }} {filling}"
    answer = await porchlight.post(document)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "QUERY_TOO_COMPLEX")
    async with porchlight.connect() as connection:
        await connection.subscribe(document)
        message = await connection.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "QUERY_TOO_COMPLEX")
