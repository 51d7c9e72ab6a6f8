"""`make drill`: break each part in turn under load, and say what was lost, doubled, and how long it took."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass

from tests.drill.checking import Verdict, compare, letters, unfinished
from tests.drill.faults import FAULTS, Fault
from tests.drill.visitors import ANSWERED, UNTYPED, Sample, Visitors
from tests.drill.world import World, standing
from tests.services.valkey import until

QUIET = 1.0
"""Seconds without trouble, after which it is over."""
RECOVERED_WITHIN = 30.0


@dataclass(frozen=True)
class Row:
    """What one fault did. `recovered` is in seconds from the moment at which the part was there again."""

    fault: Fault
    samples: list[Sample]
    verdict: Verdict
    recovered: float
    silence: float
    codes: list[int]

    @property
    def troubles(self) -> list[Sample]:
        """Questions that were not answered at the first try."""
        return [sample for sample in self.samples if sample.outcome != ANSWERED]

    @property
    def seen(self) -> str:
        """What clients saw."""
        kinds = Counter(f"{sample.outcome} {sample.detail}".strip() for sample in self.troubles)
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"

    @property
    def slowest(self) -> float:
        """Seconds that the slowest answer took."""
        return max((sample.seconds for sample in self.samples), default=0.0)


async def drilled(world: World, visitors: Visitors, fault: Fault) -> Row:
    """Do it, and wait until all is well by itself."""
    begun = time.monotonic()
    await fault.act(world)
    back = time.monotonic()
    await until(world.well, RECOVERED_WITHIN)
    well = time.monotonic()

    def quiet() -> bool:
        return time.monotonic() - max((last_trouble(visitors, begun), well)) > QUIET

    await until(quiet, RECOVERED_WITHIN)
    ticks = [tick for tick in visitors.ticks if tick > begun - 2]
    return Row(
        fault,
        [sample for sample in visitors.samples if sample.at + sample.seconds >= begun],
        await compare(world, visitors.ledger),
        max(well, last_trouble(visitors, begun)) - back,
        max((later - earlier for earlier, later in zip(ticks, ticks[1:], strict=False)), default=float("inf")),
        [code for at, code in visitors.closed if at > begun],
    )


def last_trouble(visitors: Visitors, begun: float) -> float:
    """When the last question since `begun` went unanswered."""
    ended = (s.at + s.seconds for s in visitors.samples if s.outcome != ANSWERED and s.at + s.seconds >= begun)
    return max(ended, default=begun)


async def main(only: str, *, long: bool) -> int:
    async with standing() as world:
        visitors = Visitors(world.url, world.nginx.tls.trust)
        rows = []
        async with visitors.coming():
            await asyncio.sleep(2)
            for fault in FAULTS:
                if only in f"{fault.part} {fault.what}" and (long or fault.brief):
                    row = await drilled(world, visitors, fault)
                    rows.append(row)
                    print(
                        f"{fault.part}: {fault.what}: {len(row.samples)} asked, {row.seen}, slowest {row.slowest:.1f}, silence {row.silence:.1f}, codes {row.codes}, "
                        f"lost {row.verdict.lost}, doubled {row.verdict.doubled}, recovered {row.recovered:.1f}",
                        flush=True,
                    )
        await until(lambda: no_more(world), 90)
        print(
            await compare(world, visitors.ledger),
            letters(world, visitors.ledger),
            visitors.told_used,
            len(visitors.ledger.usage[visitors.watched]),
        )
        return 0


async def no_more(world):
    return not await unfinished(world)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.only, long=given.long)))
