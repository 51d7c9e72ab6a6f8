"""`make drill`: break each part in turn under load, and say what was lost, doubled, and how long it took."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any

from tests.drill import report
from tests.drill.checking import compare, letters, settled, unfinished
from tests.drill.faults import FAULTS, Fault
from tests.drill.report import Outcome, Row
from tests.drill.visitors import ANSWERED, Visitors
from tests.drill.world import World, standing
from tests.program import Program
from tests.services.valkey import until

QUIET = 1.0
"""Seconds without trouble, after which it is over."""
WITHIN = 90.0
"""Seconds for which the drill waits before it gives up."""
LEASES = 90.0
"""Seconds within which all jobs are done: the lease of a dead worker, and more."""


async def drilled(world: World, visitors: Visitors, fault: Fault) -> Row:
    """Do it, and wait until all is well by itself."""
    begun = time.monotonic()
    bounds = await fault.act(world, visitors)
    back = time.monotonic()
    await until(world.well, WITHIN)
    await until(lambda: fault.healed(world), WITHIN)
    well = time.monotonic()
    await until(lambda: visitors.ticks[-1:] > [well], WITHIN)

    def last_trouble() -> float:
        ended = (each.at + each.seconds for each in visitors.samples if each.outcome != ANSWERED)
        return max((moment for moment in ended if moment >= begun), default=begun)

    await until(lambda: time.monotonic() - max(last_trouble(), well) > QUIET, WITHIN)
    return Row(
        fault=fault,
        samples=[each for each in visitors.samples if each.at + each.seconds >= begun],
        verdict=await compare(world, visitors.ledger),
        recovered=max(well, last_trouble()) - back,
        ticks=[begun, *(tick for tick in visitors.ticks if tick > begun), time.monotonic()],
        codes=[code for at, code in visitors.closed if at > begun],
        bounds=bounds,
    )


async def drill(faults: list[Fault]) -> Outcome:
    """These, one after the other."""
    begun = time.monotonic()
    async with standing() as world:
        visitors = Visitors(world.url, world.nginx.tls.trust)
        rows = []
        async with visitors.coming():
            await asyncio.sleep(2)
            for fault in faults:
                rows.append(await drilled(world, visitors, fault))
                print(report.line(rows[-1]), flush=True)  # ruff: ignore[print] -- a program
            async with asyncio.timeout(10):
                while visitors.told_used != visitors.used():  # ruff: ignore[async-busy-wait] -- visitors go on
                    await asyncio.sleep(0.02)

        async def done() -> bool:
            return not await unfinished(world, visitors.ledger)

        await until(done, LEASES)
        verdict = await settled(world, visitors.ledger)
        audit = Program(world.folder, ("-m", "worker.audit"), world.worker.environment)
        assert await audit.ended() == 0, audit.err
        return Outcome(
            rows, verdict, letters(world, visitors.ledger), visitors.samples, audit.out, time.monotonic() - begun
        )


async def until_told(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Do it, and take the world down in order where SIGTERM ends it."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def main() -> int:
    """The exit status: 0 where everything held."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--long", action="store_true", help="the faults too that CI has no time for")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    given = parser.parse_args()
    wanted = [each for each in FAULTS if given.only in f"{each.part} {each.what}" and (given.long or each.brief)]
    if not wanted:
        parser.error("No fault has that in its name; --long drills more of them.")
    outcome = asyncio.run(until_told(drill(wanted)))
    print("\n".join(report.summary(outcome)))  # ruff: ignore[print] -- a program
    if given.write:
        report.write(outcome)
    return 1 if report.wrong(outcome) else 0


if __name__ == "__main__":
    sys.exit(main())
