"""The page about trials: its table and its diagram are what the code does, found by walking every way."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import Refusal
from models import EndPolicy, Trial
from services.trials import TrialStatus, has_access, lifecycle, next_change, pausing, paying, trial_status
from services.trials.status import CONVERTING, ENDING, GRACE
from tests.clock import START

PAGE = (Path(__file__).parent.parent / "docs/trials.md").read_text(encoding="utf-8")
STEPS = 5
ACCESS = {"yes": {True}, "no": {False}, "until its end": {True, False}}
DEEDS: list[Callable[[Trial, datetime], dict[str, Any]]] = [
    pausing._paused,
    pausing._resumed,
    pausing._canceled,
    partial(lifecycle._extended, by=timedelta(days=1)),
    partial(lifecycle._extended, by=timedelta(days=30)),
    paying._converted,
    paying._billable,
    paying._failed,
]
State = tuple[tuple[tuple[str, Any], ...], datetime]


def began(policy: EndPolicy) -> State:
    """A trial on its first day."""
    facts = {"started_at": START, "ends_at": START + timedelta(days=14), "end_policy": policy, "pauses": 0}
    return tuple(sorted({**facts, "halted_microseconds": 0}.items())), START


def after(state: State) -> Iterator[State]:
    """What one deed, or time, makes of a trial."""
    facts, now = dict(state[0]), state[1]
    trial = Trial(**facts)
    for deed in DEEDS:
        try:
            yield tuple(sorted((facts | deed(trial, now)).items())), now
        except Refusal:
            continue
    moment = next_change(trial, now)
    if moment is not None:
        yield state[0], moment


def walked() -> tuple[set[tuple[TrialStatus, TrialStatus]], dict[TrialStatus, set[bool]]]:
    """All steps from one status to another that there are, and what access each status comes with."""
    states = {began(policy) for policy in EndPolicy}
    seen, steps, access = set(states), set(), {status: set[bool]() for status in TrialStatus}
    for _ in range(STEPS):
        following = set()
        for state in states:
            trial = Trial(**dict(state[0]))
            status = trial_status(trial, state[1])
            access[status].add(has_access(trial, state[1]))
            for other in after(state):
                steps.add((status, trial_status(Trial(**dict(other[0])), other[1])))
                following.add(other)
        states = following - seen
        seen |= states
    for state in states:
        trial = Trial(**dict(state[0]))
        access[trial_status(trial, state[1])].add(has_access(trial, state[1]))
    return {step for step in steps if step[0] is not step[1]}, access


def test_table_and_diagram_are_what_the_code_does() -> None:
    """Each status with its access and what may come next, nothing more and nothing less."""
    steps, access = walked()
    table = re.findall(r"^\| `([A-Z]+)` \| [^|]+ \| ([^|]+?) \| ([^|]+?) \|$", PAGE, re.MULTILINE)
    assert {status: ACCESS[said] for status, said, _ in table} == access
    told = {(status, other) for status, _, others in table for other in re.findall(r"`([A-Z]+)`", others)}
    assert told == steps
    drawn = set(re.findall(r"^    ([A-Z]+) --> ([A-Z]+)", PAGE, re.MULTILINE))
    assert drawn == steps


def test_figures_are_those_of_the_code() -> None:
    """Days and counts of the page."""
    assert (ENDING.days, CONVERTING.days, GRACE.days) == (3, 3, 3)
    for sentence in (
        f"at most {pausing.MOST_PAUSES} pauses",
        f"at most {pausing.LONGEST_PAUSE.days} days",
        f"for {CONVERTING.days} days at most",
        f"for {GRACE.days} days from the first failure",
        f"its last {ENDING.days} days",
    ):
        assert sentence in PAGE
