"""Running a world: each sign-up at its time, one after the other, against a server whose database begins empty."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.fraud.events import Result, SignUp, day_of
from benchmarks.fraud.inputs import form_of
from benchmarks.fraud.scores import scores
from benchmarks.fraud.sending import Sender
from benchmarks.fraud.site import running
from core.settings import Settings

EVERY = 2_000
"""Sign-ups between two words about how far it is."""


@dataclass(frozen=True)
class Run:
    """What came of a world."""

    results: list[Result]
    missing: list[str]
    """Inputs and outputs that this server's schema lacks."""
    solved: int
    solving: float
    """Seconds of work in proofs."""
    codes: int
    seconds: float
    scored: bool


async def simulate(settings: Settings, world: list[SignUp], tell: Callable[[str], None] = lambda _: None) -> Run:
    """Send everything, in order."""
    began = time.monotonic()
    async with running(settings) as site:
        sender = Sender(site, await form_of(site))
        results: list[Result] = []
        for number, event in enumerate(world, start=1):
            if not results or day_of(event.at) > day_of(results[-1].event.at):
                site.clock.at = event.at
                await site.work()
            attempt, outcome = await sender.send(event)
            results.append(Result(event, attempt, outcome))
            if number % EVERY == 0:
                tell(f"{number} of {len(world)}, {time.monotonic() - began:.0f} s")
        known = await scores()
    if known is not None:
        results = [replace(result, score=known.get(result.event.at)) for result in results]
    return Run(
        results=results,
        missing=sender.form.missing,
        solved=sender.work.solved,
        solving=sender.work.seconds,
        codes=sender.codes,
        seconds=time.monotonic() - began,
        scored=bool(known),
    )
