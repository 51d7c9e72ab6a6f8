"""Vectors: which stored ones point the same way as a given one. What they belong to is stored, and checked, in SQL."""

from adapters.vectors.embedded import EmbeddedVectors
from adapters.vectors.opening import open_vectors
from adapters.vectors.port import Neighbour, Vectors

__all__ = ["EmbeddedVectors", "Neighbour", "Vectors", "open_vectors"]
