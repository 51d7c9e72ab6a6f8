"""Interests, recommendations and what people do with them, over the catalogue that ships."""

import asyncio
from typing import Any

import pytest

from core.cursors import decode_cursor, encode_cursor, encode_id
from core.settings import Settings
from models import Interaction, Interest, Item
from services.recommendations.catalogue import bring_in, prepare
from services.recommendations.entries import read_entries
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until

FEED = """
query($first: Int, $after: String, $last: Int, $before: String, $filter: RecommendationFilter) {
  me { recommendations(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    strategy
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor score reason recommendationId node { id key title category tags } }
  } }
}
"""
SET = "mutation($topics: [String!]!) { setInterests(topics: $topics) { topic weight source } }"
RECORD = "mutation($events: [InteractionInput!]!) { recordInteractions(interactions: $events) { accepted duplicates } }"
ITEMS = """
query($first: Int, $after: String, $last: Int, $before: String, $search: String, $categories: [String!]) {
  items(first: $first, after: $after, last: $last, before: $before, search: $search, categories: $categories) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { key title category } }
  }
}
"""


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def feed(porchlight: Porchlight, person: Person, **arguments: Any) -> dict[str, Any]:
    data = await porchlight.ask(FEED, arguments, token=person.access_token)
    found: dict[str, Any] = data["me"]["recommendations"]
    return found


def keys(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["key"] for edge in connection["edges"]]


async def newcomer(porchlight: Porchlight, *topics: str, email: str = "ada@example.com") -> Person:
    """Somebody who has stated interests, where any are given; the index has been read."""
    await until(lambda: porchlight.app.items.ready)
    person = await porchlight.register(email)
    if topics:
        await porchlight.ask(SET, {"topics": list(topics)}, token=person.access_token)
    return person


async def test_the_list_follows_the_interests_just_stated(porchlight: Porchlight) -> None:
    """A category gives its items first, with the reason; another category, another list."""
    person = await newcomer(porchlight, "photography")
    found = await feed(porchlight, person, first=10)
    assert found["strategy"] == "interests"
    assert {edge["node"]["category"] for edge in found["edges"]} == {"photography"}
    assert {edge["reason"] for edge in found["edges"]} == {"Because you are interested in photography"}
    scores = [edge["score"] for edge in found["edges"]]
    assert scores == sorted(scores, reverse=True)
    await porchlight.ask(SET, {"topics": ["Personal Finance"]}, token=person.access_token)
    assert {edge["node"]["category"] for edge in (await feed(porchlight, person, first=10))["edges"]} == {
        "personal-finance"
    }


async def test_free_words_find_what_they_mean(porchlight: Porchlight) -> None:
    """Words that stand in no category's name."""
    person = await newcomer(porchlight, "baking bread at home")
    found = await feed(porchlight, person, first=5)
    assert [edge["node"]["category"] for edge in found["edges"]].count("cooking") >= 4
    assert found["edges"][0]["reason"] == "Because you are interested in baking bread at home"


async def test_two_interests_share_the_list(porchlight: Porchlight) -> None:
    """Each is the reason of its own items."""
    person = await newcomer(porchlight, "photography", "cooking")
    found = await feed(porchlight, person, first=40)
    assert {(edge["node"]["category"], edge["reason"]) for edge in found["edges"]} == {
        ("photography", "Because you are interested in photography"),
        ("cooking", "Because you are interested in cooking"),
    }


async def test_a_newcomer_walks_round_the_categories(porchlight: Porchlight) -> None:
    """Without interests the first twelve are of twelve categories, and nothing is claimed of the person."""
    person = await newcomer(porchlight)
    found = await feed(porchlight, person, first=12)
    assert found["strategy"] == "catalogue"
    assert len({edge["node"]["category"] for edge in found["edges"]}) == 12
    assert found["edges"][0]["reason"] == f"A start in {found['edges'][0]['node']['category'].replace('-', ' ')}"


@pytest.mark.parametrize("topics", [[], ["design", "yoga and sleep"]])
async def test_pages_have_neither_gaps_nor_repeats(porchlight: Porchlight, topics: list[str]) -> None:
    """Forward in sevens and backward in nines give the list that one page of a hundred gives."""
    person = await newcomer(porchlight, *topics)
    whole = keys(await feed(porchlight, person, first=100))
    assert len(set(whole)) == 100
    forward: list[str] = []
    page = await feed(porchlight, person, first=7)
    while len(forward) < 98:
        forward += keys(page)
        assert page["pageInfo"]["hasNextPage"] is True
        page = await feed(porchlight, person, first=7, after=page["pageInfo"]["endCursor"])
        assert page["pageInfo"]["hasPreviousPage"] is True
    assert forward[:98] == whole[:98]
    last = (await feed(porchlight, person, first=100))["pageInfo"]["endCursor"]
    before = await feed(porchlight, person, last=9, before=last)
    assert keys(before) == whole[90:99]
    assert (before["pageInfo"]["hasPreviousPage"], before["pageInfo"]["hasNextPage"]) == (True, True)


async def test_the_last_page_says_so(porchlight: Porchlight) -> None:
    """The catalogue ends."""
    person = await newcomer(porchlight)
    end = await feed(porchlight, person, last=5)
    assert (len(end["edges"]), end["pageInfo"]["hasNextPage"], end["pageInfo"]["hasPreviousPage"]) == (5, False, True)
    beyond = await feed(porchlight, person, first=5, after=end["pageInfo"]["endCursor"])
    assert (beyond["edges"], beyond["pageInfo"]["hasNextPage"], beyond["pageInfo"]["startCursor"]) == ([], False, None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 0}, {"first": -1}, {"first": 101}, {"last": 0}, {"first": 1, "last": 1},
        {"after": "nonsense"}, {"before": ""}, {"after": "x" * 500}, {"after": encode_cursor((float("nan"), 1))},
        {"filter": {"tags": ["t"] * 51}},
    ],
)  # fmt: skip
async def test_pages_are_bounded(porchlight: Porchlight, arguments: dict[str, Any]) -> None:
    """And a cursor is one of ours or an error of the input; the viewer stays."""
    person = await newcomer(porchlight)
    answer = (await porchlight.post(FEED, arguments, token=person.access_token)).json()
    codes = [error["extensions"]["code"] for error in answer["errors"]]
    assert codes[0] in {"BAD_USER_INPUT", "QUERY_TOO_COMPLEX"}
    assert answer.get("data", {"me": None})["me"] in (None, {"recommendations": None})


async def test_filters_leave_only_what_is_wanted(porchlight: Porchlight) -> None:
    """By category, by tag, and without what the person has met."""
    person = await newcomer(porchlight, "cooking")
    only = await feed(porchlight, person, filter={"categories": ["security"]})
    assert {edge["node"]["category"] for edge in only["edges"]} == {"security"}
    tag = only["edges"][0]["node"]["tags"][0]
    tagged = await feed(porchlight, person, filter={"tags": [tag]})
    assert all(tag in edge["node"]["tags"] for edge in tagged["edges"])
    seen = only["edges"][0]["node"]
    await porchlight.ask(RECORD, {"events": [{"itemId": seen["id"], "kind": "VIEW"}]}, token=person.access_token)
    assert seen["key"] in keys(await feed(porchlight, person, filter={"categories": ["security"]}))
    fresh = await feed(porchlight, person, filter={"categories": ["security"], "excludeSeen": True})
    assert seen["key"] not in keys(fresh)


@pytest.mark.parametrize("kind", ["DISLIKE", "DISMISS"])
@pytest.mark.parametrize("topics", [[], ["cooking"]])
async def test_what_is_disliked_is_gone_in_the_next_answer(start: Start, kind: str, topics: list[str]) -> None:
    """On another server process too."""
    here, there = await start(), await start()
    person = await newcomer(here, *topics)
    await newcomer(there, email="grace@example.com")
    first = (await feed(here, person))["edges"][0]
    event = {"itemId": first["node"]["id"], "kind": kind, "recommendationId": first["recommendationId"]}
    assert (await here.ask(RECORD, {"events": [event]}, token=person.access_token))["recordInteractions"] == {
        "accepted": 1, "duplicates": 0,
    }  # fmt: skip
    for server in (here, there):
        assert first["node"]["key"] not in keys(await feed(server, person, first=100))
    other = await newcomer(here, *topics, email="alan@example.com")
    assert first["node"]["key"] in keys(await feed(here, other, first=100))


async def test_an_interaction_counts_once_for_its_key(porchlight: Porchlight) -> None:
    """Told again, at once or fifty times in parallel, it is a duplicate; another person's key is another key."""
    person, other = await newcomer(porchlight), await porchlight.register("grace@example.com")
    item = (await feed(porchlight, person))["edges"][0]["node"]["id"]
    event = {"itemId": item, "kind": "SAVE", "idempotencyKey": "k"}
    answers = await asyncio.gather(
        *(porchlight.ask(RECORD, {"events": [event, event]}, token=person.access_token) for _ in range(25))
    )
    assert sum(answer["recordInteractions"]["accepted"] for answer in answers) == 1
    assert sum(answer["recordInteractions"]["duplicates"] for answer in answers) == 49
    answer = await porchlight.ask(RECORD, {"events": [event]}, token=other.access_token)
    assert answer["recordInteractions"] == {"accepted": 1, "duplicates": 0}
    with porchlight.app.database.bound():
        assert await Interaction.all().count() == 2


@pytest.mark.parametrize("item", ["", "nonsense", encode_id("User", 1), encode_id("Item", 99_999)])
async def test_an_unknown_item_is_not_found_and_nothing_is_recorded(porchlight: Porchlight, item: str) -> None:
    """All events or none."""
    person = await newcomer(porchlight)
    known = (await feed(porchlight, person))["edges"][0]["node"]["id"]
    events = [{"itemId": known, "kind": "VIEW"}, {"itemId": item, "kind": "VIEW"}]
    assert await porchlight.codes(RECORD, {"events": events}, token=person.access_token) == ["NOT_FOUND"]
    with porchlight.app.database.bound():
        assert await Interaction.all().count() == 0


async def test_interactions_are_bounded(porchlight: Porchlight) -> None:
    """From 1 to 100 at once, with short keys; what is told of the future happened now."""
    person = await newcomer(porchlight)
    item = (await feed(porchlight, person))["edges"][0]["node"]["id"]
    view = {"itemId": item, "kind": "VIEW"}
    for events in (
        [],
        [view] * 101,
        [{**view, "idempotencyKey": "k" * 101}],
        [{**view, "recommendationId": "r" * 129}],
    ):
        assert await porchlight.codes(RECORD, {"events": events}, token=person.access_token) == ["BAD_USER_INPUT"]
    told = [
        {**view, "occurredAt": moment}
        for moment in ("2030-01-01T00:00:00Z", "2026-03-01T12:00:00", "2026-03-01T12:00:00+02:00")
    ]
    await porchlight.ask(RECORD, {"events": told}, token=person.access_token)
    with porchlight.app.database.bound():
        moments = [row.occurred_at.isoformat() for row in await Interaction.all().order_by("id")]
    assert moments == ["2026-03-02T09:00:00+00:00", "2026-03-01T12:00:00+00:00", "2026-03-01T10:00:00+00:00"]


async def test_interests_are_replaced_and_cleaned(porchlight: Porchlight) -> None:
    """Each topic once, whatever its spelling; none leaves none."""
    person = await newcomer(porchlight)
    stated = await porchlight.ask(
        SET, {"topics": [" Cooking ", "cooking", "ＣＯＯＫＩＮＧ", "sea  kayaks"]}, token=person.access_token
    )
    assert stated["setInterests"] == [
        {"topic": "Cooking", "weight": 1.0, "source": "STATED"},
        {"topic": "sea kayaks", "weight": 1.0, "source": "STATED"},
    ]
    me = await porchlight.ask("{ me { interests { topic } } }", token=person.access_token)
    assert me["me"]["interests"] == [{"topic": "Cooking"}, {"topic": "sea kayaks"}]
    assert (await porchlight.ask(SET, {"topics": []}, token=person.access_token))["setInterests"] == []
    assert (await feed(porchlight, person))["strategy"] == "catalogue"


@pytest.mark.parametrize("topics", [[""], [" "], ["t" * 101], ["a\x00b"], [f"topic {number}" for number in range(21)]])
async def test_topics_are_bounded(porchlight: Porchlight, topics: list[str]) -> None:
    """And what was stated before stays."""
    person = await newcomer(porchlight, "cooking")
    assert await porchlight.codes(SET, {"topics": topics}, token=person.access_token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        assert [row.topic for row in await Interest.all()] == ["cooking"]


async def test_ten_statements_at_once_leave_one_of_them(porchlight: Porchlight) -> None:
    """Whole, not mixed."""
    person = await newcomer(porchlight)
    statements = [[f"topic {number}", "cooking"] for number in range(10)]
    await asyncio.gather(*(porchlight.ask(SET, {"topics": topics}, token=person.access_token) for topics in statements))
    with porchlight.app.database.bound():
        left = sorted(row.topic for row in await Interest.all())
    assert left in [sorted(topics) for topics in statements]


async def test_items_are_browsed_by_anybody(porchlight: Porchlight) -> None:
    """In the catalogue's order, page by page, to the end."""
    await newcomer(porchlight)
    found: list[str] = []
    after = None
    while True:
        page = (await porchlight.ask(ITEMS, {"first": 100, "after": after}))["items"]
        found += keys(page)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == [entry.key for entry in read_entries()]
    back = (await porchlight.ask(ITEMS, {"last": 3, "before": page["pageInfo"]["startCursor"]}))["items"]
    assert keys(back) == found[197:200]


async def test_items_are_searched_by_words(porchlight: Porchlight) -> None:
    """All of the words, in any case, in title, summary, category or tags; signs that SQL knows are only signs."""
    hits = (await porchlight.ask(ITEMS, {"search": "SQL questions"}))["items"]
    assert "asking-questions-in-sql" in keys(hits)
    narrowed = (await porchlight.ask(ITEMS, {"search": "sql", "categories": ["cooking"]}))["items"]
    assert narrowed["edges"] == []
    for signs in ("%", "_", "\\", "' OR 1=1 --"):
        assert (await porchlight.ask(ITEMS, {"search": f"{signs} zzz"}))["items"]["edges"] == []
    for wrong in ("x" * 201, "a\x00", "w " * 11):
        assert await porchlight.codes(ITEMS, {"search": wrong}) == ["BAD_USER_INPUT"]
    assert await porchlight.codes(ITEMS, {"categories": ["c"] * 51}) == ["BAD_USER_INPUT"]
    for impossible in (["a\0"], ["c" * 65], []):
        none = (await porchlight.ask(ITEMS, {"categories": impossible}))["items"]
        assert none == {"edges": [], "pageInfo": {**none["pageInfo"], "hasNextPage": False}}
        some = (await porchlight.ask(ITEMS, {"categories": [*impossible, "cooking"]}))["items"]
        assert len(some["edges"]) == 20


async def test_recommendations_are_followed_live(start: Start) -> None:
    """At once, after an interest is stated, and after a dislike, told on another process where there is a bus."""
    here = await start()
    there = await start() if here.app.settings.redis_url else here
    person = await newcomer(here)
    query = "subscription { recommendationsChanged(first: 3) { strategy edges { node { key id } } } }"
    async with here.connect(token=person.access_token) as connection:
        await connection.subscribe(query)
        assert (await connection.next())["data"]["recommendationsChanged"]["strategy"] == "catalogue"
        await there.ask(SET, {"topics": ["writing"]}, token=person.access_token)
        stated = (await connection.next())["data"]["recommendationsChanged"]
        assert stated["strategy"] == "interests"
        event = {"itemId": stated["edges"][0]["node"]["id"], "kind": "DISLIKE"}
        await there.ask(RECORD, {"events": [event]}, token=person.access_token)
        after = (await connection.next())["data"]["recommendationsChanged"]
        assert keys(after)[:2] == keys(stated)[1:]
    assert here.app.recommendations_changed._waiting in ({}, {str(person.user_id): set()})


async def test_strangers_see_nothing_of_it(porchlight: Porchlight) -> None:
    """Without a token nobody has interests, interactions or recommendations."""
    assert await porchlight.codes(SET, {"topics": ["x"]}) == ["UNAUTHENTICATED"]
    assert await porchlight.codes(RECORD, {"events": []}) == ["UNAUTHENTICATED"]
    assert await porchlight.ask(FEED) == {"me": None}


async def test_the_feed_costs_two_queries(porchlight: Porchlight) -> None:
    """Session and user with the trial, the list that stands.

    A list that is made costs deeds, interests, vectors, list, old ones. Items that are not in memory cost one.
    """
    person = await newcomer(porchlight, "sea kayaks")
    query = "{ me { trial { status } recommendations(first: 50) { edges { score reason node { title summary } } } } }"
    for topics, expected in (("knots", [8, 2, 2]), ("cooking", [8, 2])):
        await porchlight.ask(SET, {"topics": [topics]}, token=person.access_token)
        for count in expected:
            with porchlight.counting_queries() as statements:
                await porchlight.ask(query, token=person.access_token)
            assert len(statements) == count, statements


async def test_a_changed_catalogue_changes_rows_vectors_and_lists(porchlight: Porchlight) -> None:
    """What leaves the file is retired and recommended no more; what changes its words gets another vector."""
    person = await newcomer(porchlight, "cooking")
    app = porchlight.app
    before = keys(await feed(porchlight, person, first=100))
    entries = [entry for entry in read_entries() if entry.key != before[0]]
    with app.database.bound():
        await bring_in(app, entries)
        assert await Item.filter(retired_at=None).count() == len(entries)
        assert (
            keys(await feed(porchlight, person, first=100))
            == before[1:100] + keys(await feed(porchlight, person, first=100))[99:]
        )
        await prepare(app, {})
        assert await Item.filter(retired_at=None).count() == len(entries) + 1

    async def is_back() -> bool:
        return keys(await feed(porchlight, person, first=100)) == before

    await until(is_back)


def test_cursors_are_ours_or_nothing() -> None:
    """Round trips, and whatever else comes."""
    for place in ((0.123456, 7), (-0.5, 1), (12, 12)):
        assert decode_cursor(encode_cursor(place)) == place
    for wrong in ("", "W10", "WzFd", "WzEsMiwzXQ", "WyJhIiwxXQ", "WzEsLTFd", "W251bGwsMV0", "x" * 200, "[", "é"):
        assert decode_cursor(wrong) is None
