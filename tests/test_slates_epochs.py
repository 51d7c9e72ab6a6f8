"""Lists that are made while their owner says no, erases or leaves: nothing of before is kept or served."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Unauthenticated, Unavailable
from core.settings import Settings
from models import Item, RecommendationDay, RecommendationSlate, User
from services import recommendations
from services.pages import Page
from services.recommendations import ranking, recommending, slates
from tests.clock import ManualClock
from tests.porchlight import Porchlight
from tests.test_slates import FEED, feed, ids, record, somebody

SAY = """
mutation($enabled: Boolean!, $erase: Boolean) { setPersonalization(enabled: $enabled, erase: $erase) { __typename } }
"""


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[int], Awaitable[None]]) -> None:
    """Let something happen after each list is made and before it is kept; it is told which list that is."""
    real, made = ranking.made, 0

    async def slowly(*arguments: Any) -> Any:
        nonlocal made
        found, made = await real(*arguments), made + 1
        await happens(made)
        return found

    monkeypatch.setattr(recommending, "made", slowly)


@pytest.mark.parametrize(
    "said", [{"enabled": False}, {"enabled": False, "erase": True}, {"enabled": True, "erase": True}]
)
async def test_what_may_not_be_used_is_made_anew(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, said: dict[str, bool]
) -> None:
    """Nothing of the list from before is kept or answered; the one that is can be paged through."""
    person = await somebody(porchlight)
    token = person.access_token
    items = ids(await feed(porchlight, token, first=5))
    await record(porchlight, token, *[{"itemId": item, "kind": "SAVE"} for item in items])

    async def say(number: int) -> None:
        if number == 1:
            await porchlight.ask(SAY, said, token=token)

    meanwhile(monkeypatch, say)
    first = await feed(porchlight, token, first=5)
    second = await feed(porchlight, token, first=5, after=first["pageInfo"]["endCursor"])
    told = [edge["evidence"]["kind"] for page in (first, second) for edge in page["edges"]]
    assert not {"SAVED", "OPENED", "SEEN", "COMPLETED"} & set(told)
    with porchlight.app.database.bound():
        assert [slate.strategy for slate in await RecommendationSlate.all()] == [first["strategy"]]
        assert (await User.get(id=person.user_id)).personalization_epoch == 1


async def test_who_changes_their_mind_all_the_time_comes_again(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is made twice, then nothing is answered."""
    person = await somebody(porchlight)

    async def say(number: int) -> None:
        await porchlight.ask(SAY, {"enabled": number % 2 == 0}, token=person.access_token)

    meanwhile(monkeypatch, say)
    with porchlight.app.database.bound(), pytest.raises(Unavailable):
        await recommendations.recommend(porchlight.app, person.user_id, Page(5), recommendations.Filter())


async def test_no_and_lists_at_once(porchlight: Porchlight) -> None:
    """Whichever comes first, no list of before is left."""
    person = await somebody(porchlight, "photography")
    asked = [porchlight.ask(FEED, {"first": 3}, token=person.access_token) for _ in range(6)]
    no = porchlight.ask(SAY, {"enabled": False}, token=person.access_token)
    await asyncio.gather(*asked[:3], no, *asked[3:])
    with porchlight.app.database.bound():
        assert not await RecommendationSlate.filter(strategy="interests").exists()


async def test_who_leaves_meanwhile_is_signed_out(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the list is made, and before it is kept."""
    person, other = await somebody(porchlight), await somebody(porchlight, email="grace@example.com")
    app = porchlight.app
    with app.database.bound():
        await User.filter(id=person.user_id).delete()
        with pytest.raises(Unauthenticated):
            await recommendations.recommend(app, person.user_id, Page(5), recommendations.Filter())

    async def leave(_: int) -> None:
        await User.filter(id=other.user_id).delete()

    meanwhile(monkeypatch, leave)
    assert await porchlight.codes(FEED, {"first": 3}, token=other.access_token) == ["UNAUTHENTICATED"]


async def test_twenty_lists_are_kept_of_one_person(porchlight: Porchlight) -> None:
    """Of many that are asked for at once or one after another the newest; another person's stay."""
    person, other = await somebody(porchlight, "cooking"), await somebody(porchlight, email="grace@example.com")
    theirs = await feed(porchlight, other.access_token, first=1)
    with porchlight.app.database.bound():
        tags = sorted({tag for item in await Item.all() for tag in item.tags})[: slates.MOST + 5]
    asked = " ".join(
        f'a{number}: recommendations(first: 1, filter: {{tags: ["{tag}"]}}) {{ strategy }}'
        for number, tag in enumerate(tags)
    )
    await porchlight.ask(f"{{ me {{ {asked} }} }}", token=person.access_token)
    first = await feed(porchlight, person.access_token, first=1)
    with porchlight.app.database.bound():
        assert await RecommendationSlate.filter(user_id=person.user_id).count() == slates.MOST
    for who, page in ((person, first), (other, theirs)):
        later = await feed(porchlight, who.access_token, first=1, after=page["pageInfo"]["endCursor"])
        assert len(later["edges"]) == 1


async def counted(porchlight: Porchlight) -> tuple[int, int]:
    """Impressions and clicks of all lists on all days."""
    with porchlight.app.database.bound():
        rows = await RecommendationDay.all()
    return sum(row.impressions for row in rows), sum(row.clicks for row in rows)


async def told(porchlight: Porchlight, token: str, edge: dict[str, Any], kind: str = "CLICK") -> None:
    event = {"itemId": edge["node"]["id"], "kind": kind, "recommendationId": edge["recommendationId"]}
    await record(porchlight, token, event)


async def test_an_id_of_before_is_taken_and_counts_nothing(porchlight: Porchlight) -> None:
    """However often deeds are erased, an id counts once: what was counted is not known any more then."""
    person = await somebody(porchlight, "photography")
    token = person.access_token
    [edge] = (await feed(porchlight, token, first=1))["edges"]
    for _ in range(3):
        await told(porchlight, token, edge)
        assert await counted(porchlight) == (1, 1)
        await porchlight.ask(SAY, {"enabled": True, "erase": True}, token=token)
    page = await feed(porchlight, token, first=1)
    assert page["edges"][0]["recommendationId"] != edge["recommendationId"]
    await told(porchlight, token, page["edges"][0])
    assert await counted(porchlight) == (2, 2)


async def test_a_place_of_a_list_counts_once_whenever_it_is_told(porchlight: Porchlight, clock: ManualClock) -> None:
    """The same list has another id tomorrow; seen today and opened then, it is one impression and one click."""
    person = await somebody(porchlight)
    edges = (await feed(porchlight, person.access_token, first=1))["edges"]
    await clock.advance(timedelta(days=1))
    token = (await porchlight.refresh(person.refresh_token))["tokens"]["accessToken"]
    edges += (await feed(porchlight, token, first=1))["edges"]
    first, second = edges
    assert first["cursor"] == second["cursor"]
    assert first["recommendationId"] != second["recommendationId"]
    await told(porchlight, token, first, "VIEW")
    for edge in (second, first, second):
        await told(porchlight, token, edge)
        assert await counted(porchlight) == (1, 1)
