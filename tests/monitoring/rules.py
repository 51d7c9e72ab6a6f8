"""For each alert series that make it fire and series that leave it silent, as promtool reads them.

A value is promtool's: `0+5x10` begins at 0 and grows by 5 each minute, ten times.
"""

from dataclasses import dataclass, field

Series = dict[str, str]

SERVER = 'job="porchlight",instance="a:1"'
DAY = 1440
"""Minutes."""


@dataclass(frozen=True)
class Case:
    """An alert and what it is told, up to a minute. What takes days is told in steps of half an hour."""

    alert: str
    fires: bool
    series: Series
    minute: int = 30
    why: str = field(default="", kw_only=True)

    @property
    def step(self) -> int:
        """Minutes between two values."""
        return 30 if self.minute > DAY else 1


def flat(value: float, minutes: int = 60) -> str:
    """The same value all the time."""
    return f"{value}+0x{minutes}"


def growing(by: float, minutes: int = 60) -> str:
    """A counter that grows each minute."""
    return f"0+{by}x{minutes}"


def both(alert: str, loud: Series, quiet: Series, minute: int = 30) -> list[Case]:
    """A firing case and a silent one."""
    return [Case(alert, fires=True, series=loud, minute=minute), Case(alert, fires=False, series=quiet, minute=minute)]


def answers(outcome: str, values: str, transport: str = "http") -> Series:
    """Answers of one outcome."""
    return {f'porchlight_answers_total{{transport="{transport}",outcome="{outcome}",{SERVER}}}': values}


def timed(slow: float, minutes: int) -> Series:
    """A thousand answers a minute, of which some are slow."""
    name = "porchlight_answer_seconds"
    return {
        f'{name}_count{{transport="http",{SERVER}}}': growing(1000, minutes),
        f'{name}_bucket{{transport="http",le="0.5",{SERVER}}}': growing(1000 - slow, minutes),
    }


def burning(alert: str, bad: str, *, fast: float, slow: float, transport: str = "http") -> list[Case]:
    """Of 10,000 answers a minute: what burns fast within two hours, what burns slowly within two days, and less.

    `fast` and `slow` are how many bad ones the shorter pair of windows bears; the longer pair bears less.
    """
    steps = 2 * DAY // 30
    good = {length: answers("OK", growing(10_000, length), transport) for length in (120, steps)}
    cases = [
        Case(
            f"{alert}Fast",
            fires=each > fast / 14.4 * 6,
            series=good[120] | answers(bad, growing(each, 120), transport),
            minute=120,
        )
        for each in (fast * 1.2, fast * 0.5, fast * 0.4)
    ]
    return cases + [
        Case(
            f"{alert}Slowly",
            fires=each > slow / 3,
            series=good[steps] | answers(bad, growing(each, steps), transport),
            minute=2 * DAY,
        )
        for each in (slow * 1.2, slow * 0.5, slow * 0.2)
    ]


BURNT = f"0+100x20 2000+0x{DAY}"
"""A hundred bad answers a minute for twenty minutes, and then none."""

CASES = [
    *burning("AvailabilityBurns", "FAILED", fast=14.4, slow=3),
    *burning("ErrorsBurns", "INTERNAL", fast=144, slow=30),
    *burning("SocketsBurns", "UNAVAILABLE", fast=144, slow=30, transport="ws"),
    Case(
        "AvailabilityBurnsFast",
        fires=False,
        series=answers("OK", growing(1000, 120)) | answers("UNAVAILABLE", growing(1000, 120), "sse"),
        minute=120,
        why="Streams are an objective of their own.",
    ),
    *both("LatencyBurnsFast", timed(800, 120), timed(200, 120), 120),
    *both("LatencyBurnsSlowly", timed(200, DAY // 15), timed(40, DAY // 15), 2 * DAY),
    Case(
        "AvailabilityBurnsFast",
        fires=False,
        series=answers("OK", growing(10_000, DAY)) | answers("FAILED", BURNT),
        minute=70,
        why="It is over: the short window knows, though the long one does not.",
    ),
    Case(
        "AvailabilityBurnsFast",
        fires=False,
        series=answers("OK", growing(1, 120)) | answers("FAILED", "0x60 5x60"),
        minute=65,
        why="Five bad answers of a hundred are few.",
    ),
    Case(
        "AvailabilityBurnsFast",
        fires=False,
        series=answers("OK", growing(10_000, 120)) | answers("INTERNAL", growing(1000, 120)),
        minute=120,
        why="A part that fails is an error, and the answer is given.",
    ),
    Case(
        "AvailabilityBurnsFast",
        fires=False,
        series=answers("OK", growing(0, 120)) | answers("FAILED", growing(0, 120)),
        minute=120,
        why="Nobody asks.",
    ),
    *both("ServerDown", {f"up{{{SERVER}}}": flat(0)}, {f"up{{{SERVER}}}": "0 1x60"}),
    *both(
        "NoServer",
        {f"up{{{SERVER}}}": flat(0)},
        {f"up{{{SERVER}}}": flat(0), 'up{job="porchlight",instance="b:1"}': flat(1)},
    ),
    *both("WorkerDown", {'up{job="porchlight-worker"}': flat(0)}, {'up{job="porchlight-worker"}': flat(1)}),
    *both(
        "ProcessSilent",
        {'porchlight_processes{state="answering"}': flat(3), 'porchlight_processes{state="expected"}': flat(4)},
        {'porchlight_processes{state="answering"}': "3x2 4x60", 'porchlight_processes{state="expected"}': flat(4)},
    ),
    *both(
        "ProcessRestarts",
        {f"process_start_time_seconds{{{SERVER}}}": "1x2 2x4 3x4 4x4 5x40"},
        {f"process_start_time_seconds{{{SERVER}}}": "1x10 2x40"},
        20,
    ),
    *both(
        "VersionsDiffer",
        {'porchlight_build_info{version="1"}': flat(1, 120), 'porchlight_build_info{version="2"}': flat(1, 120)},
        {'porchlight_build_info{version="1"}': "1x30 _x90", 'porchlight_build_info{version="2"}': flat(1, 120)},
        100,
    ),
    *both(
        "LoopLags",
        {
            f'porchlight_loop_lag_seconds_bucket{{le="0.25",{SERVER}}}': growing(90),
            f'porchlight_loop_lag_seconds_bucket{{le="0.5",{SERVER}}}': growing(120),
            f'porchlight_loop_lag_seconds_bucket{{le="+Inf",{SERVER}}}': growing(120),
        },
        {
            f'porchlight_loop_lag_seconds_bucket{{le="0.25",{SERVER}}}': growing(120),
            f'porchlight_loop_lag_seconds_bucket{{le="+Inf",{SERVER}}}': growing(120),
        },
    ),
    *both(
        "PoolExhausted",
        {f'porchlight_pool_waiting{{pool="database",{SERVER}}}': flat(7)},
        {f'porchlight_pool_waiting{{pool="database",{SERVER}}}': "7 7 0 7 7 0 7 7 7 0 7 7 7"},
        10,
    ),
    Case(
        "PoolExhausted",
        fires=False,
        series={f'porchlight_pool_waiting{{pool="database",{SERVER}}}': "_x8 7x20"},
        minute=10,
        why="One scrape of a server that has just started is not five minutes.",
    ),
    Case(
        "PoolExhausted",
        fires=True,
        series={f'porchlight_pool_waiting{{pool="database",{SERVER}}}': "7 7 7 _ 7 7 7 _ 7 7 7"},
        minute=10,
        why="A scrape that found nobody has not seen it over.",
    ),
    *both(
        "FilesRunOut",
        {f"process_open_fds{{{SERVER}}}": flat(900), f"process_max_fds{{{SERVER}}}": flat(1024)},
        {f"process_open_fds{{{SERVER}}}": flat(700), f"process_max_fds{{{SERVER}}}": flat(1024)},
    ),
    *both(
        "MemoryHigh",
        {f"process_resident_memory_bytes{{{SERVER}}}": flat(9e8)},
        {f"process_resident_memory_bytes{{{SERVER}}}": flat(4e8)},
    ),
    *both("JobsWait", {"porchlight_oldest_job_seconds": growing(60)}, {"porchlight_oldest_job_seconds": "400x3 0x60"}),
    *both(
        "JobsFail",
        {'porchlight_jobs_waiting{state="retrying"}': flat(500)},
        {'porchlight_jobs_waiting{state="retrying"}': flat(5), 'porchlight_jobs_waiting{state="due"}': flat(500)},
    ),
    *both(
        "JobDied",
        {f'porchlight_jobs_total{{kind="mail.send",outcome="dead",{SERVER}}}': "0x10 1x50"},
        {
            f'porchlight_jobs_total{{kind="mail.send",outcome="dead",{SERVER}}}': flat(1),
            f'porchlight_jobs_total{{kind="mail.send",outcome="retried",{SERVER}}}': growing(9),
        },
    ),
    *both(
        "RecurringWorkLate",
        {
            'porchlight_schedule_last_success_age_seconds{kind="a"}': "Inf+0x60",
            'porchlight_schedule_every_seconds{kind="a"}': flat(86400),
        },
        {
            'porchlight_schedule_last_success_age_seconds{kind="a"}': flat(1000),
            'porchlight_schedule_every_seconds{kind="a"}': flat(60),
        },
    ),
    *both("InboxWaits", {"porchlight_inbox_age_seconds": growing(60)}, {"porchlight_inbox_age_seconds": flat(800)}),
    *both(
        "InboxDead",
        {'porchlight_inbox_events{state="dead"}': flat(1), 'porchlight_inbox_events{state="parked"}': flat(0)},
        {'porchlight_inbox_events{state="dead"}': flat(0), 'porchlight_inbox_events{state="received"}': flat(9)},
    ),
    *both(
        "WebhooksRefused",
        {'porchlight_webhooks_total{outcome="refused"}': growing(2)},
        {
            'porchlight_webhooks_total{outcome="refused"}': "0x20 3x40",
            'porchlight_webhooks_total{outcome="received"}': growing(9),
        },
    ),
    *both(
        "BillingDrifts",
        {'porchlight_billing_drift_total{what="missing"}': growing(1)},
        {'porchlight_billing_drift_total{what="missing"}': "0x20 2x40"},
    ),
    *both(
        "BillingGivenUp",
        {'porchlight_billing_given_up_total{kind="billing.leave"}': "0x20 1x40"},
        {'porchlight_billing_given_up_total{kind="billing.leave"}': flat(0)},
    ),
    *both(
        "VendorLeftAlone",
        {'porchlight_breaker{vendor="openai"}': "1 1 0.5 1 1 0.5 1 1 0.5 1 1 0.5 1 1 0.5 1x20"},
        {'porchlight_breaker{vendor="openai"}': "1x5 0 1x5 0x60"},
    ),
    *both(
        "RedisLost",
        {f'porchlight_degraded{{port="bus",{SERVER}}}': flat(1)},
        {
            f'porchlight_degraded{{port="vectors",{SERVER}}}': flat(1),
            f'porchlight_degraded{{port="bus",{SERVER}}}': flat(0),
        },
    ),
    *both(
        "CatalogueStale",
        {f"porchlight_items_age_seconds{{{SERVER}}}": growing(60)},
        {f"porchlight_items_age_seconds{{{SERVER}}}": flat(20)},
    ),
    *both(
        "MailFails",
        {
            'porchlight_mail_total{outcome="SENT"}': growing(5, 120),
            'porchlight_mail_reports_total{outcome="bounced"}': growing(2, 120),
        },
        {
            'porchlight_mail_total{outcome="SENT"}': "0x60 1x60",
            'porchlight_mail_reports_total{outcome="bounced"}': "0x60 3x60",
        },
        90,
    ),
    Case(
        "MailFails",
        fires=True,
        series={
            'porchlight_mail_total{outcome="GIVEN_UP"}': growing(1, 120),
            'porchlight_mail_total{outcome="UNWANTED"}': growing(20, 120),
            'porchlight_mail_reports_total{outcome="bounced"}': flat(0, 120),
        },
        minute=90,
        why="What nobody wanted does not hide what could not be sent.",
    ),
    *both("DatabaseLost", {"porchlight_database_up": flat(0)}, {"porchlight_database_up": "1 0 1x60"}),
    *both(
        "ModelsDear", {"porchlight_model_dollars_total": growing(2)}, {"porchlight_model_dollars_total": growing(0.1)}
    ),
]
