"""What we ask of vectors."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from adapters.embeddings import Space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored vector near to a query. `score` is the cosine of the angle between them, from -1 to 1."""

    id: int
    score: float


@runtime_checkable
class Vectors(Protocol):
    """Finds stored vectors by their direction. An id may have one in each of several spaces, which never meet.

    A vector's length means nothing. One of length zero has no direction: it is never found, and finds nothing.
    """

    async def open(self) -> None:
        """Make ready. What is stored elsewhere is not read: what is searched is what was put."""
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is called afterwards."""
        ...

    async def put(self, space: Space, vectors: "Mapping[int, NDArray[Any]]") -> None:
        """Store a vector of shape (dimension,) for each id in place of the one that it had in this space.

        A search sees all of them or none. Raises ValueError, and stores nothing, when one has another shape or a
        component that is not finite in 32 bits. They are not to be changed while this runs.
        """
        ...

    async def remove(self, ids: Collection[int]) -> None:
        """Forget these ids in every space; those that are unknown are no error."""
        ...

    async def retain(self, space: Space, ids: Collection[int]) -> None:
        """Forget every id of this space but these, whoever put it: what was removed while nobody was there.

        Called when all of them have been put: a space that was lost is whole again from here on.
        """
        ...

    async def drop(self, space: Space) -> None:
        """Forget a whole space. One that is unknown is no error."""
        ...

    def held(self, space: Space, ids: Collection[int]) -> "dict[int, NDArray[np.float32]]":
        """The vectors that this process has put for these ids, at unit length, from memory; those unknown are left out.

        They are not to be changed.
        """
        ...

    def intact(self, space: Space) -> bool:
        """Whether what was put is there, as far as is known; if not, all of it is to be put again, and then `retain`.

        Searches raise Unavailable until then.
        """
        ...

    @property
    def degraded(self) -> bool:
        """Whether searches are not answered for now."""
        ...

    async def search(
        self,
        space: Space,
        queries: "NDArray[Any]",
        *,
        limit: int,
        among: Collection[int] | None = None,
        without: Collection[int] = (),
    ) -> list[list[Neighbour]]:
        """For each query its nearest ids, at most `limit`: the best first, of equal ones the smaller id.

        `queries` has the shape (queries, dimension). Only ids of `among` are found, when it is given, and none of
        `without`. Raises ValueError for queries of another shape or with a component that is not finite, and for a
        limit below 1.
        """
        ...
