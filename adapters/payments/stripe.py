"""Payments by Stripe: what protects a request of ours from Stripe's bad days."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import structlog

from core.errors import Unavailable

if TYPE_CHECKING:
    from adapters.payments.port import Card
    from adapters.payments.sdk import Sdk

PAYMENT_METHOD = re.compile(r"pm_\w{1,250}", re.ASCII)
"""Stripe's ids have at most 255 characters. What looks otherwise is nobody's, and is not asked about."""
PATIENCE = 3
"""Faults in a row after which Stripe is left alone."""

log = structlog.get_logger(__name__)


class StripePayments:
    """Asks Stripe, or `site` in this process, for at most `deadline` seconds, one retry within them.

    After `PATIENCE` faults in a row nobody asks for `cool_down` seconds; then one request tries, and the others follow
    once it has had an answer.
    """

    def __init__(
        self,
        key: str,
        *,
        base: str | None = None,
        site: Any = None,
        deadline: float = 4.0,
        cool_down: float = 30.0,
    ) -> None:
        self._key = key
        self._base = base
        self._site = site
        self._deadline = deadline
        self._cool_down = cool_down
        self._sdk: Sdk | None = None
        self._loading = asyncio.Lock()
        self._faults = 0
        self._retry_at = 0.0

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        if self._sdk is not None:
            await self._sdk.close()

    @property
    def degraded(self) -> bool:
        return self._faults >= PATIENCE

    async def card_of(self, payment_method: str) -> Card | None:
        if not PAYMENT_METHOD.fullmatch(payment_method):
            return None
        self._enter()
        sdk = await self._ready()
        try:
            async with asyncio.timeout(self._deadline):
                card = await sdk.card(payment_method)
        except sdk.faults as fault:
            raise self._lost(fault) from fault
        self._back()
        return card

    async def _ready(self) -> Sdk:
        """The SDK. Its import takes 0.17 s, which only those who ask should pay, and no request beside theirs."""
        async with self._loading:
            if self._sdk is None:
                kind = await asyncio.to_thread(_imported)
                self._sdk = kind(self._key, base=self._base, site=self._site)
            return self._sdk

    def _enter(self) -> None:
        """Let a request pass, unless Stripe is left alone. Raises Unavailable."""
        now = time.monotonic()
        if not self.degraded:
            return
        if now < self._retry_at:
            raise Unavailable(retry_after=self._retry_at - now)
        self._retry_at = now + self._cool_down

    def _lost(self, fault: BaseException) -> Unavailable:
        """Count a fault. Its message is not logged, for it may hold a part of the key."""
        self._faults += 1
        self._retry_at = time.monotonic() + self._cool_down
        log.warning("payments.lost", fault=type(fault).__name__, status=getattr(fault, "http_status", None))
        return Unavailable(retry_after=self._cool_down if self.degraded else 1.0)

    def _back(self) -> None:
        if self.degraded:
            log.info("payments.back")
        self._faults = 0


def _imported() -> type[Sdk]:
    from adapters.payments.sdk import Sdk  # ruff: ignore[import-outside-top-level] -- start time

    return Sdk
