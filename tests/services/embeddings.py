"""The local model, loaded once for all servers that a test process starts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.embeddings import Space
from adapters.embeddings.local import LocalEmbeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class KeptEmbeddings:
    """The real variant, which goes on when a server that used it stops."""

    def __init__(self) -> None:
        self._kept = LocalEmbeddings()

    @property
    def space(self) -> Space:
        return self._kept.space

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def embed(self, texts: Sequence[str], *, deadline: float = 30.0) -> "NDArray[np.float32]":
        return await self._kept.embed(texts, deadline=deadline)


EMBEDDINGS = KeptEmbeddings()
