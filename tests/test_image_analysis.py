"""An image becomes interests: without any vendor, counted, found again, kept by nobody."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.settings import Settings
from models import ImageAnalysis, Interest, UsageCounter, User
from services import images
from tests.clock import ManualClock
from tests.pictures import GREEN, animation, bomb, plain
from tests.porchlight import Person, Porchlight
from tests.services.valkey import until
from tests.showing import ANALYZE, parts, send, show

MINE = """
{ me {
  interests { topic weight source }
  usage { key used reserved }
  onboarding { progress steps { key done optional } }
} }
"""
FEED = "{ me { recommendations(first: 5) { strategy edges { node { id key category } } } } }"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


@pytest.fixture
async def person(porchlight: Porchlight) -> Person:
    """Somebody new; the index has been read."""
    await until(lambda: porchlight.app.items.ready)
    return await porchlight.register()


async def used(porchlight: Porchlight, person: Person) -> tuple[float, float]:
    """What the meter of images shows: used, and set aside."""
    told = (await porchlight.ask(MINE, token=person.access_token))["me"]["usage"]
    return next((each["used"], each["reserved"]) for each in told if each["key"] == "image-analysis")


async def test_a_picture_becomes_interests_and_they_become_recommendations(
    porchlight: Porchlight, person: Person
) -> None:
    """Without any key: what the caption and the colours say, with low confidence, and what is disliked then is gone."""
    found = await show(porchlight, person, plain(), "Baking bread")
    assert found["__typename"] == "AnalyzeImageSuccess"
    analysis = found["analysis"]
    assert (analysis["model"], analysis["confidence"]) == ("local-palette", 0.4)
    assert analysis["caption"] == "This picture tells of baking, orange, colourful and warm tones."
    assert analysis["topics"] == [
        {"topic": topic, "weight": weight, "source": "IMAGE"}
        for topic, weight in (("baking", 0.4), ("orange", 0.3), ("colourful", 0.15), ("warm tones", 0.15))
    ]
    assert analysis["items"]["edges"][0]["reason"] == "Because you asked for it"
    me = (await porchlight.ask(MINE, token=person.access_token))["me"]
    assert me["interests"] == analysis["topics"]
    steps = {step["key"]: (step["done"], step["optional"]) for step in me["onboarding"]["steps"]}
    assert (steps["show-image"], me["onboarding"]["progress"]) == ((True, True), 0.0)
    feed = (await porchlight.ask(FEED, token=person.access_token))["me"]["recommendations"]
    first = feed["edges"][0]["node"]
    assert (feed["strategy"], first["category"]) == ("interests", "cooking")
    record = "mutation($all: [InteractionInput!]!) { recordInteractions(interactions: $all) { accepted } }"
    disliked = {"all": [{"itemId": first["id"], "kind": "DISLIKE"}]}
    await porchlight.ask(record, disliked, token=person.access_token)
    feed = (await porchlight.ask(FEED, token=person.access_token))["me"]["recommendations"]
    assert first["key"] not in [edge["node"]["key"] for edge in feed["edges"]]


async def test_the_same_again_costs_nothing(porchlight: Porchlight, person: Person) -> None:
    """Sent twice, at once or later, whatever the file: it is counted once for each picture with its caption."""
    both = await asyncio.gather(*(show(porchlight, person, plain(), "Bread") for _ in range(2)))
    assert both[0] == both[1] == await show(porchlight, person, plain() + b"<script>", "  Bread ")
    assert await used(porchlight, person) == (1, 0)
    await show(porchlight, person, plain(), "Cheese")
    await show(porchlight, person, plain(GREEN), "Bread")
    assert await used(porchlight, person) == (3, 0)
    other = await porchlight.register("grace@example.com")
    await show(porchlight, other, plain(), "Bread")
    assert await used(porchlight, other) == (1, 0)  # what others have shown is nobody's business
    with porchlight.app.database.bound():
        rows = await ImageAnalysis.all().values_list("fingerprint", flat=True)
    assert len(set(rows)) == len(rows) == 4


async def test_of_who_opted_out_nothing_is_kept(porchlight: Porchlight, person: Person) -> None:
    """Nor learnt; the look is answered alike, and counted each time."""
    say = "mutation { setPersonalization(enabled: %s) { id } }"
    await porchlight.ask(say % "false", token=person.access_token)
    both = [(await show(porchlight, person, plain(), "Bread"))["analysis"] for _ in range(2)]
    assert [each["caption"] for each in both] == ["This picture tells of baking, orange, colourful and warm tones."] * 2
    assert await used(porchlight, person) == (2, 0)
    with porchlight.app.database.bound():
        assert (await ImageAnalysis.all().count(), await Interest.all().count()) == (0, 0)
    await porchlight.ask(say % "true", token=person.access_token)
    await show(porchlight, person, plain(), "Bread")
    with porchlight.app.database.bound():
        assert await ImageAnalysis.all().count() == 1


async def test_what_a_month_has_passed_over_is_forgotten(
    porchlight: Porchlight, person: Person, clock: ManualClock
) -> None:
    """And looked at again when it comes again."""
    await show(porchlight, person, plain())
    with porchlight.app.database.bound():
        await images.prune(porchlight.app, {})
        assert await ImageAnalysis.all().count() == 1
        await clock.advance(timedelta(days=30, seconds=1))
        await images.prune(porchlight.app, {})
        assert await ImageAnalysis.all().count() == 0


UNREADABLE = "The picture cannot be read: it is damaged, or not whole. Send the original file."
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty."),
    "a drawing by code": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "A picture is a JPEG, a PNG or a WebP."),
    "half a file": (plain(size=(640, 480))[:2000], UNREADABLE),
    "144 million pixels": (bomb(), "A picture has at most 25 million pixels, and 12,000 on a side."),
    "300 frames": (animation("WEBP", 300), "A picture stands still: send one frame, not an animation."),
    "more than 10 MB": (plain() + b"\0" * 10_485_760, "A picture has at most 10 MB."),
}  # fmt: skip


async def test_what_is_no_picture_is_refused_and_costs_nothing(porchlight: Porchlight, person: Person) -> None:
    """Each with a message that says what would be right; nothing is counted, kept or learnt."""
    for raw, message in BAD.values():
        assert await show(porchlight, person, raw) == {"__typename": "InvalidImage", "message": message}
    assert await used(porchlight, person) == (0, 0)
    with porchlight.app.database.bound():
        assert [await ImageAnalysis.all().count(), await Interest.all().count()] == [0, 0]


async def test_the_plan_says_how_many(porchlight: Porchlight, person: Person) -> None:
    """Beyond it the answer is the meter, and a picture that is known is told all the same."""
    first = await show(porchlight, person, plain())
    with porchlight.app.database.bound():
        await UsageCounter.filter(user_id=person.user_id).update(used=500)
    assert await show(porchlight, person, plain(GREEN)) == {
        "__typename": "UsageLimitReached",
        "message": "This would be more than your plan includes.",
        "meter": {"used": 500, "remaining": 0},
    }
    assert await show(porchlight, person, plain()) == first
    assert await used(porchlight, person) == (500, 0)


@pytest.mark.parametrize("caption", ["c" * 301, "a\x00b", "\u0301" * 5000, "a\u202eb", "\u200d"])
async def test_captions_are_bounded(porchlight: Porchlight, person: Person, caption: str) -> None:
    """They are printable, and short; one of 300 characters passes, whose signs may be joined or parted."""
    operation = {"query": ANALYZE, "variables": {"image": None, "caption": caption}}
    sent = parts(operation, {"0": ["variables.image"]}, **{"0": plain()})
    told = (await send(porchlight, sent, person=person)).json()
    assert [error["extensions"]["code"] for error in told["errors"]] == ["BAD_USER_INPUT"]
    assert await used(porchlight, person) == (0, 0)
    longest = "ä" * 292 + "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f373"
    assert (await show(porchlight, person, plain(), longest))["__typename"] == "AnalyzeImageSuccess"


async def test_what_was_stated_stays_stated(porchlight: Porchlight, person: Person) -> None:
    """A picture takes nothing away from what its owner has said, and says nothing twice."""
    stated = 'mutation { setInterests(topics: ["baking"]) { topic } }'
    await porchlight.ask(stated, token=person.access_token)
    await show(porchlight, person, plain(), "baking")
    await show(porchlight, person, plain(GREEN), "baking, orange juice")
    told = (await porchlight.ask(MINE, token=person.access_token))["me"]["interests"]
    topics = {each["topic"]: (each["weight"], each["source"]) for each in told}
    assert topics["baking"] == (1.0, "STATED")
    assert topics["orange"] == (0.4, "IMAGE")
    assert len(topics) == len(told)


async def test_who_leaves_meanwhile_is_nobody(
    porchlight: Porchlight, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is deleted while its picture is looked at is told to sign in, and nothing is kept."""
    look = porchlight.app.vision.look

    async def leaving(*arguments: Any, **more: Any) -> Any:
        await User.filter(id=person.user_id).delete()
        return await look(*arguments, **more)

    monkeypatch.setattr(porchlight.app.vision, "look", leaving)
    sent = parts({"query": ANALYZE, "variables": {"image": None}}, {"0": ["variables.image"]}, **{"0": plain()})
    told = (await send(porchlight, sent, person=person)).json()
    assert [error["extensions"]["code"] for error in told["errors"]] == ["UNAUTHENTICATED"]
    with porchlight.app.database.bound():
        assert await ImageAnalysis.all().count() == 0


async def test_known_numbers_of_queries(porchlight: Porchlight, person: Person) -> None:
    """A new picture, and one that is known; those of `items` are apart."""
    query = ANALYZE.replace("items(first: 5) { strategy edges { reason node { category } } }", "")
    operation: Any = {"query": query, "variables": {"image": None}}
    counts = []
    for _ in range(2):
        with porchlight.counting_queries() as statements:
            await send(porchlight, parts(operation, {"0": ["variables.image"]}, **{"0": plain()}), person=person)
        counts.append(len(statements))
    assert counts == [22, 9]
