"""A list is shown again while nothing has changed that it was made of, and never after that, on any process."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from core.cursors import encode_id
from core.settings import Settings
from models import InterestSource, InterestVector, Item, RecommendationSlate, Trial, User
from services import recommendations
from services.pages import Page
from services.recommendations import nearby, ranking, recommending, revisions, standing
from services.recommendations.catalogue import bring_in, embed_items
from services.recommendations.entries import read_entries
from services.recommendations.filters import Filter
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until
from tests.test_ranking import Crowd, numbers
from tests.test_slates import SET, feed, ids, keys, record, somebody, tell
from tests.test_slates_epochs import SAY, meanwhile

WEIGH = 'mutation { weighInterest(topic: "cooking", weight: 0.5) { topic } }'
REMOVE = 'mutation { removeInterest(topic: "security") { topic } }'


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each list that is made from here on."""
    real, lists = ranking.made, list[int]()

    async def counted(*arguments: Any) -> Any:
        lists.append(1)
        return await real(*arguments)

    monkeypatch.setattr(recommending, "made", counted)
    return lists


async def whole(*houses: Porchlight) -> None:
    """Wait until these processes know all of the catalogue, and have looked for the crowd."""
    for house in houses:
        with house.app.database.bound():
            await house.app.items.look()
        await until(lambda app=house.app: app.items.revision is not None and app.collaborative.loaded)  # type: ignore[misc]


async def test_whatever_changes_the_profile_is_felt_at_once_everywhere(start: Start, made: list[int]) -> None:
    """Each change makes one list anew, asked for at another process than that which wrote it; then it stands."""
    here, there = await start(), await start()
    person = await somebody(here, "cooking")
    await whole(here, there)
    token, app = person.access_token, here.app
    [item, other] = (await feed(here, token, first=2))["edges"]
    told = {"itemId": item["node"]["id"], "kind": "SAVE", "recommendationId": item["recommendationId"]}

    async def learn(source: InterestSource) -> None:
        with app.database.bound():
            await recommendations.learn(app, person.user_id, [(f"all about {source}", 0.9)], source)

    changes: list[Callable[[], Awaitable[Any]]] = [
        lambda: record(here, token, {"itemId": item["node"]["id"], "kind": "VIEW"}),
        lambda: record(here, token, told),
        lambda: record(here, token, {"itemId": other["node"]["id"], "kind": "DISMISS"}),
        lambda: here.ask(SET, {"topics": ["cooking", "security"]}, token=token),
        lambda: here.ask(WEIGH, token=token),
        lambda: here.ask(REMOVE, token=token),
        lambda: learn(InterestSource.IMAGE),
        lambda: learn(InterestSource.INTENT),
        lambda: here.ask(SAY, {"enabled": True, "erase": True}, token=token),
        lambda: here.ask(SAY, {"enabled": False}, token=token),
        lambda: here.ask(SAY, {"enabled": True}, token=token),
    ]
    for number, change in enumerate(changes):
        await change()
        made.clear()
        answers = [await feed(house, token, first=50) for house in (there, here, there)]
        assert (number, len(made)) == (number, 1)
        assert answers[0] == answers[1] == answers[2]


async def test_whatever_else_a_list_is_made_of_makes_it_anew(
    start: Start, clock: ManualClock, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue, its vectors, the crowd, the space, the filter, the plan; and after a minute, time alone."""
    house = await start()
    person = await somebody(house, "cooking")
    await whole(house)
    token, app = person.access_token, house.app
    entries = read_entries()

    async def retire() -> None:
        with app.database.bound():
            await bring_in(app, entries[1:])
        await whole(house)

    async def embed() -> None:
        with app.database.bound():
            await Item.filter(key=entries[5].key).update(title="Another title")
            await embed_items(app, app.embeddings)
        await whole(house)

    async def crowd() -> None:
        app.collaborative = Crowd(popular=await numbers(house, "security"))  # type: ignore[assignment]

    async def restrict() -> None:
        with app.database.bound():
            async with app.database.transaction():
                revision = await revisions.raised(app.database)
                await Item.filter(key=entries[7].key).update(requires="priority-support", revision=revision)
        await whole(house)

    async def end_trial() -> None:
        with app.database.bound():
            await Trial.filter(user_id=person.user_id).update(ends_at=clock.now(), due_at=None)

    async def age() -> None:
        await clock.advance(standing.SHOWN_AGAIN)

    await feed(house, token, first=5)
    for change in (retire, embed, crowd, restrict, end_trial, age):
        await change()
        made.clear()
        first = await feed(house, token, first=50)
        assert (change.__name__, len(made)) == (change.__name__, 1)
        assert await feed(house, token, first=50) == first
        assert (change.__name__, len(made)) == (change.__name__, 1)
    made.clear()
    for wanted in ({"categories": ["cooking"]}, {"excludeSeen": True}, {"tags": ["knife"]}):
        await feed(house, token, filter=wanted)
        await feed(house, token, filter=wanted)
    assert len(made) == 3
    space = app.embeddings.space
    with monkeypatch.context() as patch:
        patch.setattr(
            type(app.embeddings), "space", type(space)(space.model, space.dimension, "another"), raising=False
        )
        assert standing.basis_of(app, Filter(), frozenset()) is None, "until its vectors are read"


async def test_a_change_during_the_making_is_not_lost(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the person, or of the catalogue: what was made of less is answered once, and not shown again."""
    person = await somebody(porchlight, "cooking")
    await whole(porchlight)
    token = person.access_token
    gone = ids(await feed(porchlight, token, first=1))[0]
    made = list[int]()

    async def happens(number: int) -> None:
        made.append(number)
        if number == 1:
            await record(porchlight, token, {"itemId": gone, "kind": "DISLIKE"})
        if number == 2:
            with porchlight.app.database.bound():
                await tell(porchlight)

    await record(porchlight, token, {"itemId": gone, "kind": "VIEW"})
    meanwhile(monkeypatch, happens)
    assert gone in ids(await feed(porchlight, token, first=50)), "it began before"
    assert gone not in ids(await feed(porchlight, token, first=50))
    await whole(porchlight)
    for _ in range(2):
        assert gone not in ids(await feed(porchlight, token, first=50))
    assert made == [1, 2, 3]


async def test_requests_at_once_and_changes_between(start: Start) -> None:
    """Whoever asks after a refusal was answered never sees it again, though lists are made and shown all the time."""
    here, there = await start(), await start()
    person, other = await somebody(here, "cooking"), await somebody(here, "cooking", email="grace@example.com")
    await whole(here, there)
    refused: set[str] = set()

    async def look(house: Porchlight, who: Person) -> None:
        for _ in range(12):
            before = frozenset(refused) if who is person else frozenset[str]()
            shown = await feed(house, who.access_token, first=20)
            assert before.isdisjoint(ids(shown))

    async def refuse() -> None:
        for _ in range(6):
            [first, *_] = ids(await feed(here, person.access_token, first=20))
            await record(here, person.access_token, {"itemId": first, "kind": "DISMISS"})
            refused.add(first)

    await asyncio.gather(look(here, person), look(there, person), look(there, other), refuse())
    assert refused <= set(ids(await feed(there, other.access_token, first=20)))
    with here.app.database.bound():
        assert [user.taste for user in await User.all().order_by("id")] == [7, 1]


async def test_what_was_not_whole_is_not_shown_again(
    porchlight: Porchlight, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Led by a vector, degraded for want of an interest's vector, made of a part of what is to be looked up."""
    person = await somebody(porchlight, "cooking", "photography")
    await whole(porchlight)
    app, token = porchlight.app, person.access_token
    with app.database.bound():
        toward = np.ones((1, app.embeddings.space.dimension), np.float32)
        for _ in range(2):
            await recommendations.recommend(app, person.user_id, Page(5), Filter(), toward=toward)
        await InterestVector.all().delete()
    assert len(made) == 2
    with monkeypatch.context() as patch:
        patch.setattr("services.recommendations.profile.vectors.WITHIN", 0)
        patch.setattr("services.recommendations.candidates.EMBED_WITHIN", 0)
        for _ in range(2):
            assert (await feed(porchlight, token))["degraded"]
    assert len(made) == 4
    with app.database.bound():
        await recommendations.embed_interests(app, app.embeddings)
    monkeypatch.setattr(nearby, "COMPARED", 1)
    app.nearby = nearby.Nearby()
    await feed(porchlight, token)
    found = await feed(porchlight, token)
    await feed(porchlight, token)
    assert (found["strategy"], found["degraded"], len(made)) == ("interests", False, 6)
    with app.database.bound():
        assert await RecommendationSlate.filter(basis=None).count() == 3


async def test_a_list_that_stands_is_looked_at_again(start: Start, clock: ManualClock) -> None:
    """What is over is gone at its moment; what begins comes with the next list, a minute later at most."""
    house = await start()
    person = await somebody(house)
    await whole(house)
    app, token, now = house.app, person.access_token, clock.now()
    order = keys(await feed(house, token, first=10))
    with app.database.bound():
        async with app.database.transaction():
            revision = await revisions.raised(app.database)
            begins, ends = now + timedelta(seconds=30), now + timedelta(seconds=20)
            await Item.filter(key=order[1]).update(available_from=begins, revision=revision)
            await Item.filter(key=order[2]).update(available_until=ends, revision=revision)
    await whole(house)
    assert keys(await feed(house, token, first=9)) == [order[0], *order[2:10]]
    await clock.advance(timedelta(seconds=20))
    assert keys(await feed(house, token, first=8)) == [order[0], *order[3:10]]
    await clock.advance(timedelta(seconds=20))
    assert keys(await feed(house, token, first=8)) == [order[0], *order[3:10]]
    await clock.advance(timedelta(seconds=20))
    assert keys(await feed(house, token, first=9)) == [*order[:2], *order[3:10]]


async def test_what_is_retired_is_gone_where_nobody_has_heard_of_it(start: Start) -> None:
    """Another process brings the catalogue in: items in memory are not believed, nor is the list."""
    here, there = await start(), await start()
    person = await somebody(here)
    await whole(here, there)
    token = person.access_token
    before = await feed(there, token, first=5)
    there.app.items._unsubscribe()
    with here.app.database.bound():
        await bring_in(here.app, [each for each in read_entries() if each.key != before["edges"][1]["node"]["key"]])
    assert keys(await feed(there, token, first=4)) == [keys(before)[0], *keys(before)[2:]]
    later = await feed(there, token, first=2, after=before["edges"][0]["cursor"])
    assert keys(later) == keys(before)[2:4]


async def test_items_in_memory_are_bounded(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones that came go first; what nobody has changed is shared, and another number empties it."""
    app = porchlight.app
    monkeypatch.setattr("services.recommendations.item_rows.MOST", 3)
    with app.database.bound():
        some = (await numbers(porchlight, "cooking"))[:4]
        number = await revisions.present()
    rows = app.item_rows
    first = await rows.of(app.database, some, number)
    assert sorted(first) == some
    assert len(rows._rows) == 3
    kept = list(rows._rows)
    again = await rows.of(app.database, [*kept, 2**31 - 1], number)
    assert [again[item_id] is first[item_id] for item_id in kept] == [True] * 3
    assert sorted(again) == sorted(kept)
    assert await rows.of(app.database, kept, None) != again
    assert await rows.of(app.database, [2**31 - 1], number) == {}
    with app.database.bound():
        await tell(porchlight)
    newer = await rows.of(app.database, kept[:1], number + 1)
    assert newer[kept[0]] is not first[kept[0]]
    assert list(rows._rows) == kept[:1]
    assert encode_id("Item", newer[kept[0]].id) == encode_id("Item", kept[0])
