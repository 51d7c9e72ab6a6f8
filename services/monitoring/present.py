"""What a process knows of itself at the moment when it is asked, as Prometheus metrics."""

from __future__ import annotations

import asyncio
import platform
import sys
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from core.version import VERSION
from models.measuring import AnswerOutcome
from services.measuring import BUCKETS_MS, TIMED, UNMEASURED, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import Metric

    from services.app import App
    from services.measuring import Measuring

STATES = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
"""What the metric says of a breaker's state."""


class Present(Collector):
    """Registered with the registry of an app: nothing is set, all is looked at when it is told."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        app = self._app
        build = {"version": VERSION, "python": platform.python_version(), "executor": app.settings.graphql_executor}
        told = GaugeMetricFamily("porchlight_build_info", "Which version runs, and on what.", labels=list(build))
        told.add_metric(list(build.values()), 1)
        yield told
        yield from self._ports()
        yield from self._pools()
        yield from self._waiting()
        yield from answers(app.measuring)

    def _ports(self) -> Iterable[Metric]:
        """What is left of the world outside."""
        app = self._app
        ports = {
            "limits": app.limits.degraded,
            "bus": app.bus.degraded,
            "breaches": app.breaches.degraded,
            "payments": app.payments.degraded,
            "embeddings": not app.spaces.able,
            "vectors": app.vectors.degraded,
        }
        yield _by(
            "porchlight_degraded",
            "1 while a port serves with less than it should.",
            "port",
            {port: float(bool(degraded)) for port, degraded in ports.items()},
        )
        vendors = {name: float(bool(ports[name])) for name in ("payments", "breaches", "vectors")}
        if app.ports.openai:
            vendors["openai"] = STATES[app.ports.openai.breaker.state]
        yield _by(
            "porchlight_breaker",
            "Whether a vendor has failed and not answered since: 0 no, 1 yes, 0.5 where the next call tries again.",
            "vendor",
            vendors,
        )
        yield CounterMetricFamily(
            "porchlight_bus_dropped", "Messages of the bus that are known to be lost.", value=app.bus.dropped
        )

    def _pools(self) -> Iterable[Metric]:
        """What is bounded, how much of it is used, and who waits."""
        app = self._app
        database, threads, hashes = app.database.pool, app.settings.argon2_pool, app.passwords.pending
        pools = {
            "database": (database.limit, database.used, database.waiting),
            "passwords": (threads, min(hashes, threads), max(0, hashes - threads)),
        }
        for place, (name, text) in enumerate(
            (
                ("limit", "What a bounded resource has at most."),
                ("used", "How much of it is in use."),
                ("waiting", "How many wait for it."),
            )
        ):
            yield _by(
                f"porchlight_pool_{name}", text, "pool", {pool: figures[place] for pool, figures in pools.items()}
            )

    def _waiting(self) -> Iterable[Metric]:
        """What is held in memory, and for whom."""
        app, viewers = self._app, self._app.viewers
        yield GaugeMetricFamily("porchlight_countdowns", "Open trial countdowns.", value=app.countdown.subscribers)
        yield GaugeMetricFamily(
            "porchlight_tasks", "What runs or waits in the server's loop.", value=len(asyncio.all_tasks())
        )
        yield GaugeMetricFamily(
            "porchlight_memory_blocks",
            "Pieces of memory that Python's objects take. The process may hold on to more for later ones.",
            value=sys.getallocatedblocks(),
        )
        yield GaugeMetricFamily(
            "porchlight_openings_waiting",
            "Who waits in line to sign in on a socket or to open a subscription.",
            value=app.openings.waiting,
        )
        yield GaugeMetricFamily("porchlight_draining", "1 while the process ends.", value=float(app.draining))
        yield GaugeMetricFamily(
            "porchlight_items_age_seconds",
            "How long ago this process last knew all changes of the catalogue and its vectors.",
            value=app.items.age,
        )
        looked = CounterMetricFamily(
            "porchlight_viewers",
            "How who asks was found: kept, or read from the database.",
            labels=["found"],
        )
        looked.add_metric(["kept"], viewers.hits)
        looked.add_metric(["read"], viewers.reads)
        yield looked


def answers(measuring: Measuring) -> Iterable[Metric]:
    """What was answered since the process began, as docs/measuring.md counts it: figures of the objectives."""
    counted = CounterMetricFamily(
        "porchlight_answers",
        "Answers by way in and outcome: OK, INTERNAL, UNAVAILABLE, FAILED.",
        labels=["transport", "outcome"],
    )
    timed = HistogramMetricFamily(
        "porchlight_answer_seconds", "Time from a request's head to its answer's first byte.", labels=["transport"]
    )
    for transport in Transport:
        within = dict.fromkeys(BUCKETS_MS, 0)
        for outcome in AnswerOutcome:
            totals: Mapping[int, int] = measuring.totals.get((transport, outcome), {})
            counted.add_metric([transport, outcome], sum(totals.values()))
            for bound in BUCKETS_MS if outcome in TIMED else ():
                within[bound] += totals.get(bound, 0)
        if transport is not Transport.WEBSOCKET:
            timed.add_metric([transport], _cumulated(within), measuring.seconds[transport])
    yield counted
    yield timed


def _cumulated(within: Mapping[int, int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus has them, each with those below it. The last one has no end."""
    total, buckets = 0, []
    for bound, count in within.items():
        assert bound != UNMEASURED
        total += count
        buckets.append(("+Inf" if bound == BUCKETS_MS[-1] else str(bound / 1000), float(total)))
    return buckets


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge with one label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family
