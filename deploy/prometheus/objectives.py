"""The service level objectives, and the rules that Prometheus makes of them: `python -m deploy.prometheus.objectives`.

Two windows must agree that the budget of errors burns: the long one says that it matters, the short one that it still
goes on. The factors are those of the SRE Workbook, chapter 5: 14.4 uses up 2 % of a month's budget in an hour, 6 uses
up 5 % in six hours; 3 is 10 % in a day, and 1 is all of it by the end of the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "slo.yml"
HEAD = "# Written by `make monitoring` from objectives.py, which says what is meant. Do not change it by hand.\n"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
FEWEST = 10
"""Bad answers within the long window, below which nobody is called: with few requests, one is a high share."""
REQUESTS = 'transport=~"http|rest"'
SOCKETS = 'transport=~"ws|sse"'
"""As the figures have them (services/analytics/figures/answers.py)."""


@dataclass(frozen=True)
class Objective:
    """What share of answers may be bad. `bad`, without those of `but`, and `all` are counters, summed over a window."""

    key: str
    budget: float
    title: str
    bad: str
    all: str
    runbook: str
    but: str = ""

    @property
    def camel(self) -> str:
        """The key as alerts are named."""
        return self.key.capitalize()

    def ratio(self, window: str) -> str:
        """The name of the recorded share of bad answers."""
        return f"porchlight:{self.key}_bad:ratio_rate{window}"

    def bad_within(self, function: str, window: str) -> str:
        """The rate or the increase of bad answers, as Prometheus computes it."""
        counted = f"sum({function}({self.bad}[{window}]))"
        return f"({counted} - sum({function}({self.but}[{window}])))" if self.but else counted

    def count(self, window: str) -> str:
        """The name of the recorded number of bad answers."""
        return f"porchlight:{self.key}_bad:increase{window}"


def _answers(outcomes: str, among: str) -> str:
    return f'porchlight_answers_total{{{among},outcome=~"{outcomes}"}}'


OBJECTIVES = (
    Objective(
        key="availability",
        budget=0.0001,
        title="99.99 % of requests are answered: neither a 5xx nor UNAVAILABLE",
        bad=_answers("UNAVAILABLE|FAILED", REQUESTS),
        all=f"porchlight_answers_total{{{REQUESTS}}}",
        runbook="availability",
    ),
    Objective(
        key="errors",
        budget=0.001,
        title="Fewer than 0.1 % of answers have a fault of ours",
        bad=_answers("INTERNAL|UNAVAILABLE|FAILED", REQUESTS),
        all=f"porchlight_answers_total{{{REQUESTS}}}",
        runbook="errors",
    ),
    Objective(
        key="latency",
        budget=0.05,
        title="95 % of answers come within 500 ms",
        bad=f"porchlight_answer_seconds_count{{{REQUESTS}}}",
        but=f'porchlight_answer_seconds_bucket{{{REQUESTS},le="0.5"}}',
        all=f"porchlight_answer_seconds_count{{{REQUESTS}}}",
        runbook="latency",
    ),
    Objective(
        key="sockets",
        budget=0.001,
        title="99.9 % of openings and operations over sockets and event streams are answered",
        bad=_answers("UNAVAILABLE|FAILED", SOCKETS),
        all=f"porchlight_answers_total{{{SOCKETS}}}",
        runbook="sockets",
    ),
)


def rules() -> dict[str, Any]:
    """All rules of all objectives, as Prometheus has them in its files."""
    return {
        "groups": [
            {"name": f"objective-{each.key}", "rules": [*_recorded(each), *_alerts(each)]} for each in OBJECTIVES
        ]
    }


def _recorded(objective: Objective) -> list[dict[str, Any]]:
    ratios = [
        {
            "record": objective.ratio(window),
            "expr": f"{objective.bad_within('rate', window)} / sum(rate({objective.all}[{window}]))",
        }
        for window in WINDOWS
    ]
    counts = [
        {"record": objective.count(window), "expr": objective.bad_within("increase", window)}
        for window in ("1h", "6h", "1d", "3d")
    ]
    return ratios + counts


def _alerts(objective: Objective) -> list[dict[str, Any]]:
    return [
        _alert(objective, "Fast", FAST, severity="page", lasts="2m"),
        _alert(objective, "Slowly", SLOW, severity="ticket", lasts="15m"),
    ]


def _alert(
    objective: Objective, speed: str, pairs: tuple[tuple[str, str, float], ...], *, severity: str, lasts: str
) -> dict[str, Any]:
    burning = " or ".join(
        f"({objective.ratio(long)} > {factor * objective.budget:.6g}"
        f" and {objective.ratio(short)} > {factor * objective.budget:.6g}"
        f" and {objective.count(long)} >= {FEWEST})"
        for long, short, factor in pairs
    )
    return {
        "alert": f"{objective.camel}Burns{speed}",
        "expr": burning,
        "for": lasts,
        "labels": {"severity": severity, "objective": objective.key},
        "annotations": {
            "summary": f'The budget of "{objective.title}" burns {"fast" if speed == "Fast" else "slowly"}',
            "description": "{{ $value | humanizePercentage }} of answers over the long window are bad.",
            "runbook_url": f"docs/runbooks/{objective.runbook}.md",
        },
    }


def text() -> str:
    """The file."""
    return HEAD + yaml.safe_dump(rules(), sort_keys=False, width=120)


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
