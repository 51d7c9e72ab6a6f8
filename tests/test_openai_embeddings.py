"""Embeddings of OpenAI: what is asked, what is believed of the answer, and what the rest becomes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai.types.shared import chat_model
from structlog.testing import capture_logs

from adapters.embeddings import Embeddings, Space, open_embeddings
from adapters.embeddings.openai import CALLS, REQUEST_TOKENS, TEXT_TOKENS, TEXTS
from adapters.openai import DeadModel, OpenAI, refuse_dead
from adapters.openai.models import ENDS
from core.errors import Unavailable
from core.settings import Settings, SettingsError
from services.ports import choose_ports
from tests.clock import ManualClock
from tests.services.openai import KEY, Fault, OpenAIService, failing, openai_service, vector_of

SMALL = "openai://text-embedding-3-small?dimensions=64"


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIService]:
    async with openai_service() as service:
        yield service


@pytest.fixture
async def openai(vendor: OpenAIService) -> AsyncIterator[OpenAI]:
    client = OpenAI(key=KEY, base_url=vendor.url)
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def embeddings(openai: OpenAI) -> AsyncIterator[Embeddings]:
    opened = open_embeddings(SMALL, openai)
    yield opened
    await opened.close()


def bodies(vendor: OpenAIService) -> list[dict[str, Any]]:
    return [request["body"] for request in vendor.asked]


async def test_request_names_model_and_dimension(embeddings: Embeddings, vendor: OpenAIService) -> None:
    """Texts without content are not sent; the vectors come in the order of the texts, though told in another."""
    vectors = await embeddings.embed(["rice and beans", " ", "tea"])
    expected = np.array(vector_of("tea", 64))
    assert vectors[2] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert bodies(vendor) == [
        {
            "input": ["rice and beans", "tea"],
            "model": "text-embedding-3-small",
            "encoding_format": "base64",
            "dimensions": 64,
        }
    ]


@pytest.mark.parametrize(
    ("url", "space"),
    [
        ("openai://text-embedding-3-large", Space("text-embedding-3-large", 3072, "1-3072")),
        ("openai://text-embedding-ada-002", Space("text-embedding-ada-002", 1536, "1-1536")),
        ("openai://ours/BGE-m3?dimensions=1024&version=b", Space("ours/BGE-m3", 1024, "1-1024-b")),
    ],
)
async def test_own_dimension_is_not_asked_for(openai: OpenAI, vendor: OpenAIService, url: str, space: Space) -> None:
    """Nor is one asked of another's model: servers that cannot choose refuse the word. The space tells them apart."""
    embeddings = open_embeddings(url, openai)
    assert embeddings.space == space
    vendor.dimension = space.dimension
    assert (await embeddings.embed(["tea"])).shape == (1, space.dimension)
    assert "dimensions" not in bodies(vendor)[0]


async def test_requests_have_a_bounded_size(embeddings: Embeddings, vendor: OpenAIService) -> None:
    """By texts and by bytes, of which a token has one at least; a text of rare signs is cut where no model refuses."""
    assert (await embeddings.embed(["tea"] * (TEXTS + 1))).all(axis=0).any()
    assert [len(body["input"]) for body in bodies(vendor)] == [TEXTS, 1]
    vendor.asked.clear()
    await embeddings.embed(["\U00013000" * 4000] * 40)
    sizes = [[len(text.encode()) for text in body["input"]] for body in bodies(vendor)]
    assert {size for request in sizes for size in request} == {TEXT_TOKENS}
    assert [len(request) for request in sizes] == [REQUEST_TOKENS // TEXT_TOKENS, 40 - REQUEST_TOKENS // TEXT_TOKENS]


def told(*rows: tuple[int, Any]) -> Fault:
    data = [{"object": "embedding", "index": index, "embedding": embedding} for index, embedding in rows]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return Fault(body={"object": "list", "data": data, "model": "m", "usage": usage})


WRONG = {
    "nothing": told(),
    "too few": told((0, [1.0] * 64)),
    "one twice": told((0, [1.0] * 64), (0, [1.0] * 64)),
    "another dimension": told((0, [1.0] * 63), (1, [1.0] * 63)),
    "different dimensions": told((0, [1.0] * 64), (1, [1.0] * 63)),
    "no direction": told((0, [0.0] * 64), (1, [1.0] * 64)),
    "no base64": told((0, "?"), (1, "?")),
    "HTML": Fault(body=b"<html>proxy</html>", kind="text/html"),
    "a server's error": failing(500),
}


@pytest.mark.parametrize("fault", WRONG.values(), ids=WRONG)
async def test_answers_that_are_none_are_not_believed(
    embeddings: Embeddings, vendor: OpenAIService, fault: Fault
) -> None:
    """They are Unavailable; the next one that is whole is taken, also where it comes as lists of numbers."""
    vendor.faults = [fault, fault]
    with pytest.raises(Unavailable):
        await embeddings.embed(["rice", "tea"])
    vendor.faults = [told((1, [0.0] * 63 + [2.0]), (0, [3.0] + [0.0] * 63))]
    assert np.argwhere(await embeddings.embed(["rice", "tea"])).tolist() == [[0, 0], [1, 63]]


async def test_deadline_is_one_for_all_requests(embeddings: Embeddings, vendor: OpenAIService) -> None:
    """What the first one took is not there for the second one."""
    full = REQUEST_TOKENS // TEXT_TOKENS
    late = replace(told(*((place, [1.0] * 64) for place in range(full))), delay=0.3)
    vendor.faults = [late, Fault(delay=20.0)]
    start = time.monotonic()
    with pytest.raises(Unavailable):
        await embeddings.embed(["\U00013000" * 4000] * (full + 1), deadline=3.0)
    assert time.monotonic() - start < 10
    assert len(vendor.asked) == 2
    with pytest.raises(Unavailable):
        await embeddings.embed(["tea"], deadline=0.0)
    assert len(vendor.asked) == 2


async def test_too_many_calls_are_turned_away_and_closing_ends_them(
    embeddings: Embeddings, vendor: OpenAIService
) -> None:
    """One more than there may be at once; those under way are told when it closes, and so is who calls later."""
    vendor.faults = [Fault(delay=5.0) for _ in range(CALLS)]
    calls = [asyncio.create_task(embeddings.embed(["tea"])) for _ in range(CALLS)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await embeddings.embed(["one more"])
    calls[0].cancel()
    await asyncio.wait([calls[0]])
    assert calls[0].cancelled()
    await embeddings.close()
    outcomes = await asyncio.gather(*calls[1:], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    with pytest.raises(Unavailable):
        await embeddings.embed(["tea"])


async def test_model_that_is_not_there_is_named(openai: OpenAI, embeddings: Embeddings, vendor: OpenAIService) -> None:
    """In one clear line of the log; the vendor's other models are still asked."""
    vendor.faults = [failing(404, "model_not_found") for _ in range(6)]
    with capture_logs() as logs:
        for _ in range(6):
            with pytest.raises(Unavailable):
                await embeddings.embed(["tea"])
    assert [(entry["event"], entry["model"], entry["log_level"]) for entry in logs] == [
        ("openai.model_not_found", "text-embedding-3-small", "error"),
        ("openai.failed", "text-embedding-3-small", "warning"),
    ] * 6
    assert openai.breaker.state == "closed"


async def test_bad_questions_close_no_way_for_others(openai: OpenAI, vendor: OpenAIService) -> None:
    """What the vendor refuses for its own sake is Unavailable to its caller alone, however often."""
    embeddings = open_embeddings(SMALL, openai)
    vendor.faults = [failing(400, "invalid_value") for _ in range(6)]
    for _ in range(6):
        with pytest.raises(Unavailable):
            await embeddings.embed(["tea"])
    assert (await embeddings.embed(["tea"])).any()


# Names of models.


def test_ends_are_those_that_the_sdk_notes() -> None:
    """Each name that its notes give a day to, but those for sound, has the same day here."""
    source = Path(chat_model.__file__).read_text(encoding="utf-8").partition('"""Deprecated values:')[2]
    noted: dict[str, date] = {}
    for entry in re.split(r"\n- ", source):
        if day := re.search(r"shutdown\s+date:\s+(\d{4}-\d\d-\d\d)", entry):
            noted |= dict.fromkeys(re.findall(r'"([^"]+)"', entry), date.fromisoformat(day[1]))
    assert len(noted) > 50
    assert {name: day for name, day in noted.items() if "audio" not in name and ENDS.get(name) != day} == {}


def test_dead_model_is_refused_and_a_dying_one_is_told() -> None:
    """On its last day it still passes, with a warning; the message names it and the day."""
    refuse_dead("a-model-of-ours", date(2030, 1, 1))
    with capture_logs() as logs:
        refuse_dead("gpt-4o", date(2026, 3, 2))
        refuse_dead("gpt-4o", date(2027, 1, 13))
    assert logs == [{"event": "openai.model_ends_soon", "model": "gpt-4o", "on": "2027-01-14", "log_level": "warning"}]
    with pytest.raises(DeadModel, match=r"gpt-4o ended on 2027-01-14"):
        refuse_dead("gpt-4o", date(2027, 1, 14))


@pytest.mark.parametrize("query", ["", "?dimensions=64"])
def test_start_refuses_a_dead_model_by_name(query: str) -> None:
    """Whatever else the URL says."""
    settings = Settings(embeddings_url=f"openai://text-similarity-ada-001{query}", openai_api_key=KEY)
    with pytest.raises(SettingsError) as refused:
        choose_ports(settings, ManualClock())
    told = "text-similarity-ada-001 ended on 2024-01-04; one that the vendor still has would be right"
    assert refused.value.problems == [f"EMBEDDINGS_URL: the model {told}"]
