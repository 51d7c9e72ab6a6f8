"""Headers of a request that are looked up many times: a dictionary instead of a walk through all of them each time."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request


class IndexedHeaders(Headers):
    """Starlette's headers. Of two with one name the first counts, as there."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        super().__init__(raw=scope["headers"])
        self._index = dict(reversed(self._list))

    def __getitem__(self, key: str) -> str:
        return self._index[key.lower().encode("latin-1")].decode("latin-1")

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a header, or what stands for one that is missing."""
        found = self._index.get(key.lower().encode("latin-1"))
        return default if found is None else found.decode("latin-1")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower().encode("latin-1") in self._index


class IndexedRequest(Request):
    """A request whose headers are indexed."""

    @property
    def headers(self) -> Headers:
        """The headers."""
        if not hasattr(self, "_headers"):
            self._headers: Headers = IndexedHeaders(self.scope)
        return self._headers
