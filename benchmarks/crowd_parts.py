"""What the wheel alone and GraphQL without sockets cost, in this process and on a clock that is moved by hand."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from models.sessions import Session
from models.trials import Trial
from resolvers.root import build_schema
from schema.context import Context
from services.access import Viewer
from services.app import App
from services.sessions import Client
from services.trials.countdown import Countdown
from tests.clock import ManualClock
from tests.services.valkey import until
from web.runtime import Operation, Runtime

QUERY = "subscription { trialCountdown(everySeconds: 30) { status secondsLeft serverTime version } }"
CADENCE = 30


async def parts(app: App) -> None:
    """Print what each part takes of a core at one tick in 30 s, of everybody who has a trial."""
    clock = ManualClock(app.clock.now())
    still = replace(app, clock=clock, countdown=Countdown(clock, app.database, app.bus))
    await still.countdown.open()
    try:
        with app.database.bound():
            trials = await Trial.all()
            sessions = await Session.all().select_related("user")
        await _print("the wheel alone", clock, [still.countdown.ticks(trial, CADENCE) for trial in trials])
        runtime = Runtime(still, build_schema(introspection=False))
        contexts = [Context(app=still, client=Client(), viewer=Viewer(each.user, each)) for each in sessions]
        with app.database.bound():
            streams = [runtime.stream(Operation(QUERY), each, transport="in-process") for each in contexts]
            await _print("GraphQL in this process, no sockets", clock, streams)
    finally:
        await still.countdown.close()


async def _print(title: str, clock: ManualClock, streams: Sequence[AsyncGenerator[Any, None]]) -> None:
    """Everybody comes within one round, as the clock goes; the round after that is measured."""
    seen = 0

    async def follow(stream: AsyncGenerator[Any, None]) -> None:
        nonlocal seen
        async for _ in stream:
            seen += 1

    def everybody_is_here() -> bool:
        return seen >= len(followers)

    followers: list[asyncio.Task[None]] = []
    for second in range(CADENCE):
        followers += [asyncio.create_task(follow(stream)) for stream in streams[second::CADENCE]]
        await until(everybody_is_here, within=60)
        await clock.run(1)
    before, began = seen, time.process_time()
    await clock.run(CADENCE)
    spent = time.process_time() - began
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    told = seen - before
    print(
        f"{title:36} {spent / CADENCE:6.1%} of a core, {told / CADENCE:5,.0f} ticks/s, {spent / told * 1e6:.0f} us each"
    )
