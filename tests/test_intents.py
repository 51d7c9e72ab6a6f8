"""What people ask for in their own words, through the API: never more than a name of the list and what exists."""

import asyncio
from typing import Any

import pytest

from adapters.embeddings import LocalEmbeddings, Space
from core.cursors import decode_id
from core.errors import Unavailable
from core.settings import Settings
from models import Interest, Item
from models.accounts import Role
from services.intents import IntentKeeper, read_intents, resolving, slots
from services.intents.resolving import cleaned
from services.recommendations import revisions
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.services.embeddings import EMBEDDINGS
from tests.services.intents import knowing
from tests.services.valkey import until
from tests.staff import staff

RESOLVE = """
query($text: String!) {
  resolveIntent(text: $text) {
    name confidence slots suggestedOperation resolvedBy degraded degradedReason alternatives
  }
}
"""
DEGRADED = "query($text: String!) { resolveIntent(text: $text) { name items { strategy degraded } } }"
ITEMS = """
query($text: String!, $first: Int, $after: String, $last: Int, $before: String) {
  resolveIntent(text: $text) { name items(first: $first, after: $after, last: $last, before: $before) {
    strategy
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor score reason recommendationId node { id key category } }
  } }
}
"""
RECORD = "mutation($events: [InteractionInput!]!) { recordInteractions(interactions: $events) { accepted } }"
ACCEPT = "mutation($text: String!) { acceptIntent(text: $text) { topic source } }"
SET = "mutation($topics: [String!]!) { setInterests(topics: $topics) { topic } }"
UNKNOWN: dict[str, Any] = {
    "name": "unknown",
    "slots": {},
    "suggestedOperation": None,
    "resolvedBy": "local",
    "degraded": False,
}


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


@pytest.fixture
async def porchlight(start: Start, monkeypatch: pytest.MonkeyPatch) -> Porchlight:
    """A server that has learnt."""
    return await knowing(start, monkeypatch)


async def resolve(porchlight: Porchlight, text: str, person: Person | None = None) -> dict[str, Any]:
    """The answer."""
    await until(lambda: porchlight.app.items.ready)
    data = await porchlight.ask(RESOLVE, {"text": text}, token=person.access_token if person else None)
    found: dict[str, Any] = data["resolveIntent"]
    return found


async def near(porchlight: Porchlight, text: str, person: Person | None = None, **page: Any) -> Any:
    """The items of the answer."""
    data = await porchlight.ask(ITEMS, {"text": text, **page}, token=person.access_token if person else None)
    return data["resolveIntent"]["items"]


def keys(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["key"] for edge in connection["edges"]]


async def test_anybody_is_told_what_they_ask_for(porchlight: Porchlight) -> None:
    """Names, operations and slots of the list, for nobody in particular, without a statement; counted, not kept."""
    wanted = {
        "please switch me to pro yearly": ("change-plan", "changePlan", {"plan": "pro-yearly", "interval": "YEAR"}),
        "wo finde ich die letzte Rechnung": ("see-invoices", "me", {}),
        "delete my account": ("delete-account", "deleteAccount", {}),
        "teach me cooking": ("find-items", "items", {"category": "cooking", "topic": "cooking"}),
        "find a course about photographing people": (
            "find-items",
            "items",
            {"category": "photography", "topic": "photographing people"},
        ),
        "my interests are yoga and running": (
            "set-interests",
            "setInterests",
            {"category": "health", "topic": "yoga and running"},
        ),
    }
    await until(lambda: porchlight.app.items.ready)
    with porchlight.counting_queries() as statements:
        for text, expected in wanted.items():
            found = await resolve(porchlight, text)
            assert (found["name"], found["suggestedOperation"], found["slots"]) == expected
            assert (found["resolvedBy"], found["degraded"], found["degradedReason"]) == ("local", False, None)
            assert 0.7 < found["confidence"] < 1
            assert len(found["alternatives"]) == 2
    assert statements == []
    metrics = (await porchlight.http.get("/metrics")).text
    assert 'porchlight_intents_total{intent="find-items",resolver="local"} 2.0' in metrics
    assert "photographing" not in metrics


async def test_what_asks_for_nothing_of_ours_is_unknown(porchlight: Porchlight) -> None:
    """Nothing is suggested; what has no words has no items either, and what has some is searched for."""
    for text in ("", " \n\t\x00", "🎉🚀✨", "?!…"):
        found = await resolve(porchlight, text)
        assert found == {**UNKNOWN, "confidence": 1, "degradedReason": None, "alternatives": []}
        assert await near(porchlight, text) is None
    text = "who won the football match last night"
    found = await resolve(porchlight, text)
    assert UNKNOWN.items() <= found.items()
    assert 0.8 < found["confidence"] < 1
    assert len(found["alternatives"]) == 3
    assert len(keys(await near(porchlight, text))) == 20


async def test_a_text_is_bounded_and_odd_characters_do_no_harm(porchlight: Porchlight) -> None:
    """500 characters and no more; control characters and halves of pairs count as spaces."""
    assert await porchlight.codes(RESOLVE, {"text": "a" * 501}) == ["BAD_USER_INPUT"]
    long = await resolve(porchlight, ("delete my account " * 28)[:500])
    assert long["name"] == "delete-account"
    odd = await resolve(porchlight, "delete\x00my\u202faccount\r\n")
    assert (odd["name"], odd["suggestedOperation"]) == ("delete-account", "deleteAccount")
    assert cleaned("delete\ud800 my\udfff account") == "delete my account"
    widest = await resolve(porchlight, "ﷺ" * 500)
    assert widest["name"] == "unknown"


async def test_only_who_may_is_told_of_an_operation_for_staff(porchlight: Porchlight) -> None:
    """A person who wants more days is understood, and told of no field that would refuse them."""
    ada = await porchlight.register("ada@example.com")
    support = await staff(porchlight, Role.SUPPORT)
    with porchlight.counting_queries() as statements:
        await resolve(porchlight, "please extend my trial", ada)
    assert len(statements) == 1  # who asks
    for person, operation in ((None, None), (ada, None), (support, "extendTrial")):
        found = await resolve(porchlight, "please extend my trial by 7 days", person)
        assert (found["name"], found["slots"], found["suggestedOperation"]) == ("extend-trial", {"days": 7}, operation)


async def test_items_are_near_to_what_was_said(porchlight: Porchlight) -> None:
    """One page for anybody, and pages without gap or repeat for who has signed in, without what they have refused."""
    text = "show me courses about baking bread"
    await resolve(porchlight, text)
    with porchlight.counting_queries() as statements:
        whole = await near(porchlight, text, first=100)
    assert len(statements) == 1
    assert (whole["strategy"], whole["pageInfo"]["hasNextPage"]) == ("interests", False)
    assert [edge["node"]["category"] for edge in whole["edges"][:5]].count("cooking") >= 4
    assert {edge["reason"] for edge in whole["edges"]} == {"Because you asked for it"}
    named = decode_id(whole["edges"][0]["recommendationId"])
    assert named is not None
    assert named[0] == "Recommendation"
    ada = await porchlight.register("ada@example.com")
    first = await near(porchlight, text, ada, first=30)
    second = await near(porchlight, text, ada, first=30, after=first["pageInfo"]["endCursor"])
    back = await near(porchlight, text, ada, last=30, before=second["pageInfo"]["startCursor"])
    assert keys(first) + keys(second) == keys(whole)[:60]
    assert keys(back) == keys(first)

    best = whole["edges"][0]["node"]
    event = {"itemId": best["id"], "kind": "DISLIKE"}
    await porchlight.ask(RECORD, {"events": [event]}, token=ada.access_token)
    with porchlight.app.database.bound():
        retired = keys(whole)[2]
        await Item.filter(key=retired).update(retired_at=porchlight.clock.now())
        await revisions.raised(porchlight.app.database)
    with porchlight.counting_queries() as statements:
        left = await near(porchlight, text, ada, first=3)
    assert len(statements) == 7
    assert keys(left)[:2] == [keys(whole)[1], keys(whole)[3]]
    assert len(left["edges"]) == 3
    assert await near(porchlight, "delete my account") is None
    assert await porchlight.codes(ITEMS, {"text": text, "first": 0}) == ["BAD_USER_INPUT"]


class Away:
    """Vectors that cannot be had."""

    async def search(self, *_: Any, **__: Any) -> Any:
        raise Unavailable

    async def close(self) -> None: ...


async def test_without_near_vectors_the_intent_is_told_all_the_same(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they cannot be had, items come without them, and say so; before there are any, there are no items."""
    await until(lambda: porchlight.app.items.ready)
    with monkeypatch.context() as patch:
        patch.setitem(porchlight.app.ports.__dict__, "vectors", Away())
        found = (await porchlight.ask(DEGRADED, {"text": "teach me how to bake"}))["resolveIntent"]
        assert found == {"name": "find-items", "items": {"strategy": "catalogue", "degraded": True}}
        assert (await resolve(porchlight, "teach me how to bake"))["slots"] == {"topic": "bake"}
    assert (await resolve(porchlight, "teach me how to bake"))["slots"] == {"topic": "bake", "category": "cooking"}
    monkeypatch.setattr(porchlight.app.items, "space", None)
    monkeypatch.setattr(slots, "categories", lambda _: frozenset())
    found = (await porchlight.ask(RESOLVE, {"text": "teach me cooking"}))["resolveIntent"]
    assert (found["name"], found["slots"]) == ("find-items", {"topic": "cooking"})
    assert await near(porchlight, "teach me cooking") is None


async def test_calls_are_limited_by_client(porchlight: Porchlight) -> None:
    """Aliases buy nothing: the thirty-first call of a minute is refused."""
    aliases = " ".join(f'a{number}: resolveIntent(text: "") {{ name }}' for number in range(15))
    for _ in range(2):
        await porchlight.ask(f"{{ {aliases} }}")
    assert await porchlight.codes(RESOLVE, {"text": ""}) == ["RATE_LIMITED"]


async def test_what_is_accepted_becomes_an_interest(porchlight: Porchlight) -> None:
    """Only of who is signed in and sure; what was stated stays a statement; asking alone changes nothing."""
    await until(lambda: porchlight.app.items.ready)
    text = "my interests are yoga and running"
    assert await porchlight.codes(ACCEPT, {"text": text}) == ["UNAUTHENTICATED"]
    ada = await porchlight.register("ada@example.com")

    async def accept(said: str) -> list[tuple[str, str]]:
        data = await porchlight.ask(ACCEPT, {"text": said}, token=ada.access_token)
        return sorted((each["topic"], each["source"]) for each in data["acceptIntent"])

    assert (await resolve(porchlight, text, ada))["name"] == "set-interests"
    for said in ("delete my account", "what should I learn next", "the sky is blue", "update my interests"):
        assert await accept(said) == []
    with porchlight.app.database.bound():
        assert await Interest.all().count() == 0
    with porchlight.counting_queries() as statements:
        assert await accept(text) == [("health", "INTENT"), ("yoga and running", "INTENT")]
    assert len([each for each in statements if not each.startswith(("BEGIN", "COMMIT"))]) == 9
    with porchlight.app.database.bound():
        weights: Any = await Interest.all().values_list("weight", flat=True)
    assert all(0.7 <= weight < 1 for weight in weights)
    await porchlight.ask(SET, {"topics": ["cooking"]}, token=ada.access_token)
    assert await accept("teach me cooking") == [("cooking", "STATED")]


class Slow:
    """The real embeddings, which wait until they are let go, and can be of another space."""

    def __init__(self) -> None:
        self.space = EMBEDDINGS.space
        self.go = asyncio.Event()
        self.calls = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def embed(self, texts: Any, *, deadline: float = 30.0) -> Any:
        self.calls += 1
        await self.go.wait()
        return await EMBEDDINGS.embed(texts, deadline=deadline)


async def test_what_is_learnt_is_learnt_once_a_space() -> None:
    """All who ask meanwhile wait for the same; who gives up does not end it; another space is learnt anew."""
    keeper, embeddings = IntentKeeper(read_intents()), Slow()
    impatient = asyncio.create_task(keeper.classifier(embeddings))
    await until(lambda: embeddings.calls == 1)
    impatient.cancel()
    waiting = [asyncio.create_task(keeper.classifier(embeddings)) for _ in range(3)]
    embeddings.go.set()
    first, *others = await asyncio.gather(*waiting)
    assert all(other is first for other in others)
    assert await keeper.classifier(embeddings) is first
    assert embeddings.calls == 1
    embeddings.space = Space("another", 512, "1")
    assert await keeper.classifier(embeddings) is not first
    assert embeddings.calls == 2


async def test_without_vectors_it_is_unavailable_and_tried_again(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that cannot be had is no answer; the next question begins anew. One that is late is not waited for."""
    porchlight.app.intents = IntentKeeper(read_intents())
    local = LocalEmbeddings()
    await local.close()
    spaces = porchlight.app.spaces
    monkeypatch.setattr(spaces, "serving", local)
    assert await porchlight.codes(RESOLVE, {"text": "delete my account"}) == ["UNAVAILABLE"]
    monkeypatch.setattr(spaces, "serving", EMBEDDINGS)
    assert (await resolve(porchlight, "delete my account"))["name"] == "delete-account"
    monkeypatch.setattr(spaces, "serving", Slow())
    monkeypatch.setattr(resolving, "DEADLINE", 0.2)
    porchlight.app.intents = IntentKeeper(read_intents())
    late = asyncio.get_running_loop().time()
    assert await porchlight.codes(RESOLVE, {"text": "delete my account"}) == ["UNAVAILABLE"]
    assert asyncio.get_running_loop().time() - late < 10
    monkeypatch.setattr(spaces, "serving", EMBEDDINGS)
