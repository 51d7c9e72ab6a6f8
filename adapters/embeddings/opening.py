"""Which embeddings a URL names."""

from urllib.parse import parse_qsl, urlsplit

from adapters.embeddings.local import LocalEmbeddings
from adapters.embeddings.openai import OpenAIEmbeddings
from adapters.embeddings.port import Embeddings
from adapters.openai import OpenAI

OPTIONS = frozenset({"dimensions", "version"})


def open_embeddings(url: str, openai: OpenAI | None = None) -> Embeddings:
    """The variant that `url` names: `local://`, or `openai://MODEL?dimensions=…&version=…`. It still wants `open()`.

    `openai` is whom the second one asks; it stays the caller's to close. Raises ValueError, also when it is missing.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "local":
            return LocalEmbeddings()
        case "openai":
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            model = f"{parts.netloc}{parts.path}".strip("/")
            if not model or not options.keys() <= OPTIONS:
                raise ValueError("Embeddings by openai:// are openai://MODEL?dimensions=…&version=….")
            if openai is None:
                raise ValueError("Embeddings by openai:// need a key.")
            dimension = int(options["dimensions"]) if "dimensions" in options else None
            return OpenAIEmbeddings(openai, model, dimension=dimension, revision=options.get("version", ""))
        case scheme:
            raise ValueError(f"Embeddings are made by local:// or openai://, not by {scheme!r}.")
