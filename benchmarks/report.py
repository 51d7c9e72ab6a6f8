"""The figures as people read them: on the terminal, and in docs/performance.md."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from benchmarks.figures import P50, P99, Countdown, Figures, Latency, percentile
from benchmarks.node import ROOT

PAPER = ROOT / "docs" / "performance.md"
TEMPLATE = Path(__file__).resolve().parent / "performance.md.template"
HEADINGS = ("", "p50 ms", "p95 ms", "p99 ms", "answers/s", "answers", "errors", "SQL", "CPU ms", "generator")
Cells = Sequence[str]


def tables(figures: Figures) -> str:
    """Everything about one profile, in Markdown."""
    ratios = [(name, f"{rate:.2f}", _number(cost)) for name, rate, cost in figures.ratios]
    goals = [(goal, found, "met" if met else "**missed**") for goal, found, met in figures.goals]
    return "\n\n".join(
        [
            table(HEADINGS, [_cells(row) for row in figures.rows]),
            table(("Porchlight to written by hand", "answers/s", "CPU"), ratios),
            table(("countdowns", str(figures.countdown.subscribers)), _countdown(figures.countdown)),
            table(HEADINGS, [_cells(row) for row in figures.steady]),
            table(("goal of the mixed load", "measured", ""), goals),
        ]
    )


@dataclass(frozen=True)
class Run:
    """When it ran, for how many seconds, and the machine's load before and after."""

    date: str
    before: str
    after: str
    seconds: float


def paper(all_figures: Iterable[Figures], sections: Mapping[str, str], run: Run) -> str:
    """docs/performance.md."""
    profiles = {figures.profile: tables(figures) for figures in all_figures}
    about = {"machine": machine(), "date": run.date, "before": run.before, "after": run.after}
    minutes = f"{run.seconds / 60:.0f}"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(profiles, **sections, **about, minutes=minutes)


def table(headings: Cells, rows: Iterable[Cells]) -> str:
    """A Markdown table whose columns are straight: the first to the left, figures to the right."""
    rows = [list(row) for row in rows]
    widths = [max(3, *(len(row[column]) for row in [headings, *rows])) for column in range(len(headings))]

    def line(cells: Cells) -> str:
        first, *others = (cell.ljust(width) if not place else cell.rjust(width)
                          for place, (cell, width) in enumerate(zip(cells, widths, strict=True)))  # fmt: skip
        return f"| {' | '.join([first, *others])} |"

    rule = "|".join(f"{'-' * (width + 1)}{':' if place else '-'}" for place, width in enumerate(widths))
    return "\n".join([line(headings), f"|{rule}|", *(line(row) for row in rows)])


def machine() -> str:
    """What it ran on: the processor's name, its cores, Python's version."""
    version = f"Python {platform.python_version()} on {platform.system()}"
    return f"{_processor()}, {os.cpu_count()} cores, {version}"


def system_load() -> str:
    """Processes that wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cells(row: Latency) -> list[str]:
    queries = "" if row.queries is None else str(row.queries)
    times = [f"{time:.1f}" for time in (row.p50, row.p95, row.p99)]
    counts = [f"{row.rate:.1f}", f"{row.count:,}", str(row.errors), queries]
    return [row.name, *times, *counts, _number(row.cost), f"{row.generator:.0%}"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _countdown(found: Countdown) -> list[list[str]]:
    return [
        ["ticks/s (one a second is due to each)", f"{found.rate:,.0f}"],
        ["lag behind the full second, p50 ms", f"{percentile(found.lags, P50):.1f}"],
        ["lag behind the full second, p99 ms", f"{percentile(found.lags, P99):.1f}"],
        ["the server's CPU, of one core", "unknown" if found.cpu is None else f"{found.cpu:.0%}"],
        ["the server's memory, MB", "unknown" if found.memory is None else f"{found.memory / 1e6:.0f}"],
        ["opening all of them, s", f"{found.opening:.1f}"],
        ["SQL statements to open one, and for each tick", f"{found.queries}, {found.queries_per_tick}"],
    ]
