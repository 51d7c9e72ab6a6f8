"""Which embeddings a URL names."""

from urllib.parse import urlsplit

from adapters.embeddings.local import LocalEmbeddings
from adapters.embeddings.port import Embeddings


def open_embeddings(url: str) -> Embeddings:
    """The variant that `url` names: `local://`. It still wants `open()`."""
    match urlsplit(url).scheme:
        case "local":
            return LocalEmbeddings()
        case "openai":
            raise ValueError("Embeddings by openai:// are not built yet. Use local://.")
        case scheme:
            raise ValueError(f"Embeddings are made by local://, not by {scheme!r}.")
