"""Documents that nobody sends with good intentions, and the code that each is refused with."""

from graphql import get_introspection_query

TOO_MUCH, PARSE, INVALID = "QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"


def repeated(text: str, count: int) -> str:
    """The text so many times, each `#` its number."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


def nested(levels: int, opening: str = "{ me ") -> str:
    """Selections within selections."""
    return opening * levels + "{ id }" + "}" * levels


def doubling(levels: int) -> str:
    """Fragments each of which spreads the next one twice."""
    links = [f"fragment f{number} on Query {{ ...f{number + 1} ...f{number + 1} }}" for number in range(levels)]
    return " ".join([*links, f"fragment f{levels} on Query {{ __typename }}"])


def chain(length: int) -> str:
    """Fragments each of which spreads the next one."""
    links = [f"fragment f{number} on Query {{ ...f{number + 1} }}" for number in range(length - 1)]
    return " ".join([*links, f"fragment f{length - 1} on Query {{ __typename }}"])


ITEMS = "recommendations(first: 100) { edges { node { id "

DOCUMENTS: dict[str, tuple[str, str]] = {
    # Width: aliases, repetition, directives, operations, tokens, characters.
    "1,000 aliases": ("{" + repeated("a#: __typename", 600) + "}", TOO_MUCH),
    "31 aliases": ("{" + repeated("a#: __typename", 31) + "}", TOO_MUCH),
    "aliases through a fragment": (
        "{ ...f a: me { ...g } } fragment f on Query {" + repeated("a#: __typename", 16) + "}"
        "fragment g on User {" + repeated("b#: __typename", 16) + "}",
        TOO_MUCH,
    ),
    "aliases of an unused fragment": (
        "{ __typename } fragment f on Query {" + repeated("a#: __typename", 31) + "}", TOO_MUCH
    ),
    "aliases within inline fragments": ("{" + repeated("... { a#: __typename }", 31) + "}", TOO_MUCH),
    "one field 1,900 times": ("{" + "me " * 1_900 + "}", TOO_MUCH),
    "one field with a field 490 times": ("{" + "me{id}" * 490 + "}", TOO_MUCH),
    "conflicting arguments of one name": (
        "{" + repeated('node(id: "#") { id }', 200) + "}", TOO_MUCH
    ),
    "one field of many fragments": (
        "{" + repeated("...f#", 120) + "}" + repeated("fragment f# on Query{me{id}}", 120), TOO_MUCH
    ),
    "51 directives": ("{ __typename " + "@skip(if: false) " * 51 + "}", TOO_MUCH),
    "500 unknown directives": ("{ __typename " + "@aa" * 500 + "}", TOO_MUCH),
    "directives of an operation": ("query " + "@a " * 51 + "{ __typename }", TOO_MUCH),
    "directives of a variable": ("query($a: Int " + "@a " * 51 + ") { __typename }", TOO_MUCH),
    "directives of spreads": ("{" + "...f @skip(if: true) " * 51 + "} fragment f on Query { __typename }", TOO_MUCH),
    "directives of inline fragments": ("{" + "... @skip(if: true) { __typename } " * 51 + "}", TOO_MUCH),
    "11 operations": (repeated("query Q# { __typename }", 11), TOO_MUCH),
    "400 operations": (repeated("query Q# { a }", 400), TOO_MUCH),
    "2,001 tokens": ("{" + "a " * 2_001 + "}", TOO_MUCH),
    "tokens of punctuation": ("{" + ",!" * 3_000 + "}", PARSE),
    "a long comment": ("{ __typename } #" + "x" * 20_000, TOO_MUCH),
    "a long name": ("{ " + "x" * 20_001 + " }", TOO_MUCH),
    "a long text": ('{ node(id: "' + "x" * 20_001 + '") { id } }', TOO_MUCH),
    "a long block": ('{ node(id: """' + "x" * 20_001 + '""") { id } }', TOO_MUCH),
    "a thousand unknown fields": ("{" + repeated("field#", 1_000) + "}", INVALID),
    "unknown fields near to known ones": ("{" + repeated("recommendation#", 300) + "}", INVALID),
    "600 unused variables": ("query(" + repeated("$v#: Int", 450) + ") { __typename }", INVALID),
    "300 unused fragments": ("{ __typename } " + repeated("fragment f# on Query { me { id } }", 150), INVALID),
    "unknown members of an input": (
        "query($a: RegisterInput = {" + repeated("m#: 1", 90) + " device: {" + repeated("m#: {a: 1}", 90) + "}})"
        "{ __typename }",
        INVALID,
    ),
    "600 members of an input": (
        "query($a: RegisterInput = {" + repeated("m#: 1", 600) + "}) { __typename }", TOO_MUCH
    ),
    # Depth: levels, inline fragments, fragments, values, types.
    "17 levels": (nested(16), TOO_MUCH),
    "levels through inline fragments": ("{ ... " * 300 + "{ __typename }" + "}" * 300, TOO_MUCH),
    "levels through fragments": (
        "{ me { ...f } } fragment f on User " + nested(16), TOO_MUCH
    ),
    "levels of an unused fragment": ("{ __typename } fragment f on Query " + nested(17), TOO_MUCH),
    "a chain of 240 fragments": ("{ ...f0 } " + chain(240), TOO_MUCH),
    "a deep list": ("{ node(id: " + "[" * 900 + "]" * 900 + ") { id } }", TOO_MUCH),
    "a deep object": ("{ node(id: " + "{a:" * 300 + "1" + "}" * 300 + ") { id } }", TOO_MUCH),
    "a deep type": ("query($a: " + "[" * 900 + "Int" + "]" * 900 + ") { __typename }", TOO_MUCH),
    "a deep default": ("query($a: [Int] = " + "[" * 17 + "]" * 17 + ") { __typename }", TOO_MUCH),
    "a deep argument of a directive": ("{ __typename @skip(if: " + "[" * 17 + "]" * 17 + ") }", TOO_MUCH),
    "braces alone": ("{" * 1_900, PARSE),
    # Size of what is asked for: pages, pages of pages, bombs.
    "a bomb of fragments": ("{ ...f0 } " + doubling(20), TOO_MUCH),
    "a bomb of unused fragments": ("{ __typename } " + doubling(40), TOO_MUCH),
    "a page of 60 fields": ("{ " + ITEMS + repeated("title", 60) + "} } } }", TOO_MUCH),
    "a page of a million": ("{ recommendations(first: 1000000) { edges { cursor } } }", TOO_MUCH),
    "a page by a default": (
        "query($n: Int = 99999) { recommendations(first: $n) { edges { cursor } } }", TOO_MUCH
    ),
    "30 pages": ("{" + repeated("a#: " + ITEMS + "title } } }", 30) + "}", TOO_MUCH),
    "a list of 1,001": ("query($a: [Int] = [" + "1 " * 1_001 + "]) { __typename }", TOO_MUCH),
    # What ends in no answer elsewhere: circles, numbers, texts.
    "a circle of fragments": ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", INVALID),
    "a fragment within itself": ("{ ...a } fragment a on Query { __typename ...a }", INVALID),
    "a circle through fields": ("{ me { ...a } } fragment a on User { trial { user { ...a } } }", INVALID),
    "a number of 5,000 digits": ("query($a: Int = " + "9" * 5_000 + ") { __typename }", TOO_MUCH),
    "a page of 5,000 digits": ("{ recommendations(first: " + "9" * 5_000 + ") { edges { cursor } } }", TOO_MUCH),
    "a number beyond numbers": ("query($a: Float = 1e999999) { __typename }", INVALID),
    "half a surrogate": ('{ node(id: "\\uD800") { id } }', PARSE),
    "a rune beyond runes": ('{ node(id: "\\u{110000}") { id } }', PARSE),
    "a zero": ("{ \0 }", PARSE),
    "a text without end": ('{ node(id: "', PARSE),
    "a block without end": ('{ node(id: """', PARSE),
    "nothing selected": ("{ }", ""),  # as the next edition of the specification has it
    # What the schema does not offer.
    "a schema of one's own": ("type Query { a: Int } extend type User { password: String }", INVALID),
    "two operations without a name": ("query A { __typename } query B { me { id } }", INVALID),
    "two operations of one name": ("query A { __typename } query A { me { id } }", INVALID),
    "deferred fragments": ("{ ... @defer { __typename } }", INVALID),
    "streamed lists": ("{ plans @stream(initialCount: 1) { key } }", INVALID),
    "introspection": (get_introspection_query(), INVALID),
    "introspection of a type": ('{ __type(name: "User") { name } }', INVALID),
    "introspection in circles": (
        "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }", INVALID
    ),
    "introspection under another name": (
        "{ ...f } fragment f on Query { x: __schema { queryType { name } } }", INVALID
    ),
    "a service's own schema": ("{ _service { sdl } }", INVALID),
    "entities": ("{ _entities(representations: []) { __typename } }", INVALID),
}  # fmt: skip
"""Each by its name, with the code of its refusal."""
