"""One profile that its owner edits: what is stated, learnt, weighed and erased, and who may look."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.contextvars import bound_contextvars

from adapters.embeddings import Space
from core.cursors import encode_id
from core.errors import Unauthenticated, Unavailable
from core.settings import Settings
from models import InteractionKind, Interest, InterestSource, InterestVector, Item, User
from services.recommendations import embed_interests, learn
from services.recommendations.profile import profile_of, vectors_of
from services.recommendations.recency import recency
from tests.clock import START
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until

ME = "{ me { interests { topic weight source evidence corrected } } }"
SET = "mutation($topics: [String!]!) { setInterests(topics: $topics) { topic weight source } }"
WEIGH = "mutation($t: String!, $w: Float!) { weighInterest(topic: $t, weight: $w) { topic weight source corrected } }"
REMOVE = "mutation($t: String!) { removeInterest(topic: $t) { topic source } }"
RECORD = "mutation($e: [InteractionInput!]!) { recordInteractions(interactions: $e) { accepted duplicates ignored } }"
LIVE = "subscription { recommendationsChanged(first: 1) { strategy } }"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def items_in(porchlight: Porchlight, category: str, count: int = 3) -> list[Item]:
    """Items of a category that have no tag in common."""
    with porchlight.app.database.bound():
        found: list[Item] = []
        for item in await Item.filter(category=category).order_by("id"):
            if all(set(item.tags).isdisjoint(other.tags) for other in found):
                found.append(item)
    assert len(found) >= count
    return found[:count]


def event(item: Item, kind: str = "SAVE", **more: Any) -> dict[str, Any]:
    return {"itemId": encode_id("Item", item.id), "kind": kind, **more}


async def record(porchlight: Porchlight, person: Person, *events: dict[str, Any]) -> dict[str, int]:
    data = await porchlight.ask(RECORD, {"e": list(events)}, token=person.access_token)
    answer: dict[str, int] = data["recordInteractions"]
    return answer


async def interests(porchlight: Porchlight, person: Person) -> list[tuple[str, str]]:
    """Topic and source of each, the strongest first."""
    data = await porchlight.ask(ME, token=person.access_token)
    return [(each["topic"], each["source"]) for each in data["me"]["interests"]]


async def test_deeds_show_interests_on_every_process(start: Start) -> None:
    """In the next answer, here and there, without a bus: both read rows. They count less than a statement."""
    here, there = await start(redis_url=""), await start(redis_url="")
    person = await here.register()
    saved = await items_in(here, "cooking")
    assert await record(here, person, *map(event, saved)) == {"accepted": 3, "duplicates": 0, "ignored": 0}
    total = 0.8 * sum(recency(rank) for rank in range(3))
    expected = {
        "topic": "cooking", "weight": round(total / (total + 1.5), 6), "source": "BEHAVIOR", "evidence": 3,
        "corrected": False,
    }  # fmt: skip
    for server in (here, there):
        assert (await server.ask(ME, token=person.access_token))["me"]["interests"] == [expected]
    await record(there, person, *(event(item, "DISLIKE") for item in saved))
    assert await interests(here, person) == []
    with here.app.database.bound():
        profile = await profile_of(here.app, person.user_id)
    assert profile.refused == profile.met == {item.id for item in saved}
    assert (profile.history, profile.medoids) == ((), ())


async def test_a_topic_is_erased_until_it_is_stated(porchlight: Porchlight) -> None:
    """Whatever showed it: it is not learnt again, nor are its items evidence of anything, until its owner states it."""
    person, app = await porchlight.register(), porchlight.app
    saved = await items_in(porchlight, "personal-finance", 4)
    await record(porchlight, person, *map(event, saved[:2]))
    assert await interests(porchlight, person) == [("personal finance", "BEHAVIOR")]
    removed = await porchlight.ask(REMOVE, {"t": "Personal-Finance"}, token=person.access_token)
    assert removed == {"removeInterest": []}
    await record(porchlight, person, event(saved[2]))
    with app.database.bound():
        assert await learn(app, person.user_id, [("personal finance", 1.0)], InterestSource.IMAGE) == []
        profile = await profile_of(app, person.user_id)
        assert (profile.history, profile.medoids, profile.interests) == ((), (), ())
        assert len(profile.met) == 3
        assert await InterestVector.all().count() == 0
    assert await interests(porchlight, person) == []
    stated = await porchlight.ask(SET, {"topics": ["personal finance"]}, token=person.access_token)
    assert stated["setInterests"] == [{"topic": "personal finance", "weight": 1.0, "source": "STATED"}]
    await porchlight.ask(SET, {"topics": []}, token=person.access_token)
    await record(porchlight, person, event(saved[3]))
    assert await interests(porchlight, person) == [("personal finance", "BEHAVIOR")]
    with app.database.bound():
        assert len((await profile_of(app, person.user_id)).history) == 4


async def test_statements_leave_what_was_learnt(porchlight: Porchlight) -> None:
    """They replace statements alone, take over what they name, and are not taken over."""
    person, app = await porchlight.register(), porchlight.app
    image, intent = InterestSource.IMAGE, InterestSource.INTENT
    with app.database.bound():
        learnt = await learn(app, person.user_id, [("Cameras", 0.5), ("lenses", 0.4), ("", 1), ("x" * 200, 1)], image)
        assert [(row.topic, row.weight, row.source) for row in learnt] == [
            ("Cameras", 0.5, image),
            ("lenses", 0.4, image),
        ]
        learnt = await learn(app, person.user_id, [("cameras", 0.4), ("lenses", 0.6), ("maps", 2.0)], intent)
        assert [(row.topic, row.weight, row.source) for row in learnt] == [
            ("maps", 1.0, intent), ("lenses", 0.6, intent), ("Cameras", 0.5, image),
        ]  # fmt: skip
        assert await InterestVector.all().count() == 3
    await porchlight.ask(SET, {"topics": ["cameras", "tea"]}, token=person.access_token)
    with app.database.bound():
        assert [row.source for row in await learn(app, person.user_id, [("tea", 1.0)], image)] == ["STATED"]
    await porchlight.ask(SET, {"topics": ["tea"]}, token=person.access_token)
    assert await interests(porchlight, person) == [("maps", "INTENT"), ("tea", "STATED"), ("lenses", "INTENT")]


async def test_a_weight_that_was_chosen_stays(porchlight: Porchlight) -> None:
    """Whatever is learnt or stated later, until the topic is erased; bad weights and unknown topics change nothing."""
    person, app = await porchlight.register(), porchlight.app
    saved = await items_in(porchlight, "cooking", 4)
    await record(porchlight, person, *map(event, saved[:2]))
    weighed = await porchlight.ask(WEIGH, {"t": "Cooking", "w": 0.05}, token=person.access_token)
    assert weighed["weighInterest"] == [{"topic": "cooking", "weight": 0.05, "source": "BEHAVIOR", "corrected": True}]
    await record(porchlight, person, *map(event, saved[2:]))
    with app.database.bound():
        await learn(app, person.user_id, [("cooking", 1.0)], InterestSource.IMAGE)
    stated = await porchlight.ask(SET, {"topics": ["cooking", "tea"]}, token=person.access_token)
    assert [(each["topic"], each["weight"]) for each in stated["setInterests"]] == [("tea", 1.0), ("cooking", 0.05)]
    for weight in (0, 1.01, -1):
        assert await porchlight.codes(WEIGH, {"t": "tea", "w": weight}, token=person.access_token) == ["BAD_USER_INPUT"]
    await porchlight.ask(REMOVE, {"t": "cooking"}, token=person.access_token)
    for topic in ("maps", "cooking"):
        assert await porchlight.codes(WEIGH, {"t": topic, "w": 1}, token=person.access_token) == ["NOT_FOUND"]
    assert await porchlight.codes(REMOVE, {"t": " "}, token=person.access_token) == ["BAD_USER_INPUT"]
    assert await interests(porchlight, person) == [("tea", "STATED")]
    stated = await porchlight.ask(SET, {"topics": ["cooking"]}, token=person.access_token)
    assert [(each["topic"], each["weight"]) for each in stated["setInterests"]] == [("cooking", 1.0)]


async def test_topics_are_few(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each source the last twenty, of deeds ten with those that were weighed, of what was erased the last ones."""
    person, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        for number in range(3):
            topics = [(f"topic {number} {place}", 0.5) for place in range(10)]
            await learn(app, person.user_id, topics, InterestSource.IMAGE)
        assert {row.topic[6] for row in await Interest.all()} == {"1", "2"}
        assert await Interest.all().count() == 20
        every = await Item.all().order_by("-id").limit(100)
    await record(porchlight, person, *map(event, every))
    shown = [topic for topic, source in await interests(porchlight, person) if source == "BEHAVIOR"]
    assert len(shown) == 10
    await porchlight.ask(WEIGH, {"t": shown[-1], "w": 0.01}, token=person.access_token)
    await porchlight.ask(REMOVE, {"t": shown[0]}, token=person.access_token)
    await record(porchlight, person, event(every[0], "VIEW"))
    again = [topic for topic, source in await interests(porchlight, person) if source == "BEHAVIOR"]
    assert len(again) == 10
    assert again[-1] == shown[-1]
    assert shown[0] not in again
    monkeypatch.setattr("services.recommendations.profile.editing.ERASED_KEPT", 3)
    for topic in ("a", "b", "c", "a", "d"):
        await porchlight.ask(REMOVE, {"t": topic}, token=person.access_token)
    with app.database.bound():
        erased = await Interest.exclude(erased_at=None).order_by("id")
    assert [row.topic for row in erased] == ["c", "a", "d"]


async def test_edits_at_once_are_all_kept(porchlight: Porchlight) -> None:
    """Nobody's edit is lost, and no topic has two rows, whoever learns meanwhile; on every try."""
    person, app = await porchlight.register(), porchlight.app
    saved = await items_in(porchlight, "cooking", 4)
    await record(porchlight, person, *map(event, saved[:2]))

    async def learning(number: int) -> None:
        with app.database.bound():
            await learn(app, person.user_id, [("cooking", 0.9), (f"topic {number}", 0.9)], InterestSource.IMAGE)

    token = person.access_token
    await asyncio.gather(
        porchlight.ask(WEIGH, {"t": "cooking", "w": 0.02}, token=token),
        *(record(porchlight, person, event(item)) for item in saved[2:]),
        *map(learning, range(4)),
        porchlight.ask(SET, {"topics": ["tea"]}, token=token),
        porchlight.ask(REMOVE, {"t": "topic 0"}, token=token),
    )
    with app.database.bound():
        rows = {row.topic_key: row for row in await Interest.filter(erased_at=None)}
        assert await Interest.filter(topic_key="topic 0", erased_at__not_isnull=True).count() == 1
    assert set(rows) == {"cooking", "tea", "topic 1", "topic 2", "topic 3"}
    assert (rows["cooking"].weight, rows["tea"].source) == (0.02, InterestSource.STATED)


class Other:
    """Embeddings of another space, of which the first calls fail."""

    space = Space("other", 2, "1")

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.texts: list[str] = []

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def embed(self, texts: Sequence[str], *, deadline: float = 1.0) -> NDArray[np.float32]:
        assert deadline <= 3
        if self.failures:
            self.failures -= 1
            raise Unavailable
        self.texts += texts
        return np.ones((len(texts), 2), np.float32)


async def test_vectors_are_made_where_they_are_missing(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bulk for another space, each text once; for one reader in time, or not at all; never for who has gone."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    app, embeddings = porchlight.app, Other()
    monkeypatch.setattr("services.recommendations.profile.vectors.BATCH", 3)
    for each, topics in ((person, ["tea", "maps", "personal-finance"]), (other, ["tea", "maps"])):
        await porchlight.ask(SET, {"topics": topics}, token=each.access_token)
    await porchlight.ask(REMOVE, {"t": "maps"}, token=other.access_token)
    with app.database.bound():
        await embed_interests(app, embeddings)
        assert sorted(embeddings.texts) == ["maps", "personal finance", "tea", "tea"]
        assert await InterestVector.filter(model="other").count() == 4
        await embed_interests(app, embeddings)
        assert len(embeddings.texts) == 4
        rows = await Interest.filter(user_id=person.user_id)
        before = await vectors_of(app, rows)
        assert sorted(before) == sorted(row.id for row in rows)
        await InterestVector.filter(interest_id=rows[0].id).delete()
        monkeypatch.setattr(type(app), "embeddings", Other(failures=1))
        await InterestVector.filter(model="other").delete()
        assert await vectors_of(app, rows) == {}
        again = await vectors_of(app, rows)
        assert {interest_id: vector.tolist() for interest_id, vector in again.items()} == {
            row.id: [1.0, 1.0] for row in rows
        }
        assert await InterestVector.filter(model="other").count() == 3
        await Interest.filter(id=rows[0].id).delete()
        await InterestVector.filter(model="other").delete()
        assert len(await vectors_of(app, rows)) == 3
        assert await InterestVector.filter(model="other").count() == 0
        assert await vectors_of(app, []) == {}


async def test_each_change_is_told_live(start: Start) -> None:
    """Stating, weighing, erasing, learning, and saying no."""
    here = await start()
    there = await start() if here.app.settings.redis_url else here
    person = await here.register()
    await until(lambda: here.app.items.ready)
    token = person.access_token
    async with here.connect(token=token) as connection:
        await connection.subscribe(LIVE)

        async def next_one() -> str:
            strategy: str = (await connection.next())["data"]["recommendationsChanged"]["strategy"]
            return strategy

        assert await next_one() == "catalogue"
        await there.ask(SET, {"topics": ["cooking"]}, token=token)
        assert await next_one() == "interests"
        await there.ask(WEIGH, {"t": "cooking", "w": 0.5}, token=token)
        assert await next_one() == "interests"
        await there.ask(REMOVE, {"t": "cooking"}, token=token)
        assert await next_one() == "catalogue"
        with there.app.database.bound():
            await learn(there.app, person.user_id, [("tea", 0.5)], InterestSource.IMAGE)
        assert await next_one() == "interests"
        await there.ask("mutation { setPersonalization(enabled: false) { id } }", token=token)
        assert await next_one() == "catalogue"


async def test_strangers_and_the_gone_have_no_profile(porchlight: Porchlight) -> None:
    """Nobody edits without a token, nothing is learnt or known of an account that has been deleted."""
    person, app = await porchlight.register(), porchlight.app
    assert await porchlight.codes(WEIGH, {"t": "a", "w": 1}) == ["UNAUTHENTICATED"]
    assert await porchlight.codes(REMOVE, {"t": "a"}) == ["UNAUTHENTICATED"]
    with app.database.bound():
        await User.filter(id=person.user_id).delete()
        with pytest.raises(Unauthenticated):
            await learn(app, person.user_id, [("a", 1.0)], InterestSource.INTENT)
        with pytest.raises(Unauthenticated):
            await profile_of(app, person.user_id)


async def test_known_numbers_of_statements(porchlight: Porchlight) -> None:
    """Each edit and each reading, whatever is held of the person."""
    person, app = await porchlight.register(), porchlight.app
    saved = await items_in(porchlight, "photography")
    counts: dict[str, int] = {}

    async def counted(name: str, query: str, **variables: Any) -> None:
        with porchlight.counting_queries() as statements:
            await porchlight.ask(query, variables, token=person.access_token)
        counts[name] = len(statements)

    await counted("first statement", SET, topics=["tea"])
    await counted("statement", SET, topics=["tea", "maps", "cooking"])
    await counted("weight", WEIGH, t="tea", w=0.5)
    await counted("erasure", REMOVE, t="tea")
    await counted("first deed", RECORD, e=[event(saved[0])])
    await counted("deed", RECORD, e=[event(saved[1]), event(saved[2])])
    await counted("interests", ME)
    assert counts == {
        "first statement": 13, "statement": 10, "weight": 4, "erasure": 6, "first deed": 13, "deed": 11, "interests": 2,
    }  # fmt: skip
    await until(lambda: app.items.ready)
    with app.database.bound(), bound_contextvars(request_id="r"), porchlight.counting_queries() as statements:
        profile = await profile_of(app, person.user_id)
    assert len(statements) == 4
    assert profile.personalized
    assert [(each.topic, each.source) for each in profile.interests] == [
        ("maps", "STATED"), ("cooking", "STATED"), ("photography", "BEHAVIOR"),
    ]  # fmt: skip
    assert [(signal.item_id, signal.kind, signal.at) for signal in profile.history] == [
        (item.id, InteractionKind.SAVE, START) for item in saved[::-1]
    ]
    assert [part for _, part in profile.medoids] == [1.0]
    assert profile.medoids[0][0] in {item.id for item in saved}
    assert profile.met == {item.id for item in saved}
    assert not profile.refused
