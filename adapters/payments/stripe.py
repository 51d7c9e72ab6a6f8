"""Payments by Stripe: what protects a request of ours from Stripe's bad days."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from adapters.payments.port import Unreadable
from adapters.payments.purchasing import Purchasing
from adapters.payments.selling import PaymentDeclined, SubscriptionOver
from core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from adapters.payments.port import Card, InvoiceSnapshot, SubscriptionPage, SubscriptionSnapshot
    from adapters.payments.sdk import Sdk

T = TypeVar("T")

PAYMENT_METHOD = re.compile(r"pm_\w{1,250}", re.ASCII)
"""Stripe's ids have at most 255 characters. What looks otherwise is nobody's, and is not asked about."""
PATIENCE = 3
"""Faults in a row after which Stripe is left alone."""
OF_ONE_REQUEST = frozenset({400, 402, 404, 409})
"""Answers that say nothing about how Stripe is: nobody else is kept from asking by them."""
LOCKED = "lock_timeout"
"""The code of "too many requests" (429) when it is two requests of one person that want the same object."""

log = structlog.get_logger(__name__)


class StripePayments(Purchasing):
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
    def site(self) -> Any:
        """The server in this process that answers in Stripe's place; None where Stripe does."""
        return self._site

    @property
    def degraded(self) -> bool:
        return self._faults >= PATIENCE

    async def card_of(self, payment_method: str) -> Card | None:
        if not PAYMENT_METHOD.fullmatch(payment_method):
            return None
        return await self._ask(lambda sdk: sdk.card(payment_method))

    async def subscription(self, subscription_id: str) -> SubscriptionSnapshot | None:
        return await self._ask(lambda sdk: sdk.subscription(subscription_id))

    async def invoice(self, invoice_id: str) -> InvoiceSnapshot | None:
        return await self._ask(lambda sdk: sdk.invoice(invoice_id))

    async def live_subscriptions(self, after: str | None) -> SubscriptionPage:
        return await self._ask(lambda sdk: sdk.subscriptions(after))

    async def undelivered_events(self, since: datetime, after: str | None) -> tuple[list[str], str | None]:
        return await self._ask(lambda sdk: sdk.undelivered(since, after))

    async def _ask(self, call: Callable[[Sdk], Awaitable[T]], *, patience: int = 1) -> T:
        """The answer to `call`, unless Stripe is left alone or gives none. Raises Unavailable.

        `patience` is how many deadlines it may take. What is declined or cannot be read has been answered, too.
        """
        self._enter()
        sdk = await self._ready()
        try:
            async with asyncio.timeout(self._deadline * patience):
                answer = await call(sdk)
        except (PaymentDeclined, SubscriptionOver, Unreadable):
            self._back()
            raise
        except sdk.faults as fault:
            raise self._lost(fault) from fault
        self._back()
        return answer

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
        # The SDK leaves the code out of "too many requests", but for what was answered.
        status, told = getattr(fault, "http_status", None), getattr(fault, "error", None)
        code = getattr(fault, "code", None) or getattr(told, "code", None)
        if status not in OF_ONE_REQUEST and code != LOCKED:
            self._faults += 1
            self._retry_at = time.monotonic() + self._cool_down
        log.warning("payments.lost", fault=type(fault).__name__, status=status, code=code)
        return Unavailable(retry_after=self._cool_down if self.degraded else 1.0)

    def _back(self) -> None:
        if self.degraded:
            log.info("payments.back")
        self._faults = 0


def _imported() -> type[Sdk]:
    from adapters.payments.sdk import Sdk  # ruff: ignore[import-outside-top-level] -- start time

    return Sdk
