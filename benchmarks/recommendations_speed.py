"""How fast 100,000 items are recommended: `python -m benchmarks.recommendations_speed [items] [requests a second]`.

The real program in one process on SQLite and the embedded index, over HTTP, with a catalogue, people and a model of
the crowd that are made up. Requests come at their times, whatever the server does. First each is of somebody new, with
a history that nobody shares and topics of a list of some dozen. Then they come back, and their lists stand; they come
back with something done meanwhile, and their lists are made again; and then they page on.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx
import numpy as np
import orjson

from adapters.database import Database, open_database
from benchmarks import processes, report
from benchmarks.processes import Process, Profile
from benchmarks.seeding import BATCH, seed
from core.clock import SystemClock
from core.logging import configure_logging
from models.accounts import User
from models.collaborative import CollaborativeModel
from models.recommendations import Interaction, InteractionKind, Item, ItemVector
from services.app import App, assemble, opened
from services.recommendations.collaborative.model import FORMAT, Model, Neighbours

ITEMS = 100_000
RATE = 50.0
SECONDS = 20.0
MET = 12
"""Items that each person has opened or saved."""
NEIGHBOURS = 20
"""Of each item in the model of the crowd."""
PROBE_EVERY = 0.02
"""Seconds between two small requests, which wait for nothing but the event loop."""
SEEDED = 1_000
"""Items that are seeded as for other benchmarks. The others are like these."""
CHUNK = 5_000
_ITEM = """
INSERT INTO items (key, position, category, title, summary, tags, search, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_VECTOR = """
INSERT INTO item_vectors (item_id, model, dimension, version, content, vector) VALUES ($1, $2, $3, $4, $5, $6)
"""
_MADE = "SELECT COUNT(*) AS made FROM recommendation_slates WHERE made_at >= $1"
_DONE = "UPDATE users SET taste = taste + 1"
"""What is known of everybody has changed, though nothing else has."""
QUERY = """
query($first: Int, $after: String) { me { recommendations(first: $first, after: $after) {
  strategy degraded pageInfo { hasNextPage endCursor }
  edges { recommendationId score reason node { id key title summary category tags } } } } }
"""


@dataclass
class Load:
    """What one load came to, in milliseconds."""

    name: str
    answers: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    strategies: set[str] = field(default_factory=set)
    degraded: int = 0
    errors: int = 0
    cursors: dict[str, str] = field(default_factory=dict)

    def line(self, seconds: float, cpu: float, made: int) -> str:
        """The figures, for people; `made` lists were made now. The probe is a bound of the event loop's lag."""
        cuts, probes = quantiles(self.answers, n=100), quantiles(self.probes, n=100)
        return (
            f"  {self.name:<22} p50 {cuts[49]:6.1f} ms  p95 {cuts[94]:6.1f}  p99 {cuts[98]:6.1f}   probe p50 "
            f"{probes[49]:5.1f}  p99 {probes[98]:5.1f}   {len(self.answers) / seconds:5.1f}/s  "
            f"{cpu / seconds:.2f} cores, {cpu / len(self.answers) * 1000:.1f} ms each  "
            f"{', '.join(sorted(self.strategies))}  {made / len(self.answers):.0%} made  "
            f"{self.degraded} degraded  {self.errors} errors"
        )


async def prepare(profile: Profile, items: int, people: int) -> list[str]:
    """Items, people with interests and a history, and a model of the crowd; the people's tokens."""
    app = assemble(profile.settings)
    async with opened(app):
        with app.database.bound():
            seeded = await seed(app, people=people, items=SEEDED)
            await _more_items(app, items)
            await _met(app, items)
            await _crowd(app)
    return seeded.tokens


async def _more_items(app: App, items: int) -> None:
    """Items like those that are there, each with a vector of its own, many rows a statement."""
    random, now, space = np.random.default_rng(3), app.clock.now(), app.embeddings.space
    kinds = await Item.all().order_by("id").limit(SEEDED)
    rows = dict(await ItemVector.filter(item_id__in=[kind.id for kind in kinds]).values_list("item_id", "vector"))
    near = [np.frombuffer(rows[kind.id], np.float32) for kind in kinds]
    for start in range(SEEDED, items, CHUNK):
        numbers = range(start, min(start + CHUNK, items))
        async with app.database.transaction():
            for number in numbers:
                kind = kinds[number % SEEDED]
                vector = near[number % SEEDED] + random.standard_normal(space.dimension, np.float32)
                tags = orjson.dumps(kind.tags).decode()
                words = [f"item-{number + 1}", number + 1, kind.category, kind.title, kind.summary, tags, kind.search]
                await app.database.execute(_ITEM, [*words, now])
                values = [number + 1, space.model, space.dimension, space.version, "", vector.tobytes()]
                await app.database.execute(_VECTOR, values)


async def _met(app: App, items: int) -> None:
    random, now = np.random.default_rng(1), app.clock.now()
    rows = [
        Interaction(
            user_id=user_id, item_id=int(item_id), kind=kind, idempotency_key=f"met-{number}", batch="met",
            occurred_at=now, created_at=now,
        )
        for user_id in await User.all().values_list("id", flat=True)
        for number, item_id in enumerate(random.integers(1, items, MET))
        for kind in ([InteractionKind.CLICK, InteractionKind.SAVE][number % 2],)
    ]  # fmt: skip
    await Interaction.bulk_create(rows, batch_size=BATCH)


async def _crowd(app: App) -> None:
    random = np.random.default_rng(2)
    ids = np.array(sorted(await Item.all().values_list("id", flat=True)), np.int64)
    said = Neighbours(
        np.arange(len(ids) + 1, dtype=np.int64) * NEIGHBOURS,
        random.integers(0, len(ids), len(ids) * NEIGHBOURS).astype(np.uint32),
        random.random(len(ids) * NEIGHBOURS).astype(np.float16),
    )
    model = Model("itemknn", ids, random.random(len(ids)).astype(np.float32), said, said)
    content, now = model.encoded(), app.clock.now()
    await CollaborativeModel.create(
        format=FORMAT, kind=model.kind, items=len(ids), people=1, interactions=1, newest_interaction=2**40,
        fitted_at=now, sha256=hashlib.sha256(content).hexdigest(), content=content,
    )  # fmt: skip


async def ask(client: httpx.AsyncClient, token: str, load: Load, after: str | None = None) -> None:
    """One page."""
    began = time.perf_counter()
    body = {"query": QUERY, "variables": {"first": 20, "after": after}}
    answer = await client.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
    load.answers.append((time.perf_counter() - began) * 1000)
    found: dict[str, Any] | None = ((answer.json().get("data") or {}).get("me") or {}).get("recommendations")
    if found is None or not found["edges"]:
        load.errors += 1
        return
    load.strategies.add(found["strategy"])
    load.degraded += found["degraded"]
    load.cursors[token] = found["pageInfo"]["endCursor"]


@asynccontextmanager
async def _open(profile: Profile) -> AsyncGenerator[Database]:
    """The server's database, beside the server."""
    database = open_database(profile.settings.database_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def steady(
    server: Process, database: Database, tokens: list[str], rate: float, load: Load, after: dict[str, str]
) -> str:
    """So many requests a second, and a probe beside them."""
    since = SystemClock().now()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
        ending = asyncio.Event()

        async def probe() -> None:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as small:
                while not ending.is_set():
                    began = time.perf_counter()
                    await small.get("/healthz")
                    load.probes.append((time.perf_counter() - began) * 1000)
                    await asyncio.sleep(PROBE_EVERY)

        probing = asyncio.create_task(probe())
        began, before = time.perf_counter(), server.cpu_seconds() or 0.0
        async with asyncio.TaskGroup() as group:
            for number, token in enumerate(tokens):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                group.create_task(ask(client, token, load, after.get(token)))
        seconds, cpu = time.perf_counter() - began, (server.cpu_seconds() or 0.0) - before
        ending.set()
        await probing
    [found] = await database.rows(_MADE, [since])
    return load.line(seconds, cpu, found["made"])


async def measure(server: Process, database: Database, tokens: list[str], rate: float) -> None:
    """Print all figures."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        while True:  # until vectors and crowd have been read
            load = Load("")
            await ask(client, tokens[0], load)
            if load.strategies == {"hybrid"} and not load.degraded:
                break
            await asyncio.sleep(0.5)
    asked, first = tokens[1:], Load("first pages, all new")
    print(await steady(server, database, asked, rate, first, {}))
    print(await steady(server, database, asked, rate, Load("first pages, standing"), {}))
    await database.execute(_DONE)
    print(await steady(server, database, asked, rate, Load("first pages, again"), {}))
    print(await steady(server, database, asked, rate, Load("second pages"), first.cursors))
    print(f"  memory of the server: {(server.memory() or 0) / 1e6:,.0f} MB")


async def _measure(server: Process, profile: Profile, tokens: list[str], rate: float) -> None:
    async with _open(profile) as database:
        await measure(server, database, tokens, rate)


def main() -> None:
    """The embedded profile."""
    configure_logging("error", "console")
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else RATE  # ruff: ignore[magic-value-comparison] -- the second one
    print(f"{report.machine()}; load {report.system_load()}; {items:,} items, {rate:g} requests/s, {SECONDS:g} s each")
    with processes.embedded() as profile:
        began = time.perf_counter()
        tokens = asyncio.run(prepare(profile, items, int(rate * SECONDS) + 1))
        print(f"  seeded in {time.perf_counter() - began:.0f} s")
        with processes.porchlight(profile) as server:
            asyncio.run(_measure(server, profile, tokens, rate))


if __name__ == "__main__":
    main()
