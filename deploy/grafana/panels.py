"""What the dashboard shows: rows of panels, each with its questions to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

HERE = 'job=~"porchlight.*",instance=~"$instance"'
RATE = "$__rate_interval"
SECONDS, PER_SECOND, SHARE, BYTES, PLAIN, DOLLARS = "s", "reqps", "percentunit", "bytes", "short", "currencyUSD"


@dataclass(frozen=True)
class Shown:
    """One panel: `asked` are expressions by the legend of their series."""

    title: str
    text: str
    unit: str
    asked: dict[str, str]


def quantile(share: float, name: str, by: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{{{HERE}}}[{RATE}])))"


def rate(name: str, by: str, among: str = "") -> str:
    """The rate of a counter, summed over everybody but these labels."""
    return f"sum by ({by}) (rate({name}{{{HERE}{among}}}[{RATE}]))"


ROWS: dict[str, tuple[Shown, ...]] = {
    "Objectives": (
        Shown(
            "Not available, over three days",
            "Objective: 0.01 % at most. Requests that were 5xx or UNAVAILABLE.",
            SHARE,
            {"not answered": "porchlight:availability_bad:ratio_rate3d"},
        ),
        Shown(
            "Budgets burn",
            "1 uses up a budget in a month. 14.4 over an hour pages.",
            PLAIN,
            {
                "availability": "porchlight:availability_bad:ratio_rate1h / 0.0001",
                "errors": "porchlight:errors_bad:ratio_rate1h / 0.001",
                "latency": "porchlight:latency_bad:ratio_rate1h / 0.05",
                "sockets": "porchlight:sockets_bad:ratio_rate1h / 0.001",
            },
        ),
        Shown(
            "Time of answers",
            "Objective: p95 below 0.5 s.",
            SECONDS,
            {f"p{share * 100:g}": quantile(share, "porchlight_answer_seconds") for share in (0.5, 0.95, 0.99)},
        ),
        Shown(
            "Answers",
            "By way in and outcome.",
            PER_SECOND,
            {"{{transport}} {{outcome}}": rate("porchlight_answers_total", "transport, outcome")},
        ),
    ),
    "Operations": (
        Shown(
            "Root fields asked for",
            "The ten that are asked for most.",
            PER_SECOND,
            {"{{root}}.{{field}}": f"topk(10, {rate('porchlight_field_seconds_count', 'root, field')})"},
        ),
        Shown(
            "What root fields cost",
            "The ten that take most of the time, in seconds of resolving a second.",
            SECONDS,
            {"{{root}}.{{field}}": f"topk(10, {rate('porchlight_field_seconds_sum', 'root, field')})"},
        ),
        Shown(
            "Slow root fields",
            "The ten with the highest p95.",
            SECONDS,
            {"{{root}}.{{field}}": f"topk(10, {quantile(0.95, 'porchlight_field_seconds', 'root, field')})"},
        ),
        Shown(
            "Refusals and codes of root fields",
            "What was not given, and why.",
            PER_SECOND,
            {"{{field}} {{reason}}": f"topk(15, {rate('porchlight_field_failures_total', 'field, reason')})"},
        ),
        Shown("Errors by code", "Top-level errors.", PER_SECOND, {"{{code}}": rate("porchlight_errors_total", "code")}),
        Shown(
            "Executed by graphql-core",
            "Operations that are not compiled, by reason.",
            PER_SECOND,
            {"{{reason}}": rate("porchlight_graphql_fallbacks_total", "reason")},
        ),
        Shown(
            "Operations", "By transport and outcome.", PER_SECOND,
            {"{{transport}} {{outcome}}": rate("porchlight_operations_total", "transport, outcome")},
        ),
        Shown(
            "Time of operations", "p95 of queries and mutations, by transport.", SECONDS,
            {"{{transport}}": quantile(0.95, "porchlight_operation_seconds", "transport")},
        ),
    ),
    "Live": (
        Shown(
            "Sockets and subscribers",
            "Open now.",
            PLAIN,
            {
                "sockets": f"sum(porchlight_sockets{{{HERE}}})",
                "event streams": f"sum(porchlight_event_streams{{{HERE}}})",
                "operations over them": f"sum(porchlight_streams{{{HERE}}})",
                "countdowns": f"sum(porchlight_countdowns{{{HERE}}})",
                "waiting to open": f"sum(porchlight_openings_waiting{{{HERE}}})",
            },
        ),
        Shown(
            "Who asks, found without SQL",
            "The share of looks at sessions that memory answered.",
            SHARE,
            {
                "kept": f'sum(rate(porchlight_viewers_total{{{HERE},found="kept"}}[{RATE}]))'
                f" / sum(rate(porchlight_viewers_total{{{HERE}}}[{RATE}]))"
            },
        ),
    ),
    "Work": (
        Shown(
            "Jobs that wait",
            "Of all workers together.",
            PLAIN,
            {"{{state}}": "max by (state) (porchlight_jobs_waiting)"},
        ),
        Shown("Longest-waiting due job", "Pages above 300 s.", SECONDS, {"age": "max(porchlight_oldest_job_seconds)"}),
        Shown("Jobs that ended", "By outcome.", PER_SECOND, {"{{outcome}}": rate("porchlight_jobs_total", "outcome")}),
        Shown(
            "Time of jobs",
            "p95 by kind.",
            SECONDS,
            {"{{kind}}": f"topk(10, {quantile(0.95, 'porchlight_job_seconds', 'kind')})"},
        ),
        Shown(
            "Recurring work, last done",
            "In lengths of its own slot.",
            PLAIN,
            {
                "{{kind}}": "topk(10, max by (kind) (porchlight_schedule_last_success_age_seconds)"
                " / max by (kind) (porchlight_schedule_every_seconds))"
            },
        ),
        Shown("Letters", "By how they ended.", PER_SECOND, {"{{outcome}}": rate("porchlight_mail_total", "outcome")}),
        Shown(
            "Reports of letters", "What mail servers and mailbox providers tell.", PER_SECOND,
            {"{{outcome}}": rate("porchlight_mail_reports_total", "outcome")},
        ),
    ),
    "Billing and models": (
        Shown("Inbox", "Events that are not done.", PLAIN, {"{{state}}": "max by (state) (porchlight_inbox_events)"}),
        Shown("Age of the inbox", "Pages above 900 s.", SECONDS, {"age": "max(porchlight_inbox_age_seconds)"}),
        Shown("Webhooks", "By outcome.", PER_SECOND, {"{{outcome}}": rate("porchlight_webhooks_total", "outcome")}),
        Shown(
            "Drift",
            "What reconciliation has mended in a day, and what was given up.",
            PLAIN,
            {
                "{{what}}": "sum by (what) (increase(porchlight_billing_drift_total[1d]))",
                "given up: {{kind}}": "sum by (kind) (increase(porchlight_billing_given_up_total[1d]))",
            },
        ),
        Shown(
            "Sign-ups checked", "By decision.", PER_SECOND,
            {"{{decision}}": rate("porchlight_fraud_decisions_total", "decision")},
        ),
        Shown("Cards", "By outcome.", PER_SECOND, {"{{outcome}}": rate("porchlight_cards_total", "outcome")}),
        Shown(
            "Dollars of models",
            "In a day, by model.",
            DOLLARS,
            {"{{model}}": "sum by (model) (increase(porchlight_model_dollars_total[1d]))"},
        ),
        Shown(
            "Tokens and refusals of models", "A second.", PLAIN,
            {
                "{{model}}": rate("porchlight_model_tokens_total", "model"),
                "refused: {{scope}}": rate("porchlight_model_refusals_total", "scope"),
            },
        ),
        Shown(
            "Intents", "Utterances by who resolved them.", PER_SECOND,
            {"{{resolver}}": rate("porchlight_intents_total", "resolver")},
        ),
    ),
    "Outside": (
        Shown(
            "Vendors left alone",
            "Above 0 while a vendor has failed and not answered since; 0.5 where the next call tries again.",
            PLAIN,
            {"{{vendor}}": f"max by (vendor) (porchlight_breaker{{{HERE}}})"},
        ),
        Shown(
            "Degraded ports",
            "1 while they serve with less than they should.",
            PLAIN,
            {
                "{{port}}": f"max by (port) (porchlight_degraded{{{HERE}}})",
                "database": f"1 - min(porchlight_database_up{{{HERE}}})",
            },
        ),
        Shown(
            "Messages of the bus that were lost",
            "A second.",
            PLAIN,
            {"{{instance}}": rate("porchlight_bus_dropped_total", "instance")},
        ),
        Shown(
            "Age of the catalogue",
            "What the oldest process knows.",
            SECONDS,
            {"{{instance}}": f"max by (instance) (porchlight_items_age_seconds{{{HERE}}})"},
        ),
    ),
    "Processes": (
        Shown(
            "Processor",
            "Cores in use.",
            PLAIN,
            {"{{instance}} {{process}}": rate("process_cpu_seconds_total", "instance, process")},
        ),
        Shown(
            "Memory",
            "Resident.",
            BYTES,
            {"{{instance}} {{process}}": f"process_resident_memory_bytes{{{HERE}}}"},
        ),
        Shown(
            "Objects", "Pieces of memory that Python's objects take, and tasks of the loop.", PLAIN,
            {
                "pieces {{instance}} {{process}}": f"porchlight_memory_blocks{{{HERE}}}",
                "tasks {{instance}} {{process}}": f"porchlight_tasks{{{HERE}}}",
            },
        ),
        Shown(
            "Open files",
            "Share of what may be open.",
            SHARE,
            {"{{instance}} {{process}}": f"process_open_fds{{{HERE}}} / process_max_fds{{{HERE}}}"},
        ),
        Shown(
            "Lag of the loop",
            "p99: how long everybody waits for somebody's long step.",
            SECONDS,
            {"{{instance}} {{process}}": quantile(0.99, "porchlight_loop_lag_seconds", "instance, process")},
        ),
        Shown(
            "Pools",
            "In use and waited for, of database connections and password threads.",
            PLAIN,
            {
                "{{pool}} used": f"sum by (pool) (porchlight_pool_used{{{HERE}}})",
                "{{pool}} limit": f"sum by (pool) (porchlight_pool_limit{{{HERE}}})",
                "{{pool}} waiting": f"sum by (pool) (porchlight_pool_waiting{{{HERE}}})",
            },
        ),
        Shown(
            "Processes that answer",
            "Of servers with several, and those that end.",
            PLAIN,
            {
                "{{instance}} {{state}}": f"porchlight_processes{{{HERE}}}",
                "{{instance}} draining": f"sum by (instance) (porchlight_draining{{{HERE}}})",
            },
        ),
        Shown(
            "Versions", "How many processes run which.", PLAIN,
            {"{{version}}": "sum by (version) (porchlight_build_info)"},
        ),
    ),
}  # fmt: skip
