"""Embeddings: texts become vectors whose angles tell how near their meanings are."""

from adapters.embeddings.local import LocalEmbeddings
from adapters.embeddings.openai import OpenAIEmbeddings
from adapters.embeddings.opening import open_embeddings
from adapters.embeddings.port import Embeddings, Space

__all__ = ["Embeddings", "LocalEmbeddings", "OpenAIEmbeddings", "Space", "open_embeddings"]
