"""analyzeImage with a vendor's model: the same way as without, and what happens when it fails."""

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import pytest

from core.errors import Unauthenticated
from core.settings import Settings
from models import ImageAnalysis, Interest, InterestSource, ModelSpend
from services.billing.model_budgets import Allowance
from services.budgets import Prices
from services.budgets.prices import Price
from services.recommendations import learn
from tests.conftest import Start
from tests.pictures import GREEN, plain
from tests.porchlight import Person, Porchlight
from tests.services.openai import KEY, Fault, OpenAIService, failing, openai_service
from tests.services.valkey import until
from tests.showing import show
from tests.test_budgets import allow

MODEL = "gpt-of-this-test"


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


@pytest.fixture
async def vendor() -> AsyncGenerator[OpenAIService]:
    async with openai_service() as service:
        service.answer = lambda _: {
            "tags": [{"tag": "nature", "confidence": 0.9}, {"tag": "photography", "confidence": 0.95}],
            "confidence": 0.8,
        }
        yield service


@pytest.fixture
async def porchlight(start: Start, vendor: OpenAIService) -> Porchlight:
    """A server that asks the vendor."""
    site = await start(vision_url=f"openai://{MODEL}", openai_api_key=KEY, openai_base_url=vendor.url)
    await until(lambda: site.app.items.ready)
    return site


async def used(porchlight: Porchlight, person: Person) -> tuple[float, float]:
    """What the meter of images shows: used, and set aside."""
    told = (await porchlight.ask("{ me { usage { key used reserved } } }", token=person.access_token))["me"]["usage"]
    return next((each["used"], each["reserved"]) for each in told if each["key"] == "image-analysis")


async def spent(porchlight: Porchlight) -> list[int]:
    """Tokens, by user."""
    with porchlight.app.database.bound():
        found: Any = await ModelSpend.all().order_by("user_id").values_list("tokens", flat=True)
    return list(found)


async def test_the_model_sees_and_the_same_follows(porchlight: Porchlight, vendor: OpenAIService) -> None:
    """Its tags become interests and recommendations; who is asked about is a hash, the same image asks nobody again."""
    person = await porchlight.register()
    found = await show(porchlight, person, plain(), "A walk")
    analysis = found["analysis"]
    assert (analysis["model"], analysis["confidence"]) == (MODEL, 0.8)
    assert analysis["caption"] == "This picture tells of photography and nature."
    assert [(each["topic"], each["weight"]) for each in analysis["topics"]] == [("photography", 0.95), ("nature", 0.9)]
    assert {edge["node"]["category"] for edge in analysis["items"]["edges"]} == {"photography"}
    assert [each["path"].rpartition("/")[2] for each in vendor.asked] == ["moderations", "responses"]
    name = vendor.asked[1]["body"]["safety_identifier"]
    assert (len(name), name) == (64, porchlight.app.keys.identity("openai", str(person.user_id)))
    assert await show(porchlight, person, plain(), "A walk") == found
    assert (len(vendor.asked), await used(porchlight, person), await spent(porchlight)) == (2, (1, 0), [120])


FAULTS: dict[str, list[Fault]] = {
    "too many requests": [failing(429, retry_after="110")],
    "an error": [failing(500)] * 2,
    "no quota": [failing(429, "insufficient_quota")] * 2,
    "HTML": [Fault(body=b"<html>", kind="text/html")],
    "half an answer": [Fault(body=b'{"id": "modr_1", "results": [')],
    "silence": [Fault(delay=4.0)],
}


async def test_where_the_model_fails_the_local_one_looks(
    porchlight: Porchlight, vendor: OpenAIService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so and is not kept: as soon as the model answers again, it is asked.

    It costs nothing of the meter; of the tokens what was set aside, once the model itself was asked and is late.
    """
    monkeypatch.setattr("services.images.analysing.DEADLINE", 3.0)
    person = await porchlight.register()
    await show(porchlight, person, plain(GREEN))  # the SDK is imported
    started = asyncio.get_running_loop().time()
    for name, faults in FAULTS.items():
        porchlight.app.vision._openai.breaker.succeeded()  # type: ignore[attr-defined]
        vendor.faults = list(faults)
        analysis = (await show(porchlight, person, plain(), "Bread"))["analysis"]
        assert (analysis["model"], analysis["confidence"]) == ("local-palette", 0.4), name
        assert analysis["topics"][0]["topic"] == "baking"
    assert asyncio.get_running_loop().time() - started < 15
    assert (await used(porchlight, person), await spent(porchlight)) == ((1, 0), [120])
    porchlight.app.vision._openai.breaker.succeeded()  # type: ignore[attr-defined]
    vendor.faults = []
    assert (await show(porchlight, person, plain(), "Bread"))["analysis"]["model"] == MODEL
    assert (await used(porchlight, person), await spent(porchlight)) == ((2, 0), [240])
    vendor.faults = [None, *[Fault(delay=4.0)] * 2]
    assert (await show(porchlight, person, plain(), "Rice"))["analysis"]["model"] == "local-palette"
    assert await spent(porchlight) == [240 + porchlight.app.vision.most_tokens]


async def test_what_is_flagged_or_refused_is_no_image(porchlight: Porchlight, vendor: OpenAIService) -> None:
    """Nothing is counted of it but the tokens, and nothing is kept."""
    person = await porchlight.register()
    refused = {"__typename": "InvalidImage", "message": "This picture cannot be looked at. Choose another one."}
    vendor.flagged = True
    assert await show(porchlight, person, plain()) == refused
    vendor.flagged, vendor.answer = False, lambda _: None
    assert await show(porchlight, person, plain()) == refused
    assert await used(porchlight, person) == (0, 0)
    assert await spent(porchlight) == [2 * porchlight.app.vision.most_tokens]
    with porchlight.app.database.bound():
        assert await ImageAnalysis.all().count() == 0


async def test_where_the_budget_ends_the_local_one_looks(porchlight: Porchlight, vendor: OpenAIService) -> None:
    """The vendor is not asked, nothing is counted, and the answer says who looked."""
    allow(porchlight, user=Allowance(porchlight.app.vision.most_tokens - 1, 10**9))
    person = await porchlight.register()
    analysis = (await show(porchlight, person, plain()))["analysis"]
    assert (analysis["model"], analysis["confidence"]) == ("local-palette", 0.3)
    assert (vendor.asked, await used(porchlight, person), await spent(porchlight)) == ([], (0, 0), [])


async def test_question_and_answer_have_their_own_price(porchlight: Porchlight) -> None:
    """Of 120 tokens 20 are the answer's: the others do not cost what an answer does."""
    porchlight.app.model_prices = Prices({MODEL: Price(Decimal(2), Decimal(8))}, Price(Decimal(9), Decimal(9)))
    await show(porchlight, await porchlight.register(), plain())
    with porchlight.app.database.bound():
        assert list(await ModelSpend.all().values_list("tokens", "micros")) == [(120, 100 * 2 + 20 * 8)]


async def test_nothing_may_be_seen(porchlight: Porchlight, vendor: OpenAIService) -> None:
    """A picture of nothing that we know is no error, and teaches nothing; nor does anything of who has left."""
    vendor.answer = lambda _: {"tags": [], "confidence": 0.9}
    person = await porchlight.register()
    analysis = (await show(porchlight, person, plain()))["analysis"]
    assert analysis["caption"] == "Nothing that we know of can be told of this picture."
    assert (analysis["topics"], analysis["confidence"], analysis["items"]["strategy"]) == ([], 0.0, "catalogue")
    with porchlight.app.database.bound():
        with pytest.raises(Unauthenticated):
            await learn(porchlight.app, 999, [("walks", 0.5)], InterestSource.IMAGE)
        assert await Interest.all().count() == 0


async def test_a_double_tap_counts_once(porchlight: Porchlight) -> None:
    """Whoever is second is answered alike, and gives back what was set aside."""
    person = await porchlight.register()
    await show(porchlight, person, plain(GREEN))
    both = await asyncio.gather(*(show(porchlight, person, plain()) for _ in range(2)))
    assert both[0] == both[1]
    assert await used(porchlight, person) == (2, 0)


async def test_a_bug_sets_nothing_aside(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the meter. The tokens count: nobody knows whether the vendor was asked before it went wrong."""

    def failing_look(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(porchlight.app.vision), "look", failing_look)
    person = await porchlight.register()
    with pytest.raises(AssertionError, match="INTERNAL"):
        await show(porchlight, person, plain())
    assert (await used(porchlight, person), await spent(porchlight)) == ((0, 0), [porchlight.app.vision.most_tokens])
