"""Prometheus metrics of one application: its own registry, so that two in one process do not share counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What is counted. Labels are closed sets; nothing that a client chooses becomes one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ended: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
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
        self.countdowns = Gauge("porchlight_countdowns", "Open trial countdowns.", registry=self.registry)
        self.tasks = Gauge("porchlight_tasks", "What runs or waits in the server's loop.", registry=self.registry)
        self.blocks = Gauge(
            "porchlight_memory_blocks",
            "Pieces of memory that Python's objects take. The process may hold on to more for later ones.",
            registry=self.registry,
        )
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
        self._measure_work()
        self._count_models()
        self.degraded = Gauge(
            "porchlight_degraded",
            "1 while a port serves with less than it should.",
            ["port"],
            registry=self.registry,
        )

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

    def _count_mail_and_billing(self) -> None:
        self.mail = self._counter("porchlight_mail_total", "Letters by kind and how they ended.", "letter", "outcome")
        self.mail_reports = self._counter(
            "porchlight_mail_reports_total",
            "Reports of mail servers and mailbox providers, by outcome: bounced, complained, noted, repeated, unknown, "
            "unreadable, refused.",
            "outcome",
        )
        self.webhooks = self._counter(
            "porchlight_webhooks_total",
            "Webhooks by outcome: received, repeated, parked, refused.",
            "outcome",
        )
        self.drift = self._counter(
            "porchlight_billing_drift_total",
            "What reconciliation has mended: event, missing, status, plan_key, cancel_at_period_end, period_end, "
            "vanished, vanished_refused, unreadable, stuck.",
            "what",
        )
        self.given_up = self._counter(
            "porchlight_billing_given_up_total",
            "What the provider was asked for in vain for 30 days, by kind of job: somebody has to look.",
            "kind",
        )

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
        self.items_age = Gauge(
            "porchlight_items_age_seconds",
            "How long ago this process last knew all changes of the catalogue and its vectors.",
            registry=self.registry,
        )
        self.oldest_job = Gauge(
            "porchlight_oldest_job_seconds", "How long the longest-waiting due job has waited.", registry=self.registry
        )
        self.schedule_age = Gauge(
            "porchlight_schedule_last_success_age_seconds",
            "How long ago recurring work was last done, by kind.",
            ["kind"],
            registry=self.registry,
        )

    def _count_models(self) -> None:
        self.breaker = Gauge(
            "porchlight_breaker",
            "Whether a vendor is left alone because it keeps failing: 0 no, 1 yes, 0.5 while one call tries again.",
            ["vendor"],
            registry=self.registry,
        )
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
