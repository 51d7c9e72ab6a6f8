"""Embeddings by OpenAI, or by whoever speaks its API."""

import asyncio
import base64
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.embeddings.port import DEADLINE, Space, content
from adapters.openai import OpenAI
from core.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import AsyncOpenAI

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
"""What these models give when no other dimension is asked for."""
SHORTENED = "text-embedding-"
"""Names of the vendor's own models, which give fewer dimensions when they are asked to."""
LEAST, MOST = 1, 16_384
"""Dimensions."""

TEXTS = 2_048
"""Of one request."""
TEXT_TOKENS = 8_192
REQUEST_TOKENS = 300_000
"""A token is one byte of UTF-8 at least, so bytes are what is counted here: nothing is ever refused as too long."""
CALLS = 64
MAKING = "1"
"""Changes when this module makes other vectors of the same answers."""


class OpenAIEmbeddings:
    """Embeds by requests of bounded size, one after the other. At most `CALLS` calls are under way at a time.

    Rows of vectors are told apart by model and version alone, so the version names the dimension too. `revision` is
    the operator's own word for another model behind the same name.
    """

    def __init__(self, openai: OpenAI, model: str, *, dimension: int | None = None, revision: str = "") -> None:
        """Raises ValueError when the model's dimension is not known, or not possible."""
        size = dimension or DIMENSIONS.get(model)
        if size is None or not LEAST <= size <= MOST:
            raise ValueError(f"Of {model} the dimension is asked for: ?dimensions= with a number up to {MOST}.")
        if model == "text-embedding-ada-002" and size != DIMENSIONS[model]:
            raise ValueError("text-embedding-ada-002 has 1536 dimensions and no others.")
        self.space = Space(model, size, "-".join(filter(None, [MAKING, str(size), revision])))
        self._asked = {"dimensions": size} if model.startswith(SHORTENED) and size != DIMENSIONS.get(model) else {}
        self._openai = openai
        self._closed = asyncio.Event()
        self._calls: set[asyncio.Task[NDArray[np.float32]]] = set()
        self._warming: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._warming = asyncio.create_task(self._warm())

    async def close(self) -> None:
        self._closed.set()
        tasks = [*self._calls, *([self._warming] if self._warming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def embed(self, texts: Sequence[str], *, deadline: float = DEADLINE) -> "NDArray[np.float32]":
        if self._closed.is_set() or len(self._calls) >= CALLS:
            raise Unavailable
        call = asyncio.create_task(self._embed([_cut(content(text)) for text in texts], deadline))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await call
        except asyncio.CancelledError as ended:
            if self._closed.is_set() and call.cancelled():
                raise Unavailable from ended
            raise

    async def _embed(self, texts: list[str], deadline: float) -> "NDArray[np.float32]":
        import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

        vectors = np.zeros((len(texts), self.space.dimension), np.float32)
        now = asyncio.get_running_loop().time
        end = now() + deadline
        for places in _batches(texts):
            if (left := end - now()) <= 0:
                raise Unavailable
            question = partial(self._request, [texts[place] for place in places])
            vectors[places] = await self._openai.ask(question, deadline=left, model=self.space.model)
        return vectors

    async def _request(self, texts: list[str], client: "AsyncOpenAI") -> "NDArray[np.float32]":
        """A vector of unit length for each text. Raises ValueError for an answer that is none to this question."""
        import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

        asked: Any = self._asked
        # Asked for by name, base64 comes as it is: of numbers the SDK would make lists.
        answer = await client.embeddings.create(input=texts, model=self.space.model, encoding_format="base64", **asked)
        rows = sorted(answer.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(texts))):
            raise ValueError(f"{len(rows)} vectors came for {len(texts)} texts.")
        vectors = np.stack([_numbers(row.embedding) for row in rows])
        if vectors.shape[1] != self.space.dimension:
            raise ValueError(f"Vectors of {vectors.shape[1]} dimensions came, not of {self.space.dimension}.")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise ValueError("A vector came that has no direction.")
        directions: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return directions

    async def _warm(self) -> None:
        await self._openai.open()


def _numbers(embedding: Any) -> "NDArray[np.float64]":
    """32 bits a number, the least one first; or a list, from who speaks the API without base64."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
    return np.asarray(embedding, dtype=np.float64)


def _cut(text: str) -> str:
    """The beginning of a text that no model finds too long."""
    return text.encode()[:TEXT_TOKENS].decode(errors="ignore").strip()


def _batches(texts: list[str]) -> Iterator[list[int]]:
    """Places of the texts that have content, in lists that one request may hold."""
    batch: list[int] = []
    tokens = 0
    for place, text in enumerate(texts):
        if not text:
            continue
        size = len(text.encode())
        if len(batch) == TEXTS or tokens + size > REQUEST_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += size
    if batch:
        yield batch
