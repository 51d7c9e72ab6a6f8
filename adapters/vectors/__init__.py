"""Vectors: which stored ones point the same way as a given one. What they belong to is stored, and checked, in SQL."""

from adapters.vectors.embedded import EmbeddedVectors
from adapters.vectors.opening import open_vectors
from adapters.vectors.port import Neighbour, Vectors
from adapters.vectors.weaviate import WeaviateVectors

__all__ = ["EmbeddedVectors", "Neighbour", "Vectors", "WeaviateVectors", "open_vectors"]
