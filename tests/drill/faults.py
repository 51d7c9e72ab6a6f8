"""What is broken, and how: each fault is over when its function returns, and nobody lends a hand afterwards."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from tests.drill.bounds import Bounds, measured
from tests.drill.visitors import Visitors
from tests.drill.world import Member, World
from tests.services.valkey import until

AWAY = 3.0
"""Seconds for which a part is away, where nothing else says so."""
ITEMS = 264
"""In the catalogue that is shipped."""


@dataclass(frozen=True)
class Fault:
    """One fault. `silent` says that no client may notice it; `brief` that it is part of the drill in CI.

    `cuts` says that a client may be cut off without an answer: by nginx itself, which nobody stands before.
    """

    part: str
    what: str
    act: Callable[[World, Visitors], Awaitable[Bounds | None]]
    silent: bool = False
    brief: bool = True
    cuts: bool = False
    healed: Callable[[World], bool] = lambda _: True
    """What has to be so again besides what the servers say of themselves."""


async def server_killed(world: World, _: Visitors) -> None:
    """Its supervisor starts it again at once."""
    await world.servers[0].kill()
    world.servers[0].start()


async def server_stalled(world: World, _: Visitors) -> None:
    """Its port takes connections, and nothing is answered."""
    world.servers[1].signal(signal.SIGSTOP)
    await asyncio.sleep(AWAY)
    world.servers[1].signal(signal.SIGCONT)


async def worker_killed(world: World, _: Visitors) -> None:
    """While it hands over a letter. What it held comes back with the end of its lease."""
    reached, released = world.mail.book.hold("DATA")
    await reached.wait()
    await world.worker.kill()
    world.mail.book.before_answering.clear()
    released.set()
    world.worker.start()


async def worker_stalled(world: World, _: Visitors) -> None:
    """As on a machine that swaps."""
    world.worker.signal(signal.SIGSTOP)
    await asyncio.sleep(AWAY)
    world.worker.signal(signal.SIGCONT)


async def valkey_killed(world: World, visitors: Visitors) -> Bounds:
    """It comes back with nothing in it."""
    await world.valkey.kill()
    bounds = await measured(world, visitors, "Valkey")
    await world.valkey.start()
    return bounds


async def valkey_stalled(world: World, visitors: Visitors) -> Bounds:
    """Connections stand, and nothing is answered."""
    world.valkey.pause()
    bounds = await measured(world, visitors, "a stalled Valkey")
    world.valkey.resume()
    return bounds


async def postgres_killed(world: World, _: Visitors) -> None:
    """It recovers from its log."""
    await asyncio.to_thread(world.postgres.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(world.postgres.start)


async def postgres_restarted(world: World, _: Visitors) -> None:
    """As for a new minor version: connections are cut with a word."""
    await asyncio.to_thread(world.postgres.restart)


async def postgres_stalled(world: World, _: Visitors) -> None:
    """Connections stand, and nothing is answered."""
    world.postgres.pause()
    await asyncio.sleep(AWAY)
    world.postgres.resume()


async def vectors_lost(world: World, _: Visitors) -> None:
    """It comes back with nothing in it."""
    await world.weaviate.stop()
    await asyncio.sleep(AWAY * 2)
    world.weaviate.collections.clear()
    world.weaviate.objects.clear()
    await world.weaviate.start()


async def mail_away(world: World, _: Visitors) -> None:
    """Nobody takes letters."""
    await world.mail.stop()
    await asyncio.sleep(AWAY)
    await world.mail.start()


async def nginx_reloaded(world: World, _: Visitors) -> None:
    """As for a new certificate, three times."""
    for _again in range(3):
        world.nginx.reload()
        await asyncio.sleep(0.7)


async def everything_replaced(world: World, _: Visitors) -> None:
    """As for a new version: each process is asked to stop, and the next one follows when it is there again."""
    for member in world.members():
        member.signal(signal.SIGTERM)
        assert await member.ended() == 0, member.program.err[-2000:]
        member.start()
        await until(partial(there, world, member), 60)


async def there(world: World, member: Member) -> bool:
    """Whether a process does its work."""
    return await member.well() if member in world.servers else member.has_said("is on")


def full(world: World) -> bool:
    """Whether the vector store has every item again."""
    return max(map(len, world.weaviate.items()), default=0) == ITEMS


FAULTS = (
    Fault("server", "SIGKILL; started again at once", server_killed),
    Fault("server", f"SIGSTOP for {AWAY:g} s", server_stalled),
    Fault("worker", "SIGKILL amid a letter; started again at once", worker_killed, silent=True),
    Fault("worker", f"SIGSTOP for {AWAY:g} s", worker_stalled, silent=True, brief=False),
    Fault("Valkey", "SIGKILL; back empty once the bounds are measured", valkey_killed, silent=True),
    Fault("Valkey", "SIGSTOP while the bounds are measured", valkey_stalled, silent=True, brief=False),
    Fault("PostgreSQL", "SIGKILL of all its processes; back after 1 s", postgres_killed),
    Fault("PostgreSQL", "restarted as its operators do", postgres_restarted, brief=False),
    Fault("PostgreSQL", f"SIGSTOP of all its processes for {AWAY:g} s", postgres_stalled),
    Fault("vector store", f"away for {AWAY * 2:g} s; back empty", vectors_lost, silent=True, healed=full),
    Fault("mail server", f"away for {AWAY:g} s", mail_away, silent=True),
    Fault("nginx", "reloaded three times", nginx_reloaded, cuts=True),
    Fault("servers, worker", "SIGTERM; each replaced in turn", everything_replaced, silent=True),
)
