"""Prometheus metrics of one application: its own registry, so that two in one process do not share counts.

What is counted as it happens stands here. What is looked at when somebody asks is in `services/monitoring`.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]
"""A sixth of a scrape, which nothing looks at."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FIELD_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Fewer bounds: there is a series for each of them and each root field."""
JOB_SECONDS = (0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 30.0, 48.0)
"""Up to the worker's deadline."""
DRIFTS = (
    "event", "missing", "status", "plan_key", "cancel_at_period_end", "period_end", "vanished", "vanished_refused",
    "unreadable", "stuck",
)  # fmt: skip
ASKED_FOR_LONG = ("billing.forget_customer", "billing.leave", "billing.stay")
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What is counted. Labels are closed sets; nothing that a client chooses becomes one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._ended: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._resolved: dict[tuple[str, str], Histogram] = {}
        self.operations = self._counter(
            "porchlight_operations_total", "GraphQL operations by transport and outcome.", "transport", "outcome"
        )
        self.operation_seconds = Histogram(
            "porchlight_operation_seconds",
            "Time to answer a query or mutation.",
            ["transport"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.errors = self._counter("porchlight_errors_total", "Top-level errors by code.", "code")
        self.sockets = Gauge("porchlight_sockets", "Open WebSocket connections.", registry=self.registry)
        self.jobs = self._counter("porchlight_jobs_total", "Jobs by kind and outcome.", "kind", "outcome")
        self.fraud_decisions = self._counter(
            "porchlight_fraud_decisions_total", "Sign-ups that were checked, by decision.", "decision"
        )
        self.cards = self._counter(
            "porchlight_cards_total",
            "Cards asked for behind payment methods, by outcome: known, unknown, unavailable.",
            "outcome",
        )
        self._count_mail_and_billing()
        self._measure_fields()
        self._measure_work()
        self._count_models()

    def ended(self, transport: str, outcome: str, seconds: float | None) -> None:
        """Count an operation, and the time that it took where that says something. Labels are looked up once."""
        known = self._ended.get((transport, outcome))
        if known is None:
            known = self.operations.labels(transport, outcome), self.operation_seconds.labels(transport)
            self._ended[transport, outcome] = known
        counted, took = known
        counted.inc()
        if seconds is not None:
            took.observe(seconds)

    def resolved(self, root: str, field: str, seconds: float) -> None:
        """Measure a root field's resolver, with its guards. What its object's own fields cost is not in it."""
        known = self._resolved.get((root, field))
        if known is None:
            known = self._resolved[root, field] = self.field_seconds.labels(root, field)
        known.observe(seconds)

    def _measure_fields(self) -> None:
        self.field_seconds = Histogram(
            "porchlight_field_seconds",
            "Time of a root field's resolver and its guards: its service, without the fields of what it gives.",
            ["root", "field"],
            buckets=FIELD_SECONDS,
            registry=self.registry,
        )
        self.field_failures = self._counter(
            "porchlight_field_failures_total",
            "Calls of root fields that did not give what was asked for, by refusal or code.",
            "root",
            "field",
            "reason",
        )

    def _count_mail_and_billing(self) -> None:
        self.mail = self._counter("porchlight_mail_total", "Letters by kind and how they ended.", "letter", "outcome")
        self.mail_reports = self._counter(
            "porchlight_mail_reports_total",
            "Reports of mail servers and mailbox providers, by outcome: bounced, complained, noted, repeated, unknown, "
            "unreadable, refused.",
            "outcome",
        )
        self.mail_reports.labels("bounced")
        self.webhooks = self._counter(
            "porchlight_webhooks_total",
            "Webhooks by outcome: received, repeated, parked, refused.",
            "outcome",
        )
        self.webhooks.labels("refused")
        self.drift = self._counter(
            "porchlight_billing_drift_total", f"What reconciliation has mended: {', '.join(DRIFTS)}.", "what"
        )
        for what in DRIFTS:  # a counter that begins with its first event hides it from who looks for a rise
            self.drift.labels(what)
        self.given_up = self._counter(
            "porchlight_billing_given_up_total",
            "What the provider was asked for in vain for 30 days, by kind of job: somebody has to look.",
            "kind",
        )
        for kind in ASKED_FOR_LONG:
            self.given_up.labels(kind)

    def _measure_work(self) -> None:
        self.event_streams = Gauge("porchlight_event_streams", "Open event streams.", registry=self.registry)
        self.fallbacks = self._counter(
            "porchlight_graphql_fallbacks_total",
            "Operations that graphql-core executes although execution is compiled, by reason: engine/README.md.",
            "reason",
        )
        self.intents = self._counter(
            "porchlight_intents_total",
            "Utterances by the intent of the list, or unknown, and by who resolved them: local, openai.",
            "intent",
            "resolver",
        )
        self.job_seconds = Histogram(
            "porchlight_job_seconds",
            "Time that an attempt at a job took, by kind.",
            ["kind"],
            buckets=JOB_SECONDS,
            registry=self.registry,
        )
        self.loop_lag = Histogram(
            "porchlight_loop_lag_seconds",
            "How late the loop comes to what is due: the time that everybody waits for somebody's long step.",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge(
            "porchlight_streams",
            "Operations that run over sockets and event streams: subscriptions, above all.",
            registry=self.registry,
        )

    def _count_models(self) -> None:
        self.model_tokens = self._counter(
            "porchlight_model_tokens_total", "Tokens that vendors' models took for people, by priced model.", "model"
        )
        self.model_dollars = self._counter(
            "porchlight_model_dollars_total", "US dollars of these tokens by model-prices.yaml.", "model"
        )
        self.model_refusals = self._counter(
            "porchlight_model_refusals_total",
            "Questions that were not asked because a day's budget is used up, by whose: user, plan.",
            "scope",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
