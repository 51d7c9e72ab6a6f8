"""One Weaviate server: where it is, and questions to it, each with a total deadline, behind one breaker.

What its SDK leaves to the caller (4.23, measured): a call over gRPC to a server that is gone is tried six times in 63
seconds, whatever time limit it was given; connecting asks for `/v1/meta` even when told to check nothing, and a client
that did not connect raises TypeError later; a client that checks asks a package index for its own version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, urlsplit

import structlog

from core.breaker import Breaker
from core.errors import Unavailable

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient

T = TypeVar("T")

HTTP_PORT = 8080
GRPC_PORT = 50051
CONNECT_WITHIN = 5.0
"""Seconds that connecting may take, the import of the SDK not counted."""
FAILURES = 3
"""In a row, until the server is left alone."""
REST = 5.0
"""Seconds that it is left alone."""
GONE = "could not find class"
"""What the server says of a collection that it does not have."""

log = structlog.get_logger(__name__)


class MissingError(Exception):
    """The server has no such collection."""


@dataclass(frozen=True)
class Address:
    """What `weaviate://host:port/Prefix?grpc=port&secure=true&timeout=0.25` says.

    `prefix` begins the names of our collections; `timeout` is how many seconds a search may take.
    """

    host: str
    port: int
    grpc_port: int
    secure: bool
    prefix: str
    timeout: float


def address_of(url: str) -> Address:
    """Where a URL points to. Raises ValueError, whose message does not repeat it."""
    parts = urlsplit(url)
    given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    if set(given) - {"grpc", "secure", "timeout"} or any(len(values) > 1 for values in given.values()):
        raise ValueError("grpc, secure and timeout are known, each once.")
    options = {name: values[0] for name, values in given.items()}
    prefix = parts.path.strip("/") or "Porchlight"
    if not (prefix.isascii() and prefix.isalnum() and prefix[0].isupper()):
        raise ValueError("A prefix is letters and digits, the first one a capital.")
    if (
        not parts.hostname
        or parts.username
        or parts.password
        or options.get("secure", "false") not in {"true", "false"}
    ):
        raise ValueError("A host, no user, and secure=true or false would be right.")
    grpc_port, timeout = int(options.get("grpc", GRPC_PORT)), float(options.get("timeout", "0.25"))
    if not (0 < grpc_port < 2**16 and 0 < timeout <= 60):  # ruff: ignore[magic-value-comparison] -- ports, a minute
        raise ValueError("A port and a time limit of at most a minute would be right.")
    port = HTTP_PORT if parts.port is None else parts.port
    return Address(parts.hostname, port, grpc_port, options.get("secure") == "true", prefix, timeout)


class WeaviateServer:
    """Connects at the first question, and again whenever that failed."""

    def __init__(self, address: Address, *, key: str = "", breaker: Breaker | None = None) -> None:
        self.breaker = breaker or Breaker(failures=FAILURES, rest=REST)
        self.version = (0, 0)
        self._address = address
        self._key = key
        self._client: WeaviateAsyncClient | None = None
        self._connecting = asyncio.Lock()

    @property
    def degraded(self) -> bool:
        """Whether the last questions were not answered, or none has been yet."""
        return self._client is None or self.breaker.state != "closed"

    async def close(self) -> None:
        """End its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, question: Callable[[WeaviateAsyncClient], Awaitable[T]], *, deadline: float) -> T:
        """What the SDK gives, within `deadline` seconds in all. Raises Unavailable, MissingError."""
        if not self.breaker.admits():
            raise Unavailable(retry_after=max(1.0, self.breaker.retry_after))
        try:
            client = await self._connected()
            async with asyncio.timeout(deadline):
                found = await question(client)
        except asyncio.CancelledError:
            self.breaker.abandoned()
            raise
        except Exception as fault:
            if GONE in str(fault):
                self.breaker.succeeded()
                raise MissingError from fault
            self.breaker.failed()
            log.warning("weaviate.failed", cause=type(fault).__name__, breaker=self.breaker.state)
            raise Unavailable(retry_after=max(1.0, self.breaker.retry_after)) from fault
        self.breaker.succeeded()
        return found

    async def _connected(self) -> WeaviateAsyncClient:
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    self._client = await self._connect()
        return self._client

    async def _connect(self) -> WeaviateAsyncClient:
        client = await asyncio.to_thread(self._made)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await client.connect()
                meta = await client.get_meta()
        except BaseException:
            await client.close()
            raise
        major, minor, *_ = str(meta["version"]).split(".")
        self.version = (int(major), int(minor))
        log.info("weaviate.connected", version=meta["version"])
        return client

    def _made(self) -> WeaviateAsyncClient:
        import weaviate  # ruff: ignore[import-outside-top-level] -- a second that only who uses it pays
        from weaviate.classes.init import (  # ruff: ignore[import-outside-top-level] -- as above
            AdditionalConfig,
            Auth,
            Timeout,
        )

        at = self._address
        return weaviate.use_async_with_custom(
            http_host=at.host,
            http_port=at.port,
            http_secure=at.secure,
            grpc_host=at.host,
            grpc_port=at.grpc_port,
            grpc_secure=at.secure,
            auth_credentials=Auth.api_key(self._key) if self._key else None,
            additional_config=AdditionalConfig(timeout=Timeout(init=2, query=10, insert=30)),
            skip_init_checks=True,
        )
