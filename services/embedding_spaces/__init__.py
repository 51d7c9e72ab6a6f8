"""Spaces of vectors: which one serves, and how another one takes its place at once when all its vectors are made."""

from services.embedding_spaces.keeping import CHANNEL, SpaceKeeper

__all__ = ["CHANNEL", "SpaceKeeper"]
