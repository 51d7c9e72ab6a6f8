"""One execution under observation: what it answered, what it called and when, and what it left behind."""

from __future__ import annotations

import asyncio
import gc
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo
from graphql.pyutils import Path

from tests.engine.loops import HangsError, VirtualLoop

MASK = (1 << 64) - 1


class Dice:
    """Decisions that follow from a number: the same number, the same decisions, whatever else is executed."""

    __slots__ = ("state",)

    def __init__(self, number: int) -> None:
        self.state = (number * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & MASK
        self.roll(2)

    def roll(self, sides: int) -> int:
        """A number from 0 to `sides` - 1."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return ((self.state >> 33) * sides) >> 31

    def chance(self, per_mille: int) -> bool:
        """True so many times in a thousand."""
        return self.roll(1000) < per_mille

    def number(self) -> int:
        """A number to make other dice of."""
        return self.roll(1 << 30)


class Batches:
    """Loads what is asked for in one turn of the loop together, as a DataLoader."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, asyncio.Future[Any], Callable[[], Any]]] = []

    def load(self, run: Run, key: Any, make: Callable[[], Any]) -> asyncio.Future[Any]:
        """What stands under a key, with all others that are asked for until the turn after next."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self.waiting:
            run.loop.call_soon(run.loop.call_soon, self._dispatch, run)
        self.waiting.append((key, future, make))
        return future

    def _dispatch(self, run: Run) -> None:
        waiting, self.waiting = self.waiting, []
        run.note("batch", [key for key, _, _ in waiting])
        for _, future, make in waiting:
            if future.done():
                continue
            try:
                future.set_result(make())
            except StopIteration as error:
                future.set_exception(RuntimeError(f"Stopped: {error}"))
            except Exception as error:  # ruff: ignore[blind-except] -- whatever is raised is the answer
                future.set_exception(error)


class World(Protocol):
    """A schema whose resolvers write down what they do."""

    run: Run


@dataclass
class Run:
    """What one execution does: decisions come from `seed`, things go wrong `chaos` times in a thousand."""

    seed: int
    chaos: int
    loop: VirtualLoop
    trace: list[Any] = field(default_factory=list)
    batches: Batches = field(default_factory=Batches)
    latest: Any = None
    """The source that was made last, and which code of anybody's may change."""
    owners: dict[Any, Any] = field(default_factory=dict)
    """Which source holds a value that tells it from others."""
    again: GraphQLError = field(default_factory=lambda: GraphQLError("Raised more than once", path=["again"]))

    def note(self, *what: Any) -> None:
        """Write down what happens, with the turn of the loop."""
        self.trace.append((self.loop.ticks, *what))

    def dice(self, number: int) -> Dice:
        """Decisions of this run about what a number stands for."""
        return Dice(number ^ self.seed)


@dataclass(frozen=True)
class Circumstances:
    """How an execution goes: its decisions, and whether it is cancelled, or called where no loop runs."""

    seed: int
    chaos: int
    cancelled_after: float | None = None
    without_loop: bool = False


@dataclass
class Outcome:
    """All that can be told of an execution from outside."""

    waited: bool = False
    data: str = ""
    errors: list[tuple[Any, ...]] = field(default_factory=list)
    raised: str = ""
    trace: list[Any] = field(default_factory=list)
    tasks: int = 0
    left: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    extensions: str = ""


ADDRESS = re.compile(r" at 0x[0-9a-f]+|(?<=Task-)\d+")


def shown(value: object) -> str:
    """A value in words, without its place in memory."""
    text = repr(value)
    return ADDRESS.sub("", text) if " at 0x" in text or "Task-" in text else text


def told(error: GraphQLError) -> tuple[Any, ...]:
    """All that an error says."""
    original = error.original_error
    return (
        error.message,
        error.path,
        [(place.line, place.column) for place in error.locations or ()],
        [id(node) for node in error.nodes or ()],
        shown(error.extensions),
        f"{type(original).__name__}: {ADDRESS.sub('', str(original))}",
        type(error).__name__,
        type(error.path).__name__,
        list(error.formatted),
    )


def digest(info: GraphQLResolveInfo[Any]) -> tuple[Any, ...]:
    """What a resolver can see in `info`, as far as it differs from call to call."""
    path, typenames = [], []
    step: Path | None = info.path
    while step is not None:
        path.append(step.key)
        typenames.append(step.typename)
        step = step.prev
    return (
        tuple(path),
        tuple(typenames),
        info.field_name,
        tuple(id(node) for node in info.field_nodes),
        str(info.return_type),
        info.parent_type.name,
    )


OURS = re.compile(r"(?!coroutine ')|coroutine '(Values|GeneratedWorld|Berry)")
"""Warnings that are compared: all but those about coroutines of the executors themselves."""

Execute = Callable[[], Any]
LOOP = VirtualLoop()


def observe(world: World, how: Circumstances, execute: Execute) -> Outcome:
    """Execute once, to the end of all that it began."""
    run = Run(how.seed, how.chaos, LOOP)
    world.run = run
    LOOP.begin()
    outcome = Outcome(trace=run.trace)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _settle(outcome, how, execute)
        except HangsError:
            outcome.raised = "hangs"
            LOOP.abandon()
        outcome.tasks, outcome.seconds, outcome.complaints = LOOP.tasks, LOOP.now, LOOP.complaints
        LOOP.clear()
        world.run = run = Run(how.seed, how.chaos, LOOP)
        while gc.collect() or caught:
            # A warning holds the coroutine that it is about, which may hold others.
            outcome.warnings += filter(OURS.match, [str(warning.message).split("\n")[0] for warning in caught])
            caught.clear()
    # What is let go of first is nobody's promise.
    outcome.warnings.sort()
    return outcome


def _settle(outcome: Outcome, how: Circumstances, execute: Execute) -> None:
    """Execute, wait, write down the answer or what was raised, and let the rest come to its end."""
    early: list[Any] = []

    async def answer() -> Any:
        result = early.pop() if early else execute()
        if hasattr(result, "__await__"):
            outcome.waited = True
            result = await result
        return result

    try:  # ruff: ignore[too-many-statements-in-try-clause] -- what is raised by any of it is written down
        if how.without_loop:
            early.append(execute())
        task = LOOP.create_task(answer())
        if how.cancelled_after is not None:
            timer = LOOP.call_later(how.cancelled_after, task.cancel)
            task.add_done_callback(lambda _task: timer.cancel())
        _write_down(outcome, LOOP.run_until_complete(task))
    except (Exception, asyncio.CancelledError) as error:  # ruff: ignore[blind-except] -- any, and both executors alike
        outcome.raised = f"{type(error).__name__}: {error}"
    outcome.left = LOOP.rest()


def _write_down(outcome: Outcome, result: ExecutionResult) -> None:
    outcome.data = f"{type(result.data).__name__} {shown(result.data)}"
    outcome.errors = [told(error) for error in result.errors or ()]
    outcome.extensions = f"{result.extensions!r} {type(result).__name__} {type(result.errors).__name__}"


PARTS = (
    "waited",
    "raised",
    "data",
    "errors",
    "extensions",
    "trace",
    "tasks",
    "left",
    "seconds",
    "complaints",
    "warnings",
)


def difference(expected: Outcome, got: Outcome) -> str:
    """The first thing that differs between two outcomes, in words; nothing if nothing does."""
    for part in PARTS:
        ours, theirs = getattr(got, part), getattr(expected, part)
        if ours == theirs:
            continue
        if isinstance(theirs, list):
            at = next((n for n, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), None)
            at = min(len(theirs), len(ours)) if at is None else at
            theirs, ours = f"[{at}] {theirs[at : at + 1]}", f"[{at}] {ours[at : at + 1]}"
        return f"{part}\n  expected {theirs}\n  got      {ours}"
    return ""
