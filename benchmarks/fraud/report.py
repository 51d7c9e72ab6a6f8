"""Figures as Markdown, never without their conditions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fraud import baselines, figures
from benchmarks.fraud.events import Attempt, Result, Role, SignUp
from benchmarks.fraud.figures import Cohort, Point
from benchmarks.fraud.legitimate import ORDINARY, SHARES
from benchmarks.fraud.simulation import Run
from benchmarks.fraud.statistics import Share, precision
from benchmarks.fraud.world import Suite, judged, parts
from services import challenges

PAPER = Path(__file__).resolve().parents[2] / "docs" / "fraud.md"
BEGIN, END = "<!-- benchmarks.fraud: begin -->", "<!-- benchmarks.fraud: end -->"
PREVALENCES = (0.01, 0.05, 0.1)
RECALL, COMMODITY, FALSE, CHALLENGED, BLOCKED = 0.95, 0.99, 0.01, 0.02, 0.002
"""The goals: recall in all and of the commodity families, false positives in all, and what a cohort may meet."""


def seal(world: list[SignUp]) -> str:
    """A hash of everything that a world's people do, as far as it is settled beforehand."""
    told = hashlib.sha256()
    for event in world:
        what = event.what
        sent = (what.email, what.ip, what.card, what.seconds) if isinstance(what, Attempt) else ()
        told.update(repr((event.at, event.group, event.actor, event.role, sent)).encode())
    return told.hexdigest()[:16]


def percent(value: float) -> str:
    """With one decimal, with two below one per cent."""
    if math.isnan(value):
        return "none"
    return f"{value:.2%}" if 0 < value < 0.01 else f"{value:.1%}"  # ruff: ignore[magic-value-comparison] -- as said


def told(share: Share) -> str:
    """A share with its counts and its interval."""
    if not share.of:
        return "none"
    low, high = share.interval
    return f"{percent(share.value)} ({share.hits} of {share.of}; {percent(low)} to {percent(high)})"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, its columns straight."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def block(suite: Suite, world: list[SignUp], run: Run, seconds: float) -> str:
    """All of it."""
    results = run.results
    points = [figures.shipped(results)]
    if run.scored:
        points += [figures.at_limit(results, limit) for limit in figures.LIMITS]
    cohorts = figures.cohorts(results)
    return "\n\n".join(
        [
            conditions(suite, world, run, seconds),
            summary(suite, points[0], cohorts),
            challenged(results),
            "Recall of second and later trials, with exact 95 % intervals (Clopper and Pearson):",
            operating(points),
            "Precision, when so much of all sign-ups is fraud:",
            precisions(points),
            "By family. What one operator does is alike, so that a family's interval is narrower than it should be:",
            by_family(points, figures.operators(results)),
            "By cohort of honest people, as shipped:",
            by_cohort(cohorts),
            "Simple rules on the same stream:",
            operating(baselines.baselines(results)),
            "Controls: what each signal would find by itself, and what is left when labels are dealt anew:",
            controls(results, suite, scored=run.scored),
        ]
    )


def conditions(suite: Suite, world: list[SignUp], run: Run, seconds: float) -> str:
    """Under what the figures hold."""
    counts = judged(world)
    mix = ", ".join(f"{name} {units}" for name, units in parts(suite).items())
    rest = 1 - sum(SHARES.values())
    people = ", ".join(f"{name} {share:.1%}" for name, share in {**SHARES, ORDINARY: rest}.items())
    lacking = f"This server's schema lacks {', '.join(run.missing)}: nobody could say it. " if run.missing else ""
    return (
        f"**A simulation, not a field measurement.** Suite `{suite.name}`, seed {suite.seed}, world `{seal(world)}`,"
        " sent through the public API over a simulated year, in the order of time:"
        f" {counts[Role.OWED]} honest sign-ups, {counts[Role.LATER]} second or later ones of operators. An operator's"
        f" first sign-up ({counts[Role.FIRST]}) could not be told by anybody and is left out, as are"
        f" {counts[Role.OPEN]} of people who came back for a trial that they have had. A hit is a later sign-up that"
        " is not granted in full, whatever became of the first; a false positive is an honest one that is not."
        f" {lacking}Everybody solves every challenge: {run.solved} proofs of work of {challenges.FEWEST} to"
        f" {challenges.MOST} tries in {run.solving:.0f} s of computing,"
        f" {run.codes} codes read from letters. It took {seconds:.0f} s.\n\nUnits: {mix}.\n\nHonest people: {people}."
    )


def summary(suite: Suite, point: Point, cohorts: list[Cohort]) -> str:
    """The goals, each met or missed, and the worst family."""
    worst = min(point.families, key=lambda family: point.families[family].value)
    lowest = min(
        (name for name in point.families if name in suite.commodity), key=lambda name: point.families[name].value
    )
    asked = max(cohorts, key=lambda cohort: cohort.challenged.value)
    shut = max(cohorts, key=lambda cohort: cohort.blocked.value)
    found = point.families[lowest].value
    rows = [
        _goal("recall in all, lower end of the interval", point.recall.interval[0], at_least=RECALL),
        _goal("false positives in all", point.false.value, at_most=FALSE),
        _goal(f"worst commodity family: {lowest}", found, at_least=COMMODITY),
        _goal(f"most challenged cohort: {asked.name}", asked.challenged.value, at_most=CHALLENGED),
        _goal(f"most blocked cohort: {shut.name}", shut.blocked.value, at_most=BLOCKED),
    ]
    made = table(("as shipped", "goal", "reached", ""), rows)
    return f"{made}\n\nThe worst family is **{worst}**: {told(point.families[worst])}."


def challenged(results: list[Result]) -> str:
    """How many had something to solve."""
    honest, later = (
        figures.share(some, lambda result: result.challenged)
        for some in (figures.honest(results), figures.units(results))
    )
    return f"Challenged were {told(honest)} of the honest sign-ups, and {told(later)} of the later ones of operators."


def _goal(name: str, value: float, *, at_least: float = 0.0, at_most: float = 1.0) -> tuple[str, ...]:
    goal = f"≥ {percent(at_least)}" if at_least else f"≤ {percent(at_most)}"
    return name, goal, percent(value), "met" if at_least <= value <= at_most else "**missed**"


def operating(points: list[Point]) -> str:
    """Recall and false positives of ways to decide."""
    rows = [(one.name, told(one.recall), percent(one.macro), told(one.false)) for one in points]
    return table(("decision", "recall", "average of families", "false positives"), rows)


def precisions(points: list[Point]) -> str:
    """Of what is caught, how much is fraud."""
    rows = [
        (one.name, *(percent(precision(one.recall.value, one.false.value, share)) for share in PREVALENCES))
        for one in points
    ]
    return table(("decision", *(f"{share:.0%} fraud" for share in PREVALENCES)), rows)


def by_family(points: list[Point], operators: dict[str, int]) -> str:
    """Recall of each family, as shipped with its interval, at other thresholds beside it."""
    names = ("family", "operators", "as shipped", *(one.name.partition(",")[0] for one in points[1:]))
    rows = [
        (family, str(operators[family]), told(share), *(percent(one.families[family].value) for one in points[1:]))
        for family, share in points[0].families.items()
    ]
    return table(names, rows)


def by_cohort(cohorts: list[Cohort]) -> str:
    """What honest people met."""
    rows = [(one.name, told(one.false), told(one.challenged), told(one.blocked)) for one in cohorts]
    return table(("cohort", "not granted in full", "challenged", "no trial at all"), rows)


def controls(results: list[Result], suite: Suite, *, scored: bool) -> str:
    """Signals by themselves and dealt labels."""
    single = list(baselines.single_signals(results))
    dealt, area = baselines.shuffled(results, suite.seed)
    easy = baselines.too_easy(single)
    limit = f"{baselines.TOO_EASY:.0%} at {baselines.FEW:.0%} false positives"
    verdict = f"No single signal passes {limit}." if not easy else f"**Too easy: {', '.join(easy)} passes {limit}.**"
    areas = (
        f" The score's area under the curve is {figures.area(results):.3f}, and {area:.3f} with dealt labels."
        if scored
        else ""
    )
    return f"{operating([*single, dealt])}\n\n{verdict}{areas}"


def write(made: str, command: str) -> None:
    """Put the block into the paper, in place of the last one. Raises FileNotFoundError without a paper."""
    text = PAPER.read_text(encoding="utf-8")
    fresh = f"{BEGIN}\n\n`{command}`\n\n{made}\n\n{END}"
    before, marked, rest = text.partition(BEGIN)
    after = rest.partition(END)[2] if marked else "\n"
    PAPER.write_text(f"{before.rstrip()}\n\n{fresh}{after}", encoding="utf-8")
