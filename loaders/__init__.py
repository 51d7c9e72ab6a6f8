"""Batched reads for the edges of the graph. `Loaders` is made for one request and never shared."""

from loaders.request import Loaders

__all__ = ["Loaders"]
