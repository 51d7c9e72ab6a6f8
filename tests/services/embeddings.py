"""The local model, loaded once for all servers that a test process starts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.embeddings import Space
from adapters.embeddings.local import LocalEmbeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LONG = 100


class KeptEmbeddings:
    """The real variant, which goes on when a server that used it stops.

    Long lists, such as all phrasings of intents, are embedded once: the same texts have the same vectors.
    """

    def __init__(self) -> None:
        self._kept = LocalEmbeddings()
        self._lists: dict[tuple[str, ...], NDArray[np.float32]] = {}

    @property
    def space(self) -> Space:
        return self._kept.space

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def embed(self, texts: Sequence[str], *, deadline: float = 30.0) -> "NDArray[np.float32]":
        if len(texts) < LONG:
            return await self._kept.embed(texts, deadline=deadline)
        if tuple(texts) not in self._lists:
            self._lists[tuple(texts)] = await self._kept.embed(texts, deadline=deadline)
        return self._lists[tuple(texts)]


EMBEDDINGS = KeptEmbeddings()
