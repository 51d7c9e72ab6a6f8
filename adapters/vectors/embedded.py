"""Vectors in the memory of this process, searched exactly. They last as long as the process."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.embeddings import Space
from adapters.vectors.port import Neighbour

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from adapters.vectors.matrix import Matrix

AT_ONCE = 1_000_000  # multiplications, in 0.3 ms, which a thread's beginning and end would take besides


class EmbeddedVectors:
    """Keeps one matrix a space. One thread writes; searches read what is whole at their beginning and never wait.

    A search of few vectors is answered at once, a larger one in a thread: NumPy leaves the event loop alone meanwhile.
    """

    def __init__(self) -> None:
        self._matrices: dict[Space, Matrix] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="vectors")

    @property
    def degraded(self) -> bool:
        return False

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)
        self._matrices.clear()

    async def put(self, space: Space, vectors: "Mapping[int, NDArray[Any]]") -> None:
        if vectors:
            await self._write(partial(self._put, space, list(vectors), list(vectors.values())))

    async def remove(self, ids: Collection[int]) -> None:
        if ids:
            await self._write(partial(self._remove, tuple(ids)))

    async def retain(self, space: Space, ids: Collection[int]) -> None:
        if found := self._matrices.get(space):
            await self._write(partial(found.retain, tuple(ids)))

    async def drop(self, space: Space) -> None:
        await self._write(lambda: self._matrices.pop(space, None))

    def held(self, space: Space, ids: Collection[int]) -> "dict[int, NDArray[np.float32]]":
        found = self._matrices.get(space)
        return found.rows.of(ids) if found else {}

    def intact(self, _: Space) -> bool:
        return True

    async def search(
        self,
        space: Space,
        queries: "NDArray[Any]",
        *,
        limit: int,
        among: Collection[int] | None = None,
        without: Collection[int] = (),
    ) -> list[list[Neighbour]]:
        # Whoever has queries has imported NumPy, whose import is left to those who use vectors.
        from adapters.vectors import matrix  # ruff: ignore[import-outside-top-level] -- as said

        if limit < 1:
            raise ValueError("A search is for one neighbour at least.")
        directions = matrix.directions(queries, space.dimension)
        if not (found := self._matrices.get(space)):
            return [[] for _ in directions]
        answer = partial(found.rows.search, directions, limit, among, without)
        if found.rows.size * directions.size <= AT_ONCE:
            return answer()
        return await asyncio.to_thread(answer)

    async def _write(self, write: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, write)

    def _put(self, space: Space, ids: list[int], vectors: "list[NDArray[Any]]") -> None:
        from adapters.vectors.matrix import Matrix  # ruff: ignore[import-outside-top-level] -- see search

        matrix = self._matrices.get(space) or Matrix(space.dimension)
        matrix.put(ids, vectors)
        self._matrices[space] = matrix

    def _remove(self, ids: tuple[int, ...]) -> None:
        for matrix in self._matrices.values():
            matrix.remove(ids)
