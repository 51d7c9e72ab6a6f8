"""Answers are compressed where their length gives nothing away."""

import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from tests.event_streams import streaming
from tests.porchlight import PASSWORD, REGISTER, Porchlight, settings_for
from web.compression import SMALLEST

LONG = "{ __schema { types { name description } } }"
MUTATION = """
mutation($input: RegisterInput!) {
  register(input: $input) { __typename ... on RegisterSuccess { tokens { accessToken refreshToken } LONG } }
}
""".replace("LONG", " ".join(f"u{number}: user {{ email name locale createdAt }}" for number in range(30)))


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


async def asked(porchlight: Porchlight, accepted: str | None, method: str = "POST", **headers: str) -> httpx.Response:
    """The answer to the long query."""
    porchlight.http.headers.pop("accept-encoding", None)
    if accepted is not None:
        headers["accept-encoding"] = accepted
    how: dict[str, Any] = {"json": {"query": LONG}} if method == "POST" else {"params": {"query": LONG}}
    return await porchlight.http.request(method, "/graphql", headers=headers, **how)


async def test_long_answers_are_compressed_for_who_takes_it(porchlight: Porchlight) -> None:
    """By gzip, named or among anything; the content is the same, and caches are told what it depends on."""
    plain = await asked(porchlight, None)
    assert "content-encoding" not in plain.headers
    found = {}
    taken = ["gzip", "br, GZIP;q=0.5", "*", "gzip, deflate, br"]
    offers = [*taken, "", "identity", "br", "gzip;q=0", "gzip;q=0, *", "xgzip"]
    for accepted in [*offers, ", ".join(["gzip"] * 60)]:
        for method in ("POST", "GET"):
            answer = await asked(porchlight, accepted, method)
            assert (answer.json(), answer.headers["vary"]) == (plain.json(), "Accept, Accept-Encoding")
            found[accepted[:20]] = answer.headers.get("content-encoding")
            assert (int(answer.headers["content-length"]) < len(plain.content) / 3) is (found[accepted[:20]] == "gzip")
    assert found == {**dict.fromkeys(offers), **dict.fromkeys(taken, "gzip"), "gzip, gzip, gzip, gz": "gzip"}
    head = await asked(porchlight, "gzip", "HEAD")
    assert (head.headers["content-encoding"], head.content) == ("gzip", b"")


async def test_what_could_give_a_secret_away_is_not(porchlight: Porchlight) -> None:
    """Neither what changes something, for that may hand out tokens, nor what a cookie has asked, nor events."""
    given = {"input": {"email": "ada@example.com", "password": PASSWORD}}
    registered = await porchlight.http.post("/graphql", json={"query": MUTATION, "variables": given})
    assert registered.json()["data"]["register"]["__typename"] == "RegisterSuccess"
    assert len(registered.content) > SMALLEST
    by_cookie = await asked(porchlight, "gzip", **{"porchlight-session": "cookie"})
    for answer in (registered, by_cookie):
        assert "content-encoding" not in answer.headers
    async with streaming(porchlight, LONG, headers={"accept-encoding": "gzip"}) as stream:
        assert "content-encoding" not in stream.answer.headers
        assert (await stream.next())["data"]["__schema"]
    refused = await porchlight.post(REGISTER.replace("register(", "nothing(") + " #" + "x" * SMALLEST)
    assert "content-encoding" not in refused.headers


async def test_short_answers_go_as_they_are(porchlight: Porchlight) -> None:
    """They take one packet either way."""
    answer = await porchlight.http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"accept-encoding": "gzip"}
    )
    assert ("content-encoding" in answer.headers, len(gzip.compress(answer.content)) > len(answer.content)) == (
        False,
        True,
    )
