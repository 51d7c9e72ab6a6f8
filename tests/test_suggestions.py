"""Names that are nearly right: they are told to developers, and to nobody in production, whatever they come over."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.conftest import Start
from tests.event_streams import streaming
from tests.porchlight import PASSWORD, REGISTER, Porchlight, settings_for

SUGGESTING = {
    "{ mee { id } }": "field",
    '{ node(idd: "x") { id } }': "argument",
    "query($email: String) { me { sessions(first: 1, aftr: $email) { edges { cursor } } } }": "argument of a field",
    "mutation { register(input: {emial: 1}) { __typename } }": "input field",
    "{ node(id: 1) { email } }": "fragment",
    "{ me }": "selection",
}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


async def told(porchlight: Porchlight, document: str, token: str) -> dict[str, bool]:
    """Whether a name is suggested, by the way on which the document comes; no address changes anything."""
    body, headers = {"query": document}, {"authorization": f"Bearer {token}"}
    parts: Any = [("operations", (None, json.dumps(body).encode())), ("map", (None, b"{}"))]
    ask = porchlight.http.post
    found = {
        "post": (await ask("/graphql", json=body)).text,
        "parts": (await ask("/graphql", files=parts, headers={**headers, "graphql-require-preflight": "1"})).text,
    }
    if not document.startswith("mutation"):
        found["get"] = (await porchlight.http.get("/graphql", params=body)).text
    async with porchlight.connect() as connection:
        await connection.subscribe(document)
        found["socket"] = str(await connection.receive())
    async with streaming(porchlight, document) as stream:
        found["stream"] = str(await stream.next())
    assert [way for way, text in found.items() if "GRAPHQL_VALIDATION_FAILED" not in text] == [], found
    return {way: "Did you mean" in text for way, text in found.items()}


async def test_suggestions_help_developers(porchlight: Porchlight) -> None:
    """Fields and arguments are suggested, and the schema describes itself, while introspection is open."""
    token = (await porchlight.register()).access_token
    for document in SUGGESTING:
        found = await told(porchlight, document, token)
        assert all(found.values()), (document, found)
    assert (await porchlight.ask("{ __schema { queryType { name } } }"))["__schema"]["queryType"]["name"] == "Query"


async def test_nothing_is_suggested_when_introspection_is_off(start: Start) -> None:
    """Neither fields nor arguments nor types; `__typename` still answers."""
    porchlight = await start(graphiql="off")
    token = (await porchlight.register()).access_token
    for document in SUGGESTING:
        found = await told(porchlight, document, token)
        assert not any(found.values()), (document, found)
    variables = {"input": {"emial": "a@example.com", "email": "a@example.com", "password": PASSWORD}}
    answer = (await porchlight.post(REGISTER, variables)).json()["errors"][0]
    assert (answer["extensions"]["code"], "Did you mean" in answer["message"]) == ("BAD_USER_INPUT", False)
    for document in ("{ __schema { queryType { name } } }", '{ __type(name: "User") { name } }'):
        assert set(await porchlight.codes(document)) == {"GRAPHQL_VALIDATION_FAILED"}
    assert await porchlight.ask("{ __typename me { __typename } }") == {"__typename": "Query", "me": None}
