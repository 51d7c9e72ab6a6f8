"""How many events a server takes: `python -m benchmarks.events`, on both databases, in one process, by HTTP.

The database holds `STORED` events already. First a steady 1,000 events a second in batches of 20, then as fast as they
are taken, by batch. The sender is another process on the same machine and takes its share of the two cores.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import orjson

from benchmarks import processes, report
from benchmarks.figures import percentile
from benchmarks.processes import Process, Profile
from benchmarks.seeding import seed
from core.logging import configure_logging
from models.accounts import User
from models.analytics import Event
from services.analytics import Name
from services.app import assemble, opened

GOAL = 1000
"""Events a second."""
STEADY = 20
"""Events in a batch of the steady load."""
SIZES = (1, 20, 100, 500)
CONNECTIONS = 8
PEOPLE = 50
STORED = 200_000
SECONDS = 8.0
QUERY = "mutation($events: [TrackEventInput!]!) { trackEvents(events: $events) { accepted } }"


@dataclass
class Sent:
    """What one load came to."""

    seconds: float = 0.0
    accepted: int = 0
    errors: int = 0
    milliseconds: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def line(self, name: str) -> str:
        """The figures, for people."""
        rate = self.accepted / self.seconds
        p50, p95 = (percentile(self.milliseconds, share) for share in (0.5, 0.95))
        cpu = f"{self.cpu / max(self.accepted, 1) * 1e6:5,.0f} us of CPU an event"
        return (
            f"  {name:<34} {rate:8,.0f} events/s  {rate / GOAL:5.1f} of the goal  p50 {p50:6.1f} ms  "
            f"p95 {p95:6.1f} ms  {cpu}  {self.errors} errors"
        )


class Sender:
    """Sends batches of many people, each event new."""

    def __init__(self, server: Process, tokens: list[str]) -> None:
        self._server = server
        self._tokens: Iterator[str] = itertools.cycle(tokens)
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits)

    async def send(self, size: int, sent: Sent) -> None:
        """One batch."""
        event = {"name": "page.viewed", "properties": {"path": "/plans", "from": "/", "seconds": 12.5}}
        events = [event | {"idempotencyKey": secrets.token_hex(12)} for _ in range(size)]
        body = orjson.dumps({"query": QUERY, "variables": {"events": events}})
        headers = {"Authorization": f"Bearer {next(self._tokens)}", "Content-Type": "application/json"}
        since = time.perf_counter()
        answer = await self._client.post("/graphql", content=body, headers=headers)
        sent.milliseconds.append((time.perf_counter() - since) * 1000)
        data = answer.json().get("data") or {}
        accepted = (data.get("trackEvents") or {"accepted": 0})["accepted"]
        sent.accepted += accepted
        sent.errors += accepted != size

    async def steady(self, rate: int, size: int, seconds: float) -> Sent:
        """So many events a second, whatever the server does."""
        sent, began, before = Sent(), time.perf_counter(), self._server.cpu_seconds() or 0.0
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate / size * seconds)):
                due = began + number * size / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self.send(size, sent))
        return self._over(sent, began, before)

    async def flat_out(self, size: int, seconds: float) -> Sent:
        """As fast as the server answers a few connections."""
        sent, began, before = Sent(), time.perf_counter(), self._server.cpu_seconds() or 0.0

        async def again() -> None:
            while time.perf_counter() - began < seconds:
                await self.send(size, sent)

        await asyncio.gather(*(again() for _ in range(CONNECTIONS)))
        return self._over(sent, began, before)

    def _over(self, sent: Sent, began: float, before: float) -> Sent:
        sent.seconds = time.perf_counter() - began
        sent.cpu = (self._server.cpu_seconds() or 0.0) - before
        return sent


async def prepare(profile: Profile) -> list[str]:
    """People, their tokens, and events of the last 80 days."""
    app = assemble(profile.settings)
    async with opened(app):
        with app.database.bound():
            seeded = await seed(app, people=PEOPLE, items=10)
            ids = [user.id for user in await User.all()]
            now, step = app.clock.now(), timedelta(days=80) / STORED
            rows = [
                Event(
                    name=Name.PAGE_VIEWED, version=1, user_id=ids[number % PEOPLE], at=now - number * step,
                    properties={"path": "/"}, idempotency_key=f"stored-{number}",
                )
                for number in range(STORED)
            ]  # fmt: skip
            await Event.bulk_create(rows, batch_size=5000)
    return seeded.tokens


async def measure(server: Process, tokens: list[str]) -> None:
    """Print all figures of one profile."""
    sender = Sender(server, tokens)
    await sender.flat_out(STEADY, 1.0)
    print((await sender.steady(GOAL, STEADY, SECONDS)).line(f"steady {GOAL:,}/s, batches of {STEADY}"))
    for size in SIZES:
        print((await sender.flat_out(size, SECONDS)).line(f"flat out, batches of {size}"))


def main() -> None:
    """Both profiles."""
    configure_logging("error", "console")
    print(f"{report.machine()}; load {report.system_load()}; {CONNECTIONS} connections, {STORED:,} events stored")
    for profile_of in processes.PROFILES:
        with profile_of() as profile:
            tokens = asyncio.run(prepare(profile))
            with processes.porchlight(profile) as server:
                print(profile.name)
                asyncio.run(measure(server, tokens))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
