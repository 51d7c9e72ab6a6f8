"""OpenAI is asked with a deadline and behind a breaker, and whatever it does becomes one of two failures."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pydantic import BaseModel

from adapters.openai import Asked, NotAsked, OpenAI, Refused
from core.breaker import Breaker
from core.errors import Unavailable
from tests.services.openai import KEY, Fault, OpenAIService, failing, openai_service


class Shape(BaseModel):
    """What these tests ask for."""

    word: str


@pytest.fixture
async def vendor() -> AsyncGenerator[OpenAIService]:
    async with openai_service() as service:
        service.answer = lambda _: {"word": "yes"}
        yield service


@pytest.fixture
async def openai(vendor: OpenAIService) -> AsyncGenerator[OpenAI]:
    client = OpenAI(key=KEY, base_url=vendor.url)
    yield client
    await client.close()


async def ask(openai: OpenAI, deadline: float = 5.0) -> Asked[Shape]:
    return await openai.structured(
        Shape,
        model="gpt-of-this-test",
        instructions="Say a word.",
        content=[{"type": "input_text", "text": "Well?"}],
        most_tokens=50,
        safety_identifier="somebody",
        deadline=deadline,
    )


async def test_a_shape_is_asked_for_and_nothing_is_stored(openai: OpenAI, vendor: OpenAIService) -> None:
    """The answer comes in the shape, with its tokens; the vendor is told to keep nothing."""
    assert await ask(openai) == Asked(Shape(word="yes"), 100, 20)
    body = vendor.asked[0]["body"]
    assert (body["store"], body["safety_identifier"], body["max_output_tokens"]) == (False, "somebody", 50)
    assert body["text"]["format"]["strict"] is True


async def test_a_refusal_is_no_fault_of_the_vendor(openai: OpenAI, vendor: OpenAIService) -> None:
    """Who is refused is told so, and the breaker stays closed however often."""
    vendor.answer = lambda _: None
    for _ in range(6):
        with pytest.raises(Refused):
            await ask(openai)
    assert openai.breaker.state == "closed"


SLOW: dict[str, Any] = {"silence": Fault(delay=3.0), "slow drip": Fault(body={"id": "resp_1" * 50}, drip=0.2)}
FAULTS: dict[str, Fault] = {
    "HTML with 200": Fault(body=b"<html>proxy</html>", kind="text/html"),
    "a server's error": failing(500),
    "an unknown model": failing(404, "model_not_found"),
    "half of a JSON document": Fault(body=b'{"id": "resp_1", "output": ['),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_what_cannot_be_read_is_unavailable(openai: OpenAI, vendor: OpenAIService, fault: Fault) -> None:
    """Whatever the vendor or something before it says becomes one failure, after two tries at most."""
    vendor.faults = [fault, fault]
    with pytest.raises(Unavailable):
        await ask(openai)
    assert len(vendor.asked) <= 2


BILLED: dict[str, tuple[list[Fault], bool]] = {
    "HTML with 200": ([FAULTS["HTML with 200"]], True),
    "a server's error": ([failing(500), failing(500)], True),
    "an error, then turned away": ([failing(500), failing(429)], True),
    "silence": ([Fault(delay=1.0)] * 2, True),
    "an unknown model": ([failing(404, "model_not_found")], False),
    "too many requests": ([failing(429), failing(429)], False),
    "no quota": ([failing(429, "insufficient_quota")] * 2, False),
}


@pytest.mark.parametrize("expected", BILLED.values(), ids=BILLED)
async def test_what_was_certainly_not_billed_is_told_apart(
    openai: OpenAI, vendor: OpenAIService, expected: tuple[list[Fault], bool]
) -> None:
    """What the vendor turned away with a 4xx, each time; all else may have been billed, its first try as well."""
    faults, billed = expected
    await openai.open()
    vendor.faults = list(faults)
    with pytest.raises(Unavailable) as caught:
        await ask(openai, deadline=0.5 if faults[0].delay else 5.0)
    assert isinstance(caught.value, NotAsked) is not billed


async def test_who_has_no_patience_closes_the_way_for_nobody(openai: OpenAI, vendor: OpenAIService) -> None:
    """However often somebody waits for a moment only, others may ask; without any time left nobody is asked."""
    await openai.open()
    vendor.faults = [Fault(delay=2.0)] * 6
    for _ in range(6):
        with pytest.raises(Unavailable):
            await ask(openai, deadline=0.05)
    openai.breaker.failed(rest=-1.0)  # half open: the next one decides
    for hopeless in (0.0, -1.0):
        with pytest.raises(NotAsked):
            await ask(openai, deadline=hopeless)
    vendor.faults = []
    assert await ask(openai) == Asked(Shape(word="yes"), 100, 20)


async def test_who_finds_nobody_has_not_asked() -> None:
    """No connection, twice."""
    openai = OpenAI(key=KEY, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(NotAsked):
        await ask(openai)
    await openai.close()


@pytest.mark.parametrize("words", ['{"word": "ye', "Yes, of course!", '{"other": 1}'])
async def test_words_in_another_shape_are_unavailable(openai: OpenAI, vendor: OpenAIService, words: str) -> None:
    """Truncated JSON, prose and another schema are no answers."""
    vendor.answer = lambda _: words
    with pytest.raises(Unavailable):
        await ask(openai)


@pytest.mark.parametrize("fault", [*SLOW.values(), failing(429, retry_after="110")], ids=[*SLOW, "Retry-After 110"])
async def test_nothing_waits_longer_than_its_deadline(openai: OpenAI, vendor: OpenAIService, fault: Fault) -> None:
    """Silence, dripping bytes and a long Retry-After are all cut by the one deadline."""
    import asyncio

    await ask(openai)  # the SDK is imported
    vendor.faults = [fault, fault]
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await ask(openai, deadline=0.5)
    assert asyncio.get_running_loop().time() - started < 2.5


async def test_an_exhausted_quota_opens_the_breaker_at_once(openai: OpenAI, vendor: OpenAIService) -> None:
    """Nobody asks again before somebody can have paid."""
    vendor.faults = [failing(429, "insufficient_quota"), failing(429, "insufficient_quota")]
    with pytest.raises(Unavailable):
        await ask(openai)
    asked = len(vendor.asked)
    with pytest.raises(Unavailable) as caught:
        await ask(openai)
    assert len(vendor.asked) == asked
    assert 200 < caught.value.retry_after <= 300


async def test_a_vendor_that_keeps_failing_is_left_alone_and_tried_again(vendor: OpenAIService) -> None:
    """Five failures open the breaker; after its rest one call decides, and others wait for it."""
    now = [0.0]
    breaker = Breaker(rest=30.0, clock=lambda: now[0])
    openai = OpenAI(key=KEY, base_url=vendor.url, breaker=breaker)
    for _ in range(5):
        breaker.failed()
    with pytest.raises(NotAsked):
        await ask(openai)
    assert (vendor.asked, breaker.state) == ([], "open")
    now[0] = 31.0
    assert breaker.state == "half_open"
    assert breaker.admits()
    assert not breaker.admits()
    breaker.failed()
    assert breaker.state == "open"
    now[0] = 62.0
    await ask(openai)
    assert breaker.state == "closed"
    await openai.close()


def test_a_caller_who_leaves_tells_nothing_of_the_vendor() -> None:
    """A probe that was given up makes room for the next one."""
    now = [0.0]
    breaker = Breaker(failures=1, rest=1.0, clock=lambda: now[0])
    breaker.failed()
    now[0] = 2.0
    assert breaker.admits()
    breaker.abandoned()
    assert breaker.admits()
