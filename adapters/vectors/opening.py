"""Where vectors are, by URL."""

from urllib.parse import urlsplit

from adapters.vectors.embedded import EmbeddedVectors
from adapters.vectors.port import Vectors
from adapters.vectors.weaviate import WeaviateVectors
from adapters.vectors.weaviate_server import address_of


def open_vectors(url: str, *, key: str = "") -> Vectors:
    """The variant that `url` names: `embedded://` or `weaviate://`. It still wants `open()`.

    `key` is the server's. No message repeats the URL.
    """
    match urlsplit(url).scheme:
        case "embedded":
            return EmbeddedVectors()
        case "weaviate":
            return WeaviateVectors(address_of(url), key=key)
        case scheme:
            raise ValueError(f"Vectors are kept by embedded:// or weaviate://, not by {scheme!r}.")
