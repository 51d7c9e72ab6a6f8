"""How long the embedded vectors take to answer, and what they weigh: `python -m benchmarks.vectors`."""

import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adapters.embeddings import Space
from adapters.vectors import EmbeddedVectors

SPACE = Space("random", 512, "1")
SIZES = (1_000, 10_000, 100_000)
LIMIT = 50
SECONDS = 1.2  # for each figure

Vectors = NDArray[np.float32]


def megabytes() -> float:
    """The most memory that this process has had. Linux counts in kilobytes, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


async def measure(name: str, call: Callable[[], Awaitable[object]]) -> None:
    """Print how long calls one after another take, and by how much a loop that wakes each millisecond is late."""
    took: list[float] = []
    late: list[float] = []
    await call()
    waking = asyncio.create_task(wake(late))
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
        await asyncio.sleep(0)
    waking.cancel()
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    lag = np.percentile(late, 99) * 1e3
    print(f"  {name:<44} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   loop late, p99 {lag:5.2f} ms")


async def wake(late: list[float]) -> None:
    """Note by how many seconds each millisecond is longer."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - start - 0.001)


async def at_once(times: int, call: Callable[[], Awaitable[object]]) -> None:
    """Make some calls at the same time."""
    await asyncio.gather(*(call() for _ in range(times)))


async def figures(size: int, random: np.random.Generator) -> None:
    """Everything about `size` vectors."""
    before = megabytes()
    stored: Vectors = random.standard_normal((size, SPACE.dimension), np.float32)
    queries: Vectors = random.standard_normal((3, SPACE.dimension), np.float32)
    mapping = dict(enumerate(stored))
    some, seen = range(0, size, 20), range(0, size, 10)
    given = megabytes()
    vectors = EmbeddedVectors()
    start = time.perf_counter()
    await vectors.put(SPACE, mapping)
    took = time.perf_counter() - start
    print(
        f"{size:,} x {SPACE.dimension}: put in {took:.2f} s, {megabytes() - given:.0f} MB besides {given - before:.0f}"
    )
    await measure("1 query", lambda: vectors.search(SPACE, queries[:1], limit=LIMIT))
    await measure("3 queries", lambda: vectors.search(SPACE, queries, limit=LIMIT))
    four = partial(at_once, 4, lambda: vectors.search(SPACE, queries, limit=LIMIT))
    await measure("3 queries, 4 times at once, until the last", four)
    await measure("3 queries among 5 %", lambda: vectors.search(SPACE, queries, limit=LIMIT, among=some))
    await measure("3 queries without 10 %", lambda: vectors.search(SPACE, queries, limit=LIMIT, without=seen))
    await measure("put 1", lambda: vectors.put(SPACE, {7: queries[0]}))
    await vectors.close()


async def main() -> None:
    """Print all figures, for the nearest 50."""
    random = np.random.default_rng(20)
    for size in SIZES:
        await figures(size, random)


if __name__ == "__main__":
    asyncio.run(main())
