"""State machines of hypothesis over two applications that share a database and a clock."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count
from typing import ClassVar

from hypothesis import HealthCheck, Phase
from hypothesis import settings as effort
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from core.settings import Settings
from services.app import App, opened
from tests.clock import ManualClock
from tests.porchlight import prepared


class OverTwo(RuleBasedStateMachine):
    """A machine whose steps run in `runner`, on either of the `apps`; `numbers` never repeat."""

    runner: ClassVar[asyncio.Runner]
    apps: ClassVar[list[App]]
    clock: ClassVar[ManualClock]
    numbers: ClassVar[Iterator[int]]


def run(machine: type[OverTwo], settings: Settings, *, examples: int, steps: int) -> None:
    """Run `examples` walks of at most `steps` steps, the same ones each time."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        machine.runner, machine.clock, machine.numbers = runner, ManualClock(), count(1)
        machine.apps = [prepared(settings, machine.clock) for _ in range(2)]
        try:
            for app in machine.apps:
                runner.run(stack.enter_async_context(opened(app)))
            run_state_machine_as_test(
                machine,
                settings=effort(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=[Phase.generate],  # shrinking would take minutes
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
