"""Files come by the GraphQL multipart request, and nothing of it is believed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.datastructures import UploadFile

from tests.conftest import Start
from tests.pictures import plain
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until
from tests.showing import PREFLIGHT, parts, send
from web import uploads
from web.uploads import MAX_UPLOAD

SHORT = "mutation($image: Upload!) { analyzeImage(image: $image) { __typename ... on Error { message } } }"
TWICE = """mutation($a: Upload!, $b: [Upload!]!, $c: Upload!) {
  one: analyzeImage(image: $a) { __typename } two: analyzeImage(image: $c) { __typename }
}"""
OPERATION: dict[str, Any] = {"query": SHORT, "variables": {"image": None}}
WHERE = {"0": ["variables.image"]}
HALF = b'--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\nxyz'


@pytest.fixture
async def person(porchlight: Porchlight) -> Person:
    """Who sends files."""
    return await porchlight.register()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[UploadFile]:
    """Every file that a request opens."""
    found: list[UploadFile] = []
    original = UploadFile.__init__

    def noting(self: UploadFile, *arguments: Any, **more: Any) -> None:
        original(self, *arguments, **more)
        found.append(self)

    monkeypatch.setattr(UploadFile, "__init__", noting)
    return found


async def test_a_file_may_stand_in_several_places(
    porchlight: Porchlight, person: Person, opened: list[UploadFile]
) -> None:
    """By one of two header names, in any order of parts; each place reads all of it, and it is closed afterwards."""
    for header in ("GraphQL-Require-Preflight", "apollo-require-preflight"):
        answer = await send(
            porchlight, parts(OPERATION, WHERE, **{"0": plain()}), person=person, headers={header: "yes"}
        )
        assert (answer.status_code, answer.json()) == (
            200,
            {"data": {"analyzeImage": {"__typename": "AnalyzeImageSuccess"}}},
        )
    several = {"query": TWICE.replace("$b: [Upload!]!, ", ""), "variables": {"a": None, "c": None}}
    sent = parts(several, {"x": ["variables.a", "variables.c"]}, x=plain())[::-1]
    told = (await send(porchlight, sent, person=person)).json()
    assert told == {
        "data": {"one": {"__typename": "AnalyzeImageSuccess"}, "two": {"__typename": "AnalyzeImageSuccess"}}
    }
    listed = {"query": TWICE.replace("$b: [Upload!]!", "$b: [Upload]"), "variables": {"a": None, "b": [1, None]}}
    listed["variables"] |= {"c": None}  # type: ignore[operator]
    sent = parts(listed, {"x": ["variables.a", "variables.b.1"], "y": ["variables.c"]}, x=plain(), y=plain())
    told = (await send(porchlight, sent, person=person)).json()
    assert [error["extensions"]["code"] for error in told["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert len(opened) == 5
    assert all(file.file.closed for file in opened)


async def test_bytes_of_strangers_are_not_read(porchlight: Porchlight, person: Person) -> None:
    """Nor without a header that no form of another site can send, whatever cookies come along."""
    answer = await send(porchlight, parts(OPERATION, WHERE, **{"0": plain()}))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    for headers in ({}, {"GraphQL-Require-Preflight": ""}, {"X-Requested-With": "x"}):
        answer = await send(porchlight, parts(OPERATION, WHERE, **{"0": plain()}), person=person, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")
        assert "GraphQL-Require-Preflight" in answer.json()["errors"][0]["message"]


FILES = {"0": b"x"}
BODIES: dict[str, tuple[Any, str]] = {
    "a batch": (parts([OPERATION], {"0": ["0.variables.image"]}, **FILES), "operations is not a JSON object"),
    "no operations": (parts(OPERATION, WHERE, **FILES)[1:], "part operations is missing"),
    "operations as a file": ([("operations", ("o.json", b"{}")), *parts({}, WHERE, **FILES)[1:]], "is missing"),
    "no map": ([parts(OPERATION, WHERE)[0]], "part map is missing"),
    "no JSON": ([("operations", (None, b"{")), *parts({}, WHERE, **FILES)[1:]], "operations is not valid JSON"),
    "deep JSON": ([("operations", (None, b"[" * 100_000)), *parts({}, WHERE, **FILES)[1:]], "is not valid JSON"),
    "map that is none": (parts(OPERATION, ["0"], **FILES), "map is not a JSON object"),
    "map without paths": (parts(OPERATION, {"0": []}, **FILES), "a list of paths"),
    "map to a number": (parts(OPERATION, {"0": [1]}, **FILES), "a list of paths"),
    "map to many": (parts(OPERATION, {"0": ["variables.image"] * 11}, **FILES), "at most 10 paths"),
    "a file that is not sent": (parts(OPERATION, WHERE | {"1": ["variables.b"]}, **FILES), "map names each file"),
    "a file that is not named": (parts(OPERATION, WHERE, **FILES, extra=b"x"), "map names each file"),
    "a file twice": ([*parts(OPERATION, WHERE, **FILES), ("0", ("b", b"y"))], "one name"),
    "two maps": ([*parts(OPERATION, WHERE), ("map", (None, b"{}"))], "Too many fields"),
    "four files": (parts(OPERATION, WHERE, **FILES, a=b"", b=b"", c=b""), "Too many files"),
    "much text": ([("operations", (None, b" " * 1_100_000)), *parts({}, WHERE, **FILES)[1:]], "exceeded maximum size"),
    "no query": (parts({"variables": {"image": None}}, WHERE, **FILES), "query is missing"),
    **{
        f"a path to {path}": (parts(OPERATION, {"0": [path]}, **FILES), "A path of map leads to a null")
        for path in (
            "", "image", "query", "variables", "variables.other", "variables.image.x", "variables.0", "extensions.a",
            "variables.image.__class__", ".".join(["variables"] * 20),
        )
    },
    "one place twice": (parts(OPERATION, {"0": ["variables.image"] * 2}, **FILES), "A path of map leads to a null"),
    **{
        f"a place in a list by {index}": (
            parts({"query": SHORT, "variables": {"a": [None]}}, {"0": [f"variables.a.{index}"]}, **FILES),
            "A path of map leads to a null",
        )
        for index in ("-1", "1", "00", "x", "٠", "9" * 5000)
    },
}  # fmt: skip


async def test_what_breaks_the_specification_is_refused(
    porchlight: Porchlight, person: Person, opened: list[UploadFile]
) -> None:
    """Each with 400, a code and what is wrong, and every file of it is closed."""
    for name, (sent, message) in BODIES.items():
        answer = await send(porchlight, sent, person=person)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]) == (400, {"code": "BAD_USER_INPUT"}), (name, error)
        assert message in error["message"], (name, error)
    assert all(file.file.closed for file in opened)


async def test_operations_have_the_limits_of_json(porchlight: Porchlight, person: Person) -> None:
    """Depth, length and the rest hold for what comes in parts, too."""
    deep = {"query": "{ " + "me { " * 20 + "id" + " }" * 20 + " }", "variables": {"image": None}}
    long = {"query": SHORT + " " * 20_000, "variables": {"image": None}}
    for operation, status in ((deep, 200), (long, 413)):
        answer = await send(porchlight, parts(operation, WHERE, **FILES), person=person)
        codes = [error["extensions"]["code"] for error in answer.json()["errors"]]
        assert (answer.status_code, codes) == (status, ["QUERY_TOO_COMPLEX"])


async def test_a_file_comes_by_no_other_way(porchlight: Porchlight, person: Person) -> None:
    """Neither as text among the variables, nor written into the document, nor without its part."""
    written = 'mutation { analyzeImage(image: "AAAA") { __typename } }'
    for query, variables in ((SHORT, {"image": "AAAA"}), (SHORT, {"image": None}), (written, {})):
        codes = await porchlight.codes(query, variables, token=person.access_token)
        assert codes == ["GRAPHQL_VALIDATION_FAILED" if query is written else "BAD_USER_INPUT"], (query, variables)


async def raw(porchlight: Porchlight, person: Person, body: Any, **headers: str) -> tuple[int, str]:
    """Status and message of a body as it is given."""
    told = {
        **PREFLIGHT,
        "Authorization": f"Bearer {person.access_token}",
        "Content-Type": "multipart/form-data; boundary=b",
        **headers,
    }
    answer = await porchlight.http.post("/graphql", content=body, headers=told)
    return answer.status_code, answer.json()["errors"][0]["message"]


async def begun(
    porchlight: Porchlight, person: Person, body: bytes = b"", *, length: int = 100_000
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection over which a request has begun, and how it says that it goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    head = [
        "POST /graphql HTTP/1.1", "Host: localhost", f"Authorization: Bearer {person.access_token}",
        "GraphQL-Require-Preflight: 1", "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {length}",
    ]  # fmt: skip
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    return reader, writer


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status of the answer."""
    return int((await asyncio.wait_for(reader.readline(), 20)).split()[1])


async def streamed(count: int) -> AsyncGenerator[bytes]:
    """A body without a length, whose file has `count` times 64 KiB."""
    yield HALF
    for _ in range(count):
        await asyncio.sleep(0)
        yield b"\0" * 65_536


async def test_what_is_too_large_is_refused_early(
    porchlight: Porchlight, person: Person, opened: list[UploadFile]
) -> None:
    """By what its head says before a byte is read, and by what has come where it says nothing."""
    reader, writer = await begun(porchlight, person, length=25 * 1024 * 1024)
    assert await status_of(reader) == 413
    writer.close()
    assert opened == []
    assert await raw(porchlight, person, streamed(400)) == (413, f"A multipart body has at most {MAX_UPLOAD:,} bytes.")
    assert [file.file.closed for file in opened] == [True]


async def test_what_is_cut_off_or_no_multipart_is_refused(
    porchlight: Porchlight, person: Person, opened: list[UploadFile]
) -> None:
    """A body must have its last boundary; what is compressed, or has no boundary, is not tried."""
    assert await raw(porchlight, person, streamed(1)) == (400, "The body ends before its last boundary.")
    whole = json.dumps(OPERATION)
    cut = f'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{whole}\r\n--b\r\n'
    assert (await raw(porchlight, person, cut.encode()))[0] == 400
    assert (await raw(porchlight, person, b"--c\r\n\r\n--c--"))[0] == 400
    assert (await raw(porchlight, person, b"", **{"Content-Type": "multipart/form-data"}))[0] == 400
    named = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
    assert (await raw(porchlight, person, named))[0] == 400
    many = b"--b\r\n" + b"a: b\r\n" * 100 + b"\r\nx\r\n--b--\r\n"
    assert (await raw(porchlight, person, many))[0] == 400
    assert (await raw(porchlight, person, b"x", **{"Content-Encoding": "gzip"}))[0] == 415
    assert all(file.file.closed for file in opened)


async def test_text_is_in_utf_8(porchlight: Porchlight, person: Person) -> None:
    """No other charset is obeyed, whichever codec it names and however it is written; what is none is refused."""
    for told in ("punycode", "undefined", '"UTF-16"', "utf-7", "latin-1", ""):
        kind = f"multipart/form-data; boundary=b; Charset={told}"
        assert await raw(porchlight, person, b"x" * 99, **{"Content-Type": kind}) == (
            415,
            "The body is in UTF-8, and names no other charset.",
        )
    for told in ("UTF-8", '"utf8"'):
        kind = f"multipart/form-data; boundary=b; charset={told}"
        assert (await raw(porchlight, person, HALF, **{"Content-Type": kind}))[1].startswith("The body ends")
    for head, text in (
        (b'name="operations"', b"\xff"),
        (b'name="\xff"', b"x"),
        (b'name="operations"\r\nContent-Type: application/json; charset=utf-16', b"{}"),
    ):
        body = b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + text + b"\r\n--b--\r\n"
        assert await raw(porchlight, person, body) == (400, "The text of a part is not in UTF-8.")


async def test_who_is_slow_gives_up_the_place(
    porchlight: Porchlight, person: Person, monkeypatch: pytest.MonkeyPatch, opened: list[UploadFile]
) -> None:
    """Few bodies arrive at a time, of one user and of all, and each has its time; the places are free again."""
    other = await porchlight.register("grace@example.com")
    monkeypatch.setattr(uploads, "UPLOAD_TIMEOUT", 2.0)
    slow = [await begun(porchlight, person, HALF) for _ in range(3)]
    await until(lambda: len(opened) == 3)
    whole = parts(OPERATION, WHERE, **{"0": plain()})
    answer = await send(porchlight, whole, person=person)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")
    monkeypatch.setattr(uploads, "AT_ONCE", 3)
    answer = await send(porchlight, whole, person=other)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert [await status_of(reader) for reader, _ in slow] == [408] * 3
    answer = await send(porchlight, whole, person=person)
    assert answer.json()["data"]["analyzeImage"]["__typename"] == "AnalyzeImageSuccess"
    for _, writer in slow:
        writer.close()
    assert all(file.file.closed for file in opened)


async def test_who_leaves_half_way_leaves_nothing(
    porchlight: Porchlight, person: Person, opened: list[UploadFile]
) -> None:
    """The file is closed, and the place is free."""
    _, writer = await begun(porchlight, person, HALF)
    await until(lambda: bool(opened))
    writer.close()
    await until(lambda: opened[0].file.closed)


async def test_other_sites_ask_first(start: Start) -> None:
    """A page of an allowed origin may send the headers; one of another origin may not even ask."""
    porchlight = await start(allowed_origins=("https://app.example.com",))
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "graphql-require-preflight"}
    for origin, status in (("https://app.example.com", 200), ("https://evil.example.net", 400)):
        answer = await porchlight.http.options("/graphql", headers={"Origin": origin, **asking})
        assert answer.status_code == status
