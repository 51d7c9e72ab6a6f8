"""Frozen lists: paging through them while everything around changes, and what is counted of them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import decode_id, encode_cursor, encode_id
from core.errors import BadUserInput
from core.settings import Settings
from models import Item, RecommendationDay, RecommendationSlate, Role, Trial
from services import recommendations
from services.pages import Page
from services.recommendations import outcomes, revisions, slates
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until
from tests.staff import staff

FEED = """
query($first: Int, $after: String, $last: Int, $before: String, $filter: RecommendationFilter) {
  me { recommendations(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    strategy degraded degradedReason
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor score reason recommendationId evidence { kind topic item { id } } node { id key category } }
  } }
}
"""
SET = "mutation($topics: [String!]!) { setInterests(topics: $topics) { topic } }"
RECORD = "mutation($events: [InteractionInput!]!) { recordInteractions(interactions: $events) { accepted duplicates } }"
FIGURES = """
{ recommendationFigures { strategy slot impressions clicks clickThroughRate } }
"""
PERSONALIZE = "mutation { setPersonalization(enabled: false) { __typename } }"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def feed(porchlight: Porchlight, token: str, **arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await porchlight.ask(FEED, arguments, token=token))["me"]["recommendations"]
    return found


async def record(porchlight: Porchlight, token: str, *events: dict[str, Any]) -> None:
    await porchlight.ask(RECORD, {"events": list(events)}, token=token)


def ids(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in connection["edges"]]


def keys(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["key"] for edge in connection["edges"]]


async def somebody(porchlight: Porchlight, *topics: str, email: str = "ada@example.com") -> Person:
    await until(lambda: porchlight.app.items.ready)
    person = await porchlight.register(email)
    if topics:
        await porchlight.ask(SET, {"topics": list(topics)}, token=person.access_token)
    return person


async def tell(porchlight: Porchlight) -> None:
    """Say that items have been changed, as whatever changes them does in the same transaction."""
    await revisions.raised(porchlight.app.database)


async def anew(porchlight: Porchlight) -> None:
    """Let no list that stands be shown again."""
    with porchlight.app.database.bound():
        await RecommendationSlate.all().update(basis=None)


async def end_trial(porchlight: Porchlight, person: Person) -> None:
    """Leave somebody with the plan of who has no other."""
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(ends_at=porchlight.clock.now(), due_at=None)


async def test_a_later_page_passes_over_what_fell_out(porchlight: Porchlight) -> None:
    """Refused, finished, retired, not to be had yet or any more, lost with the plan: the page is filled all the same.

    To the end nothing comes twice, whatever is done and stated meanwhile; the next list knows of it.
    """
    person = await somebody(porchlight, "photography", "cooking")
    token, now = person.access_token, porchlight.clock.now()
    with porchlight.app.database.bound():
        await Item.filter(id__gt=0).update(requires="priority-support")
        await tell(porchlight)
        order = keys(await feed(porchlight, token, first=100))
        first = await feed(porchlight, token, first=10)
        assert keys(first) == order[:10]
        await Item.exclude(key=order[16]).update(requires=None)
        await end_trial(porchlight, person)
        await Item.filter(key=order[12]).update(retired_at=now)
        await Item.filter(key=order[13]).update(available_from=now + timedelta(hours=2))
        await Item.filter(key=order[14]).update(available_until=now)
        numbers = dict(await Item.all().values_list("key", "id"))
        await tell(porchlight)
    refused, finished = (encode_id("Item", numbers[order[place]]) for place in (10, 11))
    await record(
        porchlight, token, {"itemId": refused, "kind": "DISLIKE"}, {"itemId": finished, "kind": "COMPLETE"}
    )  # fmt: skip
    second = await feed(porchlight, token, first=10, after=first["pageInfo"]["endCursor"])
    assert keys(second) == [order[15], *order[17:26]]
    back = await feed(porchlight, token, last=3, before=second["edges"][1]["cursor"])
    assert keys(back) == [*order[8:10], order[15]]
    assert (back["pageInfo"]["hasPreviousPage"], back["pageInfo"]["hasNextPage"]) == (True, True)
    between = {"after": first["pageInfo"]["endCursor"], "before": second["edges"][1]["cursor"]}
    assert keys(await feed(porchlight, token, **between)) == [order[15]]
    seen, page = keys(first) + keys(second), second
    await porchlight.ask(SET, {"topics": ["security"]}, token=token)
    while page["pageInfo"]["hasNextPage"]:
        page = await feed(porchlight, token, first=50, after=page["pageInfo"]["endCursor"])
        seen += keys(page)
    assert (len(seen), len(set(seen))) == (194, 194)
    fresh = await feed(porchlight, token, first=100)
    assert {order[10], order[11], order[16]}.isdisjoint(keys(fresh))
    assert "security" in {edge["node"]["category"] for edge in fresh["edges"][:3]}


async def test_more_items_fall_out_than_are_read_beyond(porchlight: Porchlight) -> None:
    """Reading goes on until the page is full, or the list at its end; then there is no next page."""
    person = await somebody(porchlight)
    first = await feed(porchlight, person.access_token, first=2)
    with porchlight.app.database.bound():
        items: Any = (await RecommendationSlate.get()).items
        await Item.filter(id__in=[item_id for item_id, _, _ in items[2:60]]).update(retired_at=porchlight.clock.now())
        await tell(porchlight)
        page = await feed(porchlight, person.access_token, first=2, after=first["pageInfo"]["endCursor"])
        assert ids(page) == [encode_id("Item", item_id) for item_id, _, _ in items[60:62]]
        await Item.filter(id__in=[item_id for item_id, _, _ in items[62:]]).update(retired_at=porchlight.clock.now())
        await tell(porchlight)
    page = await feed(porchlight, person.access_token, first=2, after=first["pageInfo"]["endCursor"])
    assert (len(page["edges"]), page["pageInfo"]["hasNextPage"]) == (2, False)


async def test_cursors_are_of_this_persons_lists(porchlight: Porchlight, clock: ManualClock) -> None:
    """Another person's, a forged one, those of two lists and one of a list that is over are errors of the input."""
    person, other = await somebody(porchlight, "cooking"), await somebody(porchlight, email="grace@example.com")
    token = person.access_token
    mine = (await feed(porchlight, token, first=3))["pageInfo"]["endCursor"]
    narrow = (await feed(porchlight, token, filter={"categories": ["cooking"]}))["pageInfo"]["endCursor"]
    theirs = (await feed(porchlight, other.access_token, first=3))["pageInfo"]["endCursor"]
    for arguments in (
        {"after": theirs}, {"before": theirs}, {"after": encode_cursor((3, 12345))}, {"after": mine, "before": narrow},
    ):  # fmt: skip
        assert await porchlight.codes(FEED, arguments, token=token) == ["BAD_USER_INPUT"]
    await clock.advance(timedelta(minutes=59))
    token = (await porchlight.refresh(person.refresh_token))["tokens"]["accessToken"]
    assert len((await feed(porchlight, token, first=3, after=mine))["edges"]) == 3
    assert (await feed(porchlight, token, first=3))["pageInfo"]["endCursor"] == mine, "made again it lives on"
    await clock.advance(timedelta(minutes=2))
    assert len((await feed(porchlight, token, first=3, after=mine))["edges"]) == 3
    assert await porchlight.codes(FEED, {"after": narrow}, token=token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        await slates.prune(porchlight.app, {})
        assert await RecommendationSlate.filter(user_id=person.user_id).count() == 1
        assert await RecommendationSlate.filter(user_id=other.user_id).count() == 0


async def test_the_same_question_has_the_same_answer(porchlight: Porchlight) -> None:
    """At once or one after another, to its last letter; one row keeps the list. Events change the next one alone."""
    person = await somebody(porchlight, "photography", "sea kayaks")
    first, *others = await asyncio.gather(*(feed(porchlight, person.access_token, first=5) for _ in range(8)))
    assert all(other == first for other in others)
    after = first["pageInfo"]["endCursor"]
    events = [{"itemId": item, "kind": "CLICK"} for item in ids(first)]
    pages = await asyncio.gather(
        *(feed(porchlight, person.access_token, first=5, after=after) for _ in range(5)),
        *(record(porchlight, person.access_token, event) for event in events),
    )
    assert all(page == pages[0] for page in pages[:5])
    with porchlight.app.database.bound():
        assert await RecommendationSlate.filter(user_id=person.user_id).count() == 1


async def test_who_opts_out_gets_what_everybody_gets(porchlight: Porchlight) -> None:
    """And the lists made for them are gone at once; what they refused stays so."""
    person = await somebody(porchlight, "photography")
    page = await feed(porchlight, person.access_token, first=3)
    assert page["strategy"] == "interests"
    await record(porchlight, person.access_token, {"itemId": ids(page)[0], "kind": "DISMISS"})
    await porchlight.ask(PERSONALIZE, token=person.access_token)
    after = {"after": page["pageInfo"]["endCursor"]}
    assert await porchlight.codes(FEED, after, token=person.access_token) == ["BAD_USER_INPUT"]
    found = await feed(porchlight, person.access_token, first=100)
    assert (found["strategy"], found["degraded"]) == ("catalogue", False)
    assert ids(page)[0] not in ids(found)


async def test_every_page_hides_the_same(porchlight: Porchlight) -> None:
    """Of who has opted out what they refused and nothing else; of who has not also what they finished."""
    person = await somebody(porchlight)
    token, after = person.access_token, {}
    items = ids(await feed(porchlight, token, first=40))
    finished, refused = items[20], items[21]
    await record(
        porchlight, token, {"itemId": finished, "kind": "COMPLETE"}, {"itemId": refused, "kind": "DISMISS"}
    )  # fmt: skip
    for enabled in (False, True):
        await porchlight.ask(PERSONALIZE.replace("false", str(enabled).lower()), token=token)
        for exclude in (False, True):
            narrow = {"filter": {"excludeSeen": exclude}}
            first = await feed(porchlight, token, first=5, **narrow)
            after = {"after": first["pageInfo"]["endCursor"], "first": 100, **narrow}
            shown = ids(await feed(porchlight, token, first=100, **narrow)), ids(first)
            later = ids(await feed(porchlight, token, **after))
            assert (finished in shown[0], refused in shown[0]) == (not enabled, False)
            assert (finished in later, refused in later) == (not enabled, False)
            assert shown[0] == (shown[1] + later)[:100]


async def test_each_impression_and_click_counts_once(porchlight: Porchlight) -> None:
    """By strategy and slot; told again, or with another key, it is the same one. What was opened had been seen."""
    person, other = await somebody(porchlight), await somebody(porchlight, "cooking", email="grace@example.com")
    for who, events in ((person, [(0, "VIEW"), (1, "SAVE")]), (other, [(0, "VIEW"), (0, "CLICK"), (0, "SAVE")])):
        edges = (await feed(porchlight, who.access_token))["edges"]
        told = [
            {"itemId": edges[place]["node"]["id"], "kind": kind, "recommendationId": edges[place]["recommendationId"]}
            for place, kind in events
        ]
        await asyncio.gather(*(record(porchlight, who.access_token, *told) for _ in range(3)))
        await record(porchlight, who.access_token, {**told[-1], "kind": "VIEW"}, {**told[0], "kind": "DISLIKE"})
    analyst = await staff(porchlight, Role.ANALYST)
    figures = (await porchlight.ask(FIGURES, token=analyst.access_token))["recommendationFigures"]
    assert [tuple(figure.values()) for figure in figures] == [
        ("catalogue", 1, 1, 0, 0.0), ("catalogue", 2, 1, 1, 1.0), ("interests", 1, 1, 1, 1.0),
    ]  # fmt: skip
    assert await porchlight.codes(FIGURES, token=person.access_token) == ["FORBIDDEN"]
    assert outcomes.Figure("popular", 1, 0, 0).rate is None


async def test_a_recommendation_id_is_the_persons_own(porchlight: Porchlight, clock: ManualClock) -> None:
    """Of this item and as we gave it; one that is a week old is taken and counts for nothing."""
    person, other = await somebody(porchlight), await somebody(porchlight, email="grace@example.com")
    mine = (await feed(porchlight, person.access_token))["edges"]
    theirs = (await feed(porchlight, other.access_token))["edges"][0]["recommendationId"]
    own, item = mine[0]["recommendationId"], mine[0]["node"]["id"]
    kind, key = decode_id(own) or ("", "")
    forged = encode_id(kind, key[:-1] + ("0" if key[-1] != "0" else "1"))
    for wrong in (
        theirs, mine[1]["recommendationId"], "nonsense", item, forged,
    ):  # fmt: skip
        events = [{"itemId": item, "kind": "VIEW", "recommendationId": wrong}]
        assert await porchlight.codes(RECORD, {"events": events}, token=person.access_token) == ["BAD_USER_INPUT"]
    app = porchlight.app
    with app.database.bound():
        strangers = await recommendations.recommend(app, None, Page(5), recommendations.Filter())
        anonymous = strangers.page.rows[0]
        assert (strangers.page.has_next, await RecommendationSlate.filter(user_id=person.user_id).count()) == (False, 1)
        with pytest.raises(BadUserInput):
            await recommendations.recommend(app, None, Page(5, after=anonymous.place), recommendations.Filter())
    told = {"itemId": encode_id("Item", anonymous.item.id), "kind": "VIEW", "recommendationId": anonymous.key}
    await record(porchlight, person.access_token, told)
    await clock.advance(timedelta(days=8))
    token = (await porchlight.refresh(person.refresh_token))["tokens"]["accessToken"]
    await record(porchlight, token, {"itemId": item, "kind": "VIEW", "recommendationId": own})
    with app.database.bound():
        assert await RecommendationDay.all().count() == 0


async def test_pages_cost_a_fixed_number_of_statements(porchlight: Porchlight, clock: ManualClock) -> None:
    """Of a first page: session and user, and the list that stands. Items are in memory, or cost one.

    A list that is made: deeds, interests, their vectors, the list; where it is new, one for those that are old. A later
    page is as a first one, and reads what was done where that has changed. Where something needs a plan, trial and
    purchases besides.
    """
    person = await somebody(porchlight, "photography", "sea kayaks", "cooking")
    token = person.access_token

    async def cost(**arguments: Any) -> int:
        with porchlight.counting_queries() as statements:
            await feed(porchlight, token, **arguments)
        return len(statements)

    assert await cost(first=50) == 8, "made, new, and no item in memory"
    first = await feed(porchlight, token, first=50)
    assert [await cost(first=50) for _ in range(2)] == [2, 2]
    later = {"first": 50, "after": first["pageInfo"]["endCursor"]}
    assert [await cost(**later) for _ in range(2)] == [3, 2], "other items, once"
    await clock.advance(timedelta(seconds=61))
    assert [await cost(first=50) for _ in range(2)] == [7, 2], "made again, and the same; the session was seen"
    await record(porchlight, token, {"itemId": ids(first)[0], "kind": "VIEW"})
    assert await cost(**later) == 3, "what was done since"
    with porchlight.app.database.bound():
        await Item.filter(id__gt=0).update(requires="priority-support")
        await tell(porchlight)
    assert [await cost(**later) for _ in range(2)] == [6, 5], "items, trial and purchases"
