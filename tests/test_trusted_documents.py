"""Trusted documents: with a manifest, no other one runs, over any transport."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from core.settings import Settings, SettingsError
from engine.trusted import ManifestError, TrustedDocuments, hash_of, read_manifest
from resolvers.root import build_schema
from tests.conftest import Start
from tests.porchlight import REGISTER, Porchlight, settings_for
from web.asked import MAX_DOCUMENT
from web.trusted import trusted_documents

NAMES = "query Names { __typename }"
COUNTDOWN = "subscription Countdown { trialCountdown { version } }"
ME = "query Me { me { id } }"
PLAIN = {"names-1": NAMES, hash_of(COUNTDOWN): COUNTDOWN, hash_of(REGISTER): REGISTER}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": document_id, "name": "Any", "type": "query", "body": body} for document_id, body in PLAIN.items()
    ],
}
ANSWER = {"data": {"__typename": "Query"}}
NOT_FOUND, WRONG = "PERSISTED_QUERY_NOT_FOUND", "BAD_USER_INPUT"
NO_MANIFEST = 'an object {"id": "document"}, or one with "format": "apollo-persisted-query-manifest", would be right'
Write = Callable[[Any], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a manifest, and give its path."""

    def writing(content: Any) -> str:
        path = tmp_path / "manifest.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return writing


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


@pytest.fixture
async def trusting(start: Start, write: Write) -> Porchlight:
    """A server that runs the documents of a manifest."""
    return await start(trusted_documents=write(PLAIN))


def persisted(sha256_hash: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256_hash}}}


ASKED: list[tuple[dict[str, Any], str | None]] = [
    ({"query": NAMES}, None),
    ({"documentId": "names-1"}, None),
    ({"query": "", "documentId": "names-1"}, None),
    ({"documentId": hash_of(NAMES)}, None),
    ({"documentId": f"sha256:{hash_of(NAMES)}"}, None),
    (persisted(hash_of(NAMES)), None),
    (persisted("names-1"), None),
    ({"query": NAMES, "documentId": "names-1", **persisted("nonsense")}, None),
    ({"query": NAMES, **persisted(hash_of(NAMES))}, None),
    ({"documentId": "names-2"}, NOT_FOUND),
    (persisted(hash_of(ME)), NOT_FOUND),
    ({"query": ME}, NOT_FOUND),
    ({"query": NAMES + " "}, NOT_FOUND),
    ({"query": ME, "documentId": "names-1"}, NOT_FOUND),
    ({"query": ME, **persisted(hash_of(ME))}, NOT_FOUND),
    ({"query": get_introspection_query()}, NOT_FOUND),
    ({"query": NAMES, **persisted(hash_of(ME))}, WRONG),
    ({"query": NAMES, "documentId": hash_of(COUNTDOWN)}, WRONG),
    ({"documentId": 1}, WRONG),
    ({"documentId": ""}, WRONG),
    (persisted(None), WRONG),
    ({"query": 1}, WRONG),
    ({}, WRONG),
]


async def test_no_other_document_runs_over_http(trusting: Porchlight) -> None:
    """By its text, its id or its hash, in a body or in an address; an id and a text that differ are refused."""
    for members, code in ASKED:
        parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
        answers = [await trusting.http.post("/graphql", json=members)]
        if not any(isinstance(value, int) for value in members.values()):
            answers.append(await trusting.http.get("/graphql", params=parameters))
        for answer in answers:
            if code is None:
                assert (answer.status_code, answer.json()) == (200, ANSWER), members
            else:
                handshake = code == NOT_FOUND and "query" not in members
                (error,) = answer.json()["errors"]
                assert (answer.status_code, error["extensions"]["code"]) == (200 if handshake else 400, code), members
                assert not handshake or error["message"] == "PersistedQueryNotFound"


async def test_no_other_document_runs_over_a_socket(trusting: Porchlight) -> None:
    """Each refusal ends its operation, and the socket goes on; a subscription is followed by its id."""
    person = await trusting.register()
    async with trusting.connect(token=person.access_token) as connection:
        for number, (members, code) in enumerate(ASKED):
            await connection.send(id=str(number), type="subscribe", payload=members)
            message = await connection.receive()
            if code is None:
                assert (message["type"], message["payload"]) == ("next", ANSWER), members
                assert (await connection.receive())["type"] == "complete"
            else:
                assert message["type"] == "error", members
                assert [error["extensions"]["code"] for error in message["payload"]] == [code], members
        await connection.send(id="c", type="subscribe", payload={"documentId": hash_of(COUNTDOWN)})
        assert (await connection.next())["data"]["trialCountdown"]["version"] == 1


async def test_rest_and_pages_go_on_and_the_explorer_does_not(trusting: Porchlight) -> None:
    """REST asks documents of our own. A page on which nothing could be asked is not offered."""
    registered = await trusting.http.post(
        "/auth/register", json={"email": "ada@example.com", "password": "correct horse battery staple"}
    )
    assert registered.status_code == 201
    page = await trusting.http.get("/graphql", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (406, "application/json")


async def test_files_come_with_trusted_documents_alone(trusting: Porchlight) -> None:
    """A multipart request is asked the same."""
    person = await trusting.register()
    headers = {"authorization": f"Bearer {person.access_token}", "graphql-require-preflight": "1"}
    for members, expected in (({"query": ME}, NOT_FOUND), ({"documentId": "names-1"}, None)):
        operations = json.dumps({**members, "variables": {"file": None}})
        answer = await trusting.http.post(
            "/graphql",
            data={"operations": operations, "map": '{"0": ["variables.file"]}'},
            files={"0": ("a.png", b"x")},
            headers=headers,
        )
        errors = answer.json().get("errors", [])
        assert [error["extensions"]["code"] for error in errors] == ([expected] if expected else [])


def test_a_manifest_comes_in_the_usual_formats() -> None:
    """Apollo's, and the plain one; each document is found by its id and by its hash."""
    assert read_manifest(json.dumps(APOLLO).encode()) == read_manifest(json.dumps(PLAIN).encode()) == PLAIN
    trusted = TrustedDocuments(PLAIN)
    assert (trusted.get("names-1"), trusted.get("x"), NAMES in trusted, ME in trusted) == (NAMES, None, True, False)
    assert read_manifest(b"{}") == {}


def test_what_is_no_manifest_is_told() -> None:
    """With what would be right."""
    twice = {**APOLLO, "operations": [{"id": "a", "body": NAMES}, {"id": "a", "body": ME}]}
    for content, reason in (
        (b"\xff", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[]", NO_MANIFEST),
        (b'{"a": 1}', NO_MANIFEST),
        (b'{"operations": []}', '"format": "apollo-persisted-query-manifest" and "version": 1 would be right'),
        (
            json.dumps({**APOLLO, "version": 2}).encode(),
            '"format": "apollo-persisted-query-manifest" and "version": 1 would be right',
        ),
        (json.dumps({**APOLLO, "operations": [1]}).encode(), "each operation has an id and a body"),
        (json.dumps({**APOLLO, "operations": [{"id": "a"}]}).encode(), "each operation has an id and a body"),
        (json.dumps(twice).encode(), "two operations have the id 'a'"),
    ):  # fmt: skip
        with pytest.raises(ManifestError) as caught:
            read_manifest(content)
        assert str(caught.value) == reason


def test_a_manifest_that_cannot_run_refuses_the_start(settings: Settings, write: Write) -> None:
    """By the name of the setting, and of each document that is wrong."""
    from dataclasses import replace

    def problems(content: Any) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            trusted_documents(replace(settings, trusted_documents=write(content)), build_schema())
        return caught.value.problems

    assert trusted_documents(settings, build_schema()) is None
    assert problems("{") == ["TRUSTED_DOCUMENTS: the manifest cannot be used: it is not JSON"]
    cannot = "TRUSTED_DOCUMENTS: the document '{}' cannot run: {}"
    wrong = {"parse": "{", "field": "{ nope }", "deep": "{ me " * 20 + "}" * 20, "long": "#" * (MAX_DOCUMENT + 1)}
    assert problems({**PLAIN, **wrong}) == [
        cannot.format("parse", "Syntax Error: Expected Name, found <EOF>."),
        cannot.format("field", "Cannot query field 'nope' on type 'Query'. Did you mean 'node'?"),
        cannot.format("deep", "The document is more than 16 levels deep."),
        cannot.format("long", "it has more than 20,000 characters"),
    ]
    with pytest.raises(SettingsError, match="TRUSTED_DOCUMENTS: the manifest cannot be read"):
        trusted_documents(replace(settings, trusted_documents=str(Path(write({})).parent)), build_schema())
