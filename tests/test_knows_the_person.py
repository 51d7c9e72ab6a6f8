"""From a picture to a list that follows it, and what is disliked is gone: without a key, and with every vendor."""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from core.settings import Settings
from services.embedding_spaces import moving
from tests.conftest import Start
from tests.pictures import plain
from tests.porchlight import Porchlight
from tests.services.openai import KEY, openai_service
from tests.services.valkey import until
from tests.services.weaviate import weaviate_service
from tests.showing import show

EMBEDDING, SEEING = "text-embedding-3-small", "gpt-of-this-test"
ME = """
{ me {
  onboarding { steps { key done } }
  interests { topic weight source }
  recommendations(first: 5) {
    strategy degraded pageInfo { endCursor }
    edges { recommendationId reason evidence { kind topic } node { id key category } }
  }
} }
"""
MORE = "query($after: String) { me { recommendations(first: 5, after: $after) { edges { node { key } } } } }"
RECORD = "mutation($events: [InteractionInput!]!) { recordInteractions(interactions: $events) { accepted } }"
INTENT = "query($text: String!) { resolveIntent(text: $text) { name resolvedBy items(first: 3) { strategy } } }"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


@pytest.fixture(params=["local", "vendors"])
async def porchlight(request: pytest.FixtureRequest, start: Start) -> AsyncGenerator[Porchlight]:
    """A server that asks nobody, and one that asks OpenAI and Weaviate for all that they do."""
    async with AsyncExitStack() as stack:
        if request.param == "local":
            site = await start()
        else:
            vendor = await stack.enter_async_context(openai_service())
            vendor.answer = lambda _: {"tags": [{"tag": "cooking", "confidence": 0.9}], "confidence": 0.8}
            vectors = await stack.enter_async_context(weaviate_service())
            site = await start(
                embeddings_url=f"openai://{EMBEDDING}?dimensions=64", vision_url=f"openai://{SEEING}",
                vectors_url=vectors.url, openai_api_key=KEY, openai_base_url=vendor.url,
            )  # fmt: skip
            with site.app.database.bound():
                await moving.move(site.app, {})
            await until(lambda: site.app.embeddings.space.model == EMBEDDING)
        await until(lambda: site.app.items.ready)
        yield site


def keys(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["key"] for edge in found["edges"]]


async def test_a_picture_becomes_a_list_that_listens(porchlight: Porchlight) -> None:
    """Image, interests, recommendations with their reason, dislike, and gone in the next answer and on page two."""
    person = await porchlight.register()
    told = await show(porchlight, person, plain(), "Cooking for friends")
    assert "cooking" in [each["topic"] for each in told["analysis"]["topics"]]
    me = (await porchlight.ask(ME, token=person.access_token))["me"]
    assert {"key": "show-image", "done": True} in me["onboarding"]["steps"]
    assert "cooking" in [each["topic"] for each in me["interests"] if each["source"] == "IMAGE"]
    found = me["recommendations"]
    assert (found["strategy"], found["degraded"]) == ("interests", False)
    first = found["edges"][0]
    assert (first["node"]["category"], first["reason"]) == ("cooking", "Because you are interested in cooking")
    after = {"after": found["pageInfo"]["endCursor"]}
    second = (await porchlight.ask(MORE, after, token=person.access_token))["me"]["recommendations"]
    unwanted = [
        {"itemId": first["node"]["id"], "kind": "DISLIKE", "recommendationId": first["recommendationId"]},
        {"itemId": found["edges"][1]["node"]["id"], "kind": "SAVE"},
    ]
    recorded = await porchlight.ask(RECORD, {"events": unwanted}, token=person.access_token)
    assert recorded == {"recordInteractions": {"accepted": 2}}
    next_answer = (await porchlight.ask(ME, token=person.access_token))["me"]["recommendations"]
    assert first["node"]["key"] not in keys(next_answer)
    again = (await porchlight.ask(MORE, after, token=person.access_token))["me"]["recommendations"]
    assert keys(again) == keys(second)
    everything = json.dumps(await porchlight.ask(ME.replace("first: 5", "first: 100"), token=person.access_token))
    assert f'"{first["node"]["key"]}"' not in everything
    said = (await porchlight.ask(INTENT, {"text": "teach me cooking"}, token=person.access_token))["resolveIntent"]
    assert (said["name"], said["resolvedBy"]) == ("find-items", "local")
