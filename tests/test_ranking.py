"""How lists are made: of which evidence, with which reason, and what is left when something is late or away."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from adapters.embeddings import Space
from adapters.vectors import Neighbour
from adapters.vectors.embedded import EmbeddedVectors
from core.cursors import encode_id
from core.errors import Unavailable
from core.settings import Settings
from models import Item
from services import recommendations
from services.pages import Page
from services.ports import choose_ports
from services.recommendations import revisions
from services.recommendations.candidates import NO_VECTORS, NOT_READ, VECTORS_LATE
from services.recommendations.filters import Filter, Rules
from services.recommendations.nearby import Nearby
from services.recommendations.reading import Known
from services.recommendations.shelf import Shelves, built
from tests.clock import START
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.services.valkey import until
from tests.test_slates import anew, feed, ids, record, somebody

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from services.recommendations.profile import Signal


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


class Crowd:
    """What others did, as told to it. Each is another model."""

    ready = True
    loaded = True
    models = count(1_000)

    def __init__(self, ranked: Sequence[int] = (), popular: Sequence[int] = ()) -> None:
        self.serving = next(self.models)
        self._ranked = ranked
        self._popular = popular

    def rank(
        self, history: "Sequence[Signal]", *, limit: int, without: Collection[int] = ()
    ) -> list[tuple[int, float, int]]:
        met = {signal.item_id for signal in history}
        return [(item_id, 1.0, history[0].item_id) for item_id in self._ranked if item_id not in met][:limit]

    def popular(self, limit: int) -> list[tuple[int, float]]:
        return [(item_id, 1.0) for item_id in self._popular][:limit]

    async def close(self) -> None:
        pass


class Troubled(EmbeddedVectors):
    """The real store, whose searches may be late, fail, or find what is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble = ""
        self.searches = 0
        self.asked = asyncio.Event()

    async def search(
        self,
        space: Space,
        queries: "NDArray[Any]",
        *,
        limit: int,
        among: Collection[int] | None = None,
        without: Collection[int] = (),
    ) -> list[list[Neighbour]]:
        self.searches += 1
        if self.trouble == "away":
            raise Unavailable
        if self.trouble == "late":
            await asyncio.Event().wait()
        found = await super().search(space, queries, limit=limit, among=among, without=without)
        stale = [Neighbour(9_000_000 + number, 1.0) for number in range(limit)]
        return [(stale + near if self.trouble == "stale" else near)[:limit] for near in found]


@pytest.fixture
async def troubled(start: Start, settings: Settings) -> tuple[Porchlight, Troubled]:
    """A server, and its store of vectors."""
    vectors = Troubled()
    return await start(ports=replace(choose_ports(settings), vectors=vectors)), vectors


async def numbers(porchlight: Porchlight, category: str) -> list[int]:
    with porchlight.app.database.bound():
        found: Any = await Item.filter(category=category).order_by("id").values_list("id", flat=True)
    return list(found)


async def test_what_somebody_did_leads_with_its_evidence(porchlight: Porchlight) -> None:
    """What others did who did alike, then what is like it; the reason names what they did. What is finished is gone."""
    person = await somebody(porchlight, "cooking")
    app, token = porchlight.app, person.access_token
    [finished, saved, *near] = await numbers(porchlight, "photography")
    crowd = (await numbers(porchlight, "security"))[:3]
    app.collaborative = Crowd(ranked=[*crowd, finished], popular=near[:1])  # type: ignore[assignment]
    await record(porchlight, token, {"itemId": encode_id("Item", finished), "kind": "COMPLETE"})
    await record(porchlight, token, {"itemId": encode_id("Item", saved), "kind": "SAVE"})
    found = await feed(porchlight, token, first=100)
    assert (found["strategy"], found["degraded"], found["degradedReason"]) == ("hybrid", False, None)
    with app.database.bound():
        title = (await Item.get(id=saved)).title
    by_item = {edge["node"]["id"]: edge for edge in found["edges"]}
    for item_id in crowd:
        edge = by_item[encode_id("Item", item_id)]
        assert edge["reason"] == f"Because you saved {title}"
        assert edge["evidence"] == {"kind": "SAVED", "topic": None, "item": {"id": encode_id("Item", saved)}}
    assert set(ids(found)[:4]) >= {encode_id("Item", item_id) for item_id in crowd}
    assert encode_id("Item", finished) not in by_item
    assert {"INTEREST", "SAVED"} <= {edge["evidence"]["kind"] for edge in found["edges"]}
    assert all(edge["evidence"]["topic"] == "cooking" for edge in found["edges"] if "cooking" in edge["reason"])
    scores = [edge["score"] for edge in found["edges"]]
    assert scores == sorted(scores, reverse=True)


async def test_a_newcomer_gets_what_is_popular_and_new(porchlight: Porchlight) -> None:
    """What many met leads, what has just come follows, and the walk comes last; in one category, its items alone."""
    person = await somebody(porchlight)
    app, popular = porchlight.app, await numbers(porchlight, "security")
    [new, *_] = await numbers(porchlight, "cooking")
    with app.database.bound():
        async with app.database.transaction():
            revision = await revisions.raised(app.database)
            await Item.exclude(id=new).update(created_at=START - timedelta(days=30), revision=revision)
            await Item.filter(id=new).update(created_at=START - timedelta(days=1), revision=revision)
    await until(lambda: app.items.known[popular[0]].created_at < START - timedelta(days=29), within=10)
    app.collaborative = Crowd(popular=popular[:5])  # type: ignore[assignment]
    found = await feed(porchlight, person.access_token, first=100)
    assert found["strategy"] == "popular"
    edge = next(edge for edge in found["edges"] if edge["node"]["id"] == encode_id("Item", new))
    assert (edge["reason"], edge["evidence"]["kind"]) == ("New in cooking", "NEW")
    assert {edge["reason"] for edge in found["edges"][:5]} == {"Popular of late"}
    narrow = await feed(porchlight, person.access_token, first=100, filter={"categories": ["photography"]})
    assert narrow["strategy"] == "catalogue"
    assert {edge["reason"] for edge in narrow["edges"]} == {"A start in photography"}
    await porchlight.ask(
        'mutation { setInterests(topics: ["cooking"]) { topic } }', token=person.access_token
    )  # what is new is ranked by what they care for
    assert encode_id("Item", new) in ids(await feed(porchlight, person.access_token, first=100))


@pytest.mark.parametrize("trouble", ["away", "late"])
async def test_without_vectors_the_crowd_serves(troubled: tuple[Porchlight, Troubled], trouble: str) -> None:
    """Within the deadline, and the answer says so; a moment later everything is there again."""
    porchlight, vectors = troubled
    person = await somebody(porchlight, "photography")
    popular = await numbers(porchlight, "cooking")
    porchlight.app.collaborative = Crowd(popular=popular[:3])  # type: ignore[assignment]
    vectors.trouble = trouble
    loop = asyncio.get_running_loop()
    began = loop.time()
    found = await feed(porchlight, person.access_token, first=5)
    assert loop.time() - began < 3, "a store that never answers is left at the deadline"
    assert (found["strategy"], found["degraded"], found["degradedReason"]) == ("popular", True, VECTORS_LATE)
    assert ids(found)[:3] == [encode_id("Item", item_id) for item_id in popular[:3]]
    later = await feed(porchlight, person.access_token, first=5, after=found["pageInfo"]["endCursor"])
    assert (later["strategy"], later["degraded"], len(later["edges"])) == ("popular", True, 5)
    vectors.trouble = ""

    async def whole() -> bool:
        return not (await feed(porchlight, person.access_token))["degraded"]

    await until(whole)


async def test_what_the_store_still_has_of_the_gone_is_dropped(troubled: tuple[Porchlight, Troubled]) -> None:
    """Even where it crowds out everything else: the store is asked again, for what there is."""
    porchlight, vectors = troubled
    person = await somebody(porchlight, "photography")
    expected = await feed(porchlight, person.access_token, first=20)
    await anew(porchlight)
    vectors.trouble, porchlight.app.nearby = "stale", Nearby()
    found = await feed(porchlight, person.access_token, first=20)
    assert len(found["edges"]) == 20
    assert (found["degraded"], len(expected["edges"])) == (False, 20)


async def test_people_who_share_a_topic_share_a_search(troubled: tuple[Porchlight, Troubled]) -> None:
    """Whatever each has refused; a filter that leaves little is searched with, and a changed catalogue anew."""
    porchlight, vectors = troubled
    ada, grace = await somebody(porchlight, "knots"), await somebody(porchlight, "knots", email="grace@example.com")
    first = await feed(porchlight, ada.access_token, first=5)
    await record(porchlight, grace.access_token, {"itemId": ids(first)[0], "kind": "DISMISS"})
    theirs = await feed(porchlight, grace.access_token, first=5)
    assert (vectors.searches, ids(first)[0] in ids(theirs)) == (1, False)
    only = await feed(porchlight, ada.access_token, filter={"categories": ["cooking"]})
    assert {edge["node"]["category"] for edge in only["edges"]} == {"cooking"}


async def test_before_the_catalogue_is_read_rows_serve(porchlight: Porchlight) -> None:
    """A process that has just started walks through the catalogue and says that it is not all."""
    person = await somebody(porchlight, "cooking")
    app = porchlight.app
    known, app.items.known = app.items.known, {}
    found = await feed(porchlight, person.access_token, filter={"categories": ["security"]})
    app.items.known = known
    assert (found["degraded"], found["degradedReason"]) == (True, NOT_READ)
    assert {edge["node"]["category"] for edge in found["edges"]} == {"security"}


async def test_an_interest_without_a_vector_is_told(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others rank the list; without any it is the walk. Before vectors are read there is no search at all."""
    person = await somebody(porchlight, "cooking")

    with monkeypatch.context() as patch:
        patch.setattr("services.recommendations.candidates.vectors_of", AsyncMock(return_value={}))
        found = await feed(porchlight, person.access_token)
    assert (found["strategy"], found["degradedReason"]) == ("catalogue", NO_VECTORS)
    with monkeypatch.context() as patch:
        patch.setattr(type(porchlight.app.items), "ready", False)
        found = await feed(porchlight, person.access_token)
    assert (found["strategy"], found["degradedReason"]) == ("catalogue", NOT_READ)


async def test_what_is_asked_for_leads(porchlight: Porchlight) -> None:
    """Whoever asks, and whatever else is known of them."""
    await until(lambda: porchlight.app.items.ready)
    person = await somebody(porchlight, "photography")
    app = porchlight.app
    with app.database.bound():
        [asked, *_] = await numbers(porchlight, "cooking")
        toward = app.items.vector_of([asked])[asked][None]
        for user_id in (person.user_id, None):
            slate = await recommendations.recommend(app, user_id, Page(5), Filter(), toward=toward)
            assert asked in [row.item.id for row in slate.page.rows[:2]]
            assert (slate.strategy, {row.reason for row in slate.page.rows}) == (
                "interests", {"Because you asked for it"},
            )  # fmt: skip


async def test_a_large_catalogue_is_shelved_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time it is waited for; a change is shelved while the shelf before serves."""
    monkeypatch.setattr("services.recommendations.shelf.AT_ONCE", 1)
    facts = Known("a", frozenset({"t"}), "gold", None, START, START, 1)
    shelves, known = Shelves(), {5: facts, 3: replace(facts, position=2, requires=None, available_until=None)}
    shelf, again = await asyncio.gather(shelves.of(known), shelves.of(known))
    assert shelf is again
    assert await shelves.of(known) is shelf
    changed = {**known, 7: facts}
    assert await shelves.of(changed) is shelf
    assert shelves._making is not None
    await shelves._making
    newer = await shelves.of(changed)
    assert newer.ids.tolist() == [5, 7, 3]
    for rules, allowed in (
        (Rules(Filter(), frozenset(), frozenset(), START), [False, False, True]),
        (Rules(Filter(), frozenset({3}), frozenset(), START - timedelta(1)), [True, True, False]),
        (Rules(Filter(tags=("t", "u")), frozenset(), frozenset({"gold"}), START - timedelta(1)), [False, False, True]),
        (Rules(Filter(categories=("b",)), frozenset(), frozenset(), START), [False, False, False]),
    ):
        assert newer.allowed(rules).tolist() == allowed
    empty = built({})
    assert empty.kept([1], empty.allowed(Rules(Filter(), frozenset({1}), frozenset(), START))).tolist() == [False]
