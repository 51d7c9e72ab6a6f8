"""Stripe's API, spoken by its SDK over httpx. Imported at the first use alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import httpx
import stripe

from adapters.payments.changing import Changing
from adapters.payments.reading import Reading
from adapters.payments.snapshots import API_VERSION

RETRIES = 1
"""Of a lost connection, a conflict (409) and a fault (5xx), half a second later. Never of "too many requests"."""
LARGEST = 1_048_576
"""Bytes of an answer; a payment method has about 1,500."""

# Otherwise the SDK keeps an id of this machine in its user's home, and sends it with timings of our requests.
stripe.enable_telemetry = False


class Wire(stripe.HTTPClient):
    """How the SDK's requests travel: the SDK's own client takes no transport, so none within this process."""

    name = "httpx"

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Body, status and headers of an answer. Raises stripe.APIConnectionError."""
        try:
            async with self._client.stream(method, url, headers=dict(headers), content=post_data) as answer:
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > LARGEST:
                        raise _unreachable(f"more than {LARGEST} bytes", retry=False)
                return body, answer.status_code, answer.headers
        except httpx.HTTPError as error:
            raise _unreachable(type(error).__name__, retry=True) from error

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        await self._client.aclose()


def _unreachable(reason: str, *, retry: bool) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(reason, should_retry=retry)  # type: ignore[no-untyped-call]


class Sdk(Reading, Changing):
    """One client, its connections kept. `base` is Stripe's own address where it is None."""

    faults: tuple[type[Exception], ...] = (
        stripe.StripeError,
        TimeoutError,
        # What an answer raises that is JSON and not what was asked for.
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    )

    def __init__(self, key: str, *, base: str | None, site: Any) -> None:
        transport = httpx.ASGITransport(app=site) if site else None
        # No timeout of its own: the caller has one deadline for everything, the retry included.
        self._wire = Wire(httpx.AsyncClient(transport=transport, timeout=None))  # ruff: ignore[request-without-timeout] -- as said
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": base} if base else None,
            max_network_retries=RETRIES,
            http_client=self._wire,
        )

    async def close(self) -> None:
        """End its connections."""
        await self._wire.close_async()
