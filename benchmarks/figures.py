"""Figures out of samples."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil

from benchmarks.generator import Sample

P50, P95, P99 = 0.50, 0.95, 0.99
P50_GOAL, P95_GOAL, ERRORS_GOAL = 200.0, 500.0, 0.001
"""What the mixed load must meet: milliseconds, and errors of all requests."""


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed (nearest rank); NaN of none."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else float("nan")


@dataclass(frozen=True)
class Latency:
    """One line of a table. Times are in milliseconds."""

    name: str
    p50: float
    p95: float
    p99: float
    rate: float
    """Answers a second."""
    count: int
    errors: int
    queries: int | None
    cost: float | None
    """Milliseconds of the server's processor for each answer."""
    generator: float
    """Of one core, that the load generator took."""


def latency(name: str, sample: Sample, *, queries: int | None = None, kind: str | None = None) -> Latency:
    """The line of a sample, or of one kind in it."""
    taken = [value for key, values in sample.milliseconds.items() if kind in {None, key} for value in values]
    errors = sample.errors if kind is None else sample.by_kind.get(kind, 0)
    p50, p95, p99 = (percentile(taken, share) for share in (P50, P95, P99))
    rate = len(taken) / sample.seconds
    cost = sample.server * 1000 / len(taken) if sample.server is not None and kind is None and taken else None
    return Latency(name, p50, p95, p99, rate, len(taken), errors, queries, cost, sample.cpu)


@dataclass(frozen=True)
class Countdown:
    """Many countdowns at once. `lags` are milliseconds, `opening` and `seconds` seconds, `memory` bytes."""

    subscribers: int
    seconds: int
    lags: list[float]
    opening: float
    cpu: float | None
    memory: int | None
    queries: int
    queries_per_tick: int

    @property
    def rate(self) -> float:
        """Ticks a second that arrived."""
        return len(self.lags) / self.seconds


@dataclass(frozen=True)
class Figures:
    """All of one profile."""

    profile: str
    rows: list[Latency]
    countdown: Countdown
    mixed: Sample
    planned: int
    """Requests that the mixed load was to send."""

    @property
    def ratios(self) -> list[tuple[str, float, float | None]]:
        """Of each feed's line and the one below it: answers a second, ours to those by hand, and processor time."""
        pairs = zip(self.rows[0:4:2], self.rows[1:4:2], strict=True)
        return [
            (ours.name, ours.rate / by_hand.rate, ours.cost / by_hand.cost if ours.cost and by_hand.cost else None)
            for ours, by_hand in pairs
        ]

    @cached_property
    def steady(self) -> list[Latency]:
        """The mixed load, as a whole and by kind."""
        kinds = [latency(f"of these: {kind}", self.mixed, kind=kind) for kind in self.mixed.milliseconds]
        return [latency("mixed load", self.mixed), *sorted(kinds, key=lambda row: -row.count)]

    @property
    def goals(self) -> list[tuple[str, str, bool]]:
        """Each goal of the mixed load, what was measured, and whether that meets it. What was not sent has failed."""
        whole = self.steady[0]
        unanswered = max(0, self.planned - whole.count)
        failed = (whole.errors + unanswered) / max(self.planned, whole.count)
        return [
            (f"p50 < {P50_GOAL:.0f} ms", f"{whole.p50:.1f} ms", whole.p50 < P50_GOAL),
            (f"p95 < {P95_GOAL:.0f} ms", f"{whole.p95:.1f} ms", whole.p95 < P95_GOAL),
            (f"errors < {ERRORS_GOAL:.1%}", f"{failed:.2%}", failed < ERRORS_GOAL),
        ]
