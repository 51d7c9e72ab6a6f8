"""The range API of Have I Been Pwned: five characters of a hash go out, all hashes that begin so come back.

Whoever runs the list learns one of a million groups of passwords, and by whose server it was asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

import structlog

PREFIX = 5
"""Characters of the SHA-1 that leave this machine."""
LARGEST = 262_144
"""Bytes of an answer; with padding it has about 40,000."""
HEADERS = {"Add-Padding": "true", "Accept": "text/plain", "User-Agent": "Porchlight"}

log = structlog.get_logger(__name__)


class NoAnswerError(Exception):
    """The list has answered something else than a list."""


class RangeBreaches:
    """Asks a list online, for at most `deadline` seconds.

    When it fails it is left alone for `cool_down` seconds, in which nothing is known and nobody waits.
    """

    def __init__(self, url: str, *, deadline: float = 1.0, cool_down: float = 30.0) -> None:
        # Its import takes a tenth of a second, which only those who ask a list should pay.
        import httpx  # ruff: ignore[import-outside-top-level] -- as said

        self._url = url
        self._deadline = deadline
        self._cool_down = cool_down
        self._client = httpx.AsyncClient(headers=HEADERS, timeout=deadline)
        self._faults = (httpx.HTTPError, OSError, TimeoutError, NoAnswerError)
        self._retry_at = 0.0
        self._degraded = False

    @property
    def degraded(self) -> bool:
        return self._degraded

    async def knows(self, password: str) -> bool:
        if self._degraded and time.monotonic() < self._retry_at:
            return False
        digest = hashlib.sha1(password.encode(errors="replace"), usedforsecurity=False).hexdigest().upper()
        try:
            async with asyncio.timeout(self._deadline):
                found = digest[PREFIX:] in await self._suffixes(digest[:PREFIX])
        except self._faults as error:
            self._lost(error)
            return False
        if self._degraded:
            self._degraded = False
            log.info("breaches.back")
        return found

    async def close(self) -> None:
        await self._client.aclose()

    async def _suffixes(self, prefix: str) -> set[str]:
        """What leaked hashes that begin with `prefix` end with. Lines with a count of 0 are padding."""
        async with self._client.stream("GET", f"{self._url}/{prefix}") as answer:
            if answer.status_code != 200:  # ruff: ignore[magic-value-comparison] -- HTTP's own number
                raise NoAnswerError(f"status {answer.status_code}")
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise NoAnswerError(f"more than {LARGEST} bytes")
        lines = (line.partition(":") for line in body.decode("ascii", errors="replace").split())
        return {suffix.upper() for suffix, _, count in lines if count.isdigit() and int(count[:12]) > 0}

    def _lost(self, error: BaseException) -> None:
        self._retry_at = time.monotonic() + self._cool_down
        self._degraded = True
        log.warning("breaches.lost", error=repr(error)[:200])
