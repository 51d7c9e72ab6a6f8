"""Webhooks: every event is sent to one endpoint, signed, late, now and then twice, and again until it is taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from adapters.payments.signing import signature
from adapters.payments.simulated.events import event_of

if TYPE_CHECKING:
    from adapters.payments.simulated.server import SimulatedStripe
    from adapters.payments.simulated.store import Document

MINUTE, HOUR = 60, 3_600
WAITS = (MINUTE, 5 * MINUTE, 30 * MINUTE, *(hours * HOUR for hours in (1, 2, 4, 8, 12, 12, 12, 12)))
"""Seconds between the tries, by the server's clock: together two days and three quarters, as Stripe tries for three."""
LEASE = 30.0
"""Seconds, by the server's clock, in which no other process takes the same delivery."""
PATIENCE = 10.0
"""Real seconds that the endpoint may take to answer."""
TURN = 1.0
"""Seconds, by the server's clock, between two looks at what is due."""
MOST = 1_000
"""Deliveries of one turn."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """Where webhooks go: to `site`, an ASGI application of this process, or over the network."""

    url: str
    secret: str = field(repr=False)
    site: Any = None


@dataclass
class Weather:
    """What happens to webhooks on their way. As it is made here, each arrives at once, alone and in order.

    Each is late by up to `late` seconds of the server's clock, by chance, so that some overtake others; the share
    `repeated` is sent twice; `order` puts those of one turn into another order; while it is `lost` none arrives.
    """

    late: float = 0.0
    repeated: float = 0.0
    order: Callable[[list[Document]], list[Document]] = list
    lost: bool = False


LIKE_STRIPES = Weather(late=2.0, repeated=0.05)
"""Of a server that people use: rough enough to show who relies on the order, or on each coming once."""


class Deliveries:
    """What one process sends of the server's events. Processes that share a store share the work."""

    def __init__(self, site: SimulatedStripe) -> None:
        self.endpoint: Endpoint | None = None
        self.weather = Weather()
        self._site = site
        self._turn = asyncio.Lock()

    async def deliver(self) -> int:
        """Let happen what is due, and send each event that is due once; how many were taken by the endpoint.

        What is refused or lost is due again later. Without an endpoint nothing is sent.
        """
        async with self._turn:
            self._site.advance()
            events = self._taken()
            taken = 0
            for event in self.weather.order(events):
                taken += await self._sent(event)
            return taken

    async def keep_delivering(self) -> None:
        """Deliver until cancelled, each second of the server's clock: one that jumps is followed at once."""
        while True:
            try:
                await self.deliver()
            except Exception:
                log.exception("simulated_stripe.turn_failed")
            await self._site.clock.sleep(TURN)

    def send_again(self, event_id: str) -> None:
        """Have an event sent once more, as from Stripe's dashboard: also one that has arrived. Raises StripeFault."""
        with self._site.store.change(self._site.now()) as docs:
            event_of(docs, event_id)
            docs.connection.execute("INSERT INTO deliveries (event, due) VALUES (?, ?)", (event_id, docs.now))

    def _taken(self) -> list[Document]:
        """The events that are due, each with the number of its delivery; nobody else takes them meanwhile."""
        now = self._site.clock.now().timestamp()
        if self.endpoint is None:
            return []
        with self._site.store.change(int(now)) as docs:
            rows = docs.connection.execute(
                "SELECT deliveries.seq, deliveries.due, deliveries.attempts, content FROM deliveries"
                " JOIN events ON events.id = deliveries.event"
                " WHERE deliveries.delivered IS NULL AND deliveries.failed IS NULL AND deliveries.due <= ?"
                " ORDER BY deliveries.due, deliveries.seq LIMIT ?",
                (now, MOST),
            ).fetchall()
            arriving = [
                (since + (0 if attempts else self._lateness(seq)), seq, attempts, content)
                for seq, since, attempts, content in rows
            ]
            due = sorted(each for each in arriving if each[0] <= now)
            docs.connection.executemany(
                "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE seq = ?",
                [(now + LEASE, seq) for _, seq, _, _ in due],
            )
        return [{**json.loads(content), "_delivery": seq, "_attempt": attempts} for _, seq, attempts, content in due]

    def _lateness(self, delivery: int) -> float:
        return Random(delivery).uniform(0, self.weather.late)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- weather

    async def _sent(self, event: Document) -> bool:
        """Send an event, and write down what came of it; whether it was taken."""
        delivery, attempt = event.pop("_delivery"), event.pop("_attempt")
        body = json.dumps(event, indent=2).encode()
        again = Random(f"again {delivery}").random() < self.weather.repeated  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- weather
        answers = [await self._posted(body) for _ in range(1 + again)]
        problem = answers[-1]
        now = self._site.clock.now().timestamp()
        with self._site.store.change(int(now)) as docs:
            if problem is None:
                change, values = "delivered = ?", [now]
            elif attempt < len(WAITS):
                change, values = "due = ?", [now + WAITS[attempt]]
            else:
                change, values = "failed = ?", [now]
            docs.connection.execute(f"UPDATE deliveries SET {change} WHERE seq = ?", [*values, delivery])  # ruff: ignore[hardcoded-sql-expression] -- of three words
        if problem is not None:
            log.warning("simulated_stripe.not_delivered", type=event["type"], attempts=attempt + 1, reason=problem)
        return problem is None

    async def _posted(self, body: bytes) -> str | None:
        """Post a body, signed now; why it was not taken, or None when it was."""
        import httpx  # ruff: ignore[import-outside-top-level] -- start time

        assert self.endpoint is not None
        if self.weather.lost:
            return "lost"
        site = self.endpoint.site
        transport = httpx.ASGITransport(site, raise_app_exceptions=False) if site else None
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Stripe/1.0 (simulated)"}
        headers["stripe-signature"] = signed(body, self.endpoint.secret, self._site.now())
        try:
            async with (
                asyncio.timeout(PATIENCE),
                httpx.AsyncClient(transport=transport, timeout=None) as client,  # ruff: ignore[request-without-timeout] -- as above
            ):
                answer = await client.post(self.endpoint.url, content=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            return type(error).__name__
        return None if answer.is_success else f"status {answer.status_code}"


def signed(body: bytes, secret: str, moment: int) -> str:
    """The header that says who sent a body, and when, in seconds since 1970."""
    return f"t={moment},v1={signature(body, moment, secret)}"
