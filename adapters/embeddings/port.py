"""What we ask of embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 4_000  # characters of a text that count: some 600 words, more than any model takes much notice of
DEADLINE = 10.0


@dataclass(frozen=True)
class Space:
    """Where vectors can be compared: those of another model, dimension or version mean nothing here.

    Every vector is stored with its space. `version` changes whenever a text would get another vector.
    """

    model: str
    dimension: int
    version: str


@runtime_checkable
class Embeddings(Protocol):
    """Turns texts into vectors of one space."""

    @property
    def space(self) -> Space:
        """The space of every vector that this gives."""
        ...

    async def open(self) -> None:
        """Make ready, without waiting for it: a model may load in the background."""
        ...

    async def close(self) -> None:
        """Give back what is open. Calls that are under way raise Unavailable; none is made afterwards."""
        ...

    async def embed(self, texts: Sequence[str], *, deadline: float = DEADLINE) -> "NDArray[np.float32]":
        """A vector of unit length for each text, in their order: an array of shape (texts, dimension).

        A text without content, empty or only white space, gives the zero vector, which is near to nothing. Of a longer
        text the first `LONGEST` characters count, or as many of them as the model takes. What is no Unicode, half of a
        surrogate pair, counts as `?`.

        Raises Unavailable when there is no answer within `deadline` seconds in all, or too many calls wait already.
        """
        ...


def content(text: str) -> str:
    """The part of `text` that counts; empty when nothing does."""
    return text[:LONGEST].encode(errors="replace").decode().strip()
