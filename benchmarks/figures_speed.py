"""How long figures take on PostgreSQL with many trials: `python -m benchmarks.figures_speed [trials]`.

It starts a server of its own and throws it away. The trials began in the last 90 days, one in two has an invoice, each
has two sign-ins and a session. Told is the best of some runs: with nothing frozen, and with all that can be.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.processes import production
from core.logging import configure_logging
from core.settings import Settings
from services.analytics.figures import freezing, funnels, kpis, retention
from services.app import App, open_app

TRIALS = 100_000
RUNS = 5

FILL = (
    """INSERT INTO users (email, email_key, password_hash, role, created_at)
       SELECT 'p' || n || '@people.figures', 'p' || n || '@people.figures', '', 'USER',
              now() - (90.0 * n / {trials}) * INTERVAL '1 day'
       FROM generate_series(1, {trials}) AS n""",
    """INSERT INTO trials (user_id, person_key, plan_key, started_at, ends_at, version)
       SELECT id, email_key, 'pro-monthly', created_at, created_at + INTERVAL '14 days', 1 FROM users""",
    """INSERT INTO plan_subscriptions (user_id, provider_id, plan_key, price_id, item_id, status, currency,
                                       period_start, period_end, provider_created_at, applied_at)
       SELECT id, 'sub_' || id, 'pro-monthly', 'p', 'i', 'ACTIVE', 'EUR', created_at, created_at, created_at, created_at
       FROM users WHERE id % 2 = 0""",
    """INSERT INTO invoices (user_id, provider_id, subscription_provider_id, status, total, amount_paid, currency,
                             created_at, paid_at, applied_at)
       SELECT id, 'in_' || id, 'sub_' || id, 'PAID', 1900, 1900, 'EUR', created_at + INTERVAL '14 days',
              created_at + INTERVAL '14 days', created_at FROM users WHERE id % 2 = 0""",
    """INSERT INTO events (name, version, user_id, at, properties)
       SELECT 'sign_in.proven', 1, id, created_at + n * INTERVAL '1 hour', '{{"outcome": "signed_in"}}'
       FROM users, generate_series(1, 2) AS n""",
    """INSERT INTO fraud_assessments (user_id, at, email, rules_version, features, score, decision, reasons)
       SELECT id, created_at, email, '1', '{{}}', 0.1, 'ALLOW', '[]' FROM users""",
    """INSERT INTO sessions (key, user_id, salt, counter, created_at, rotated_at, last_seen_at, expires_at)
       SELECT 'k' || id, id, '', 0, created_at, created_at, now() - (id % 28) * INTERVAL '1 day', now() FROM users""",
    "ANALYZE",
)


async def best(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    """Ask some times, and tell the best."""
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - start) * 1_000)
    print(f"{name}: {min(taken):,.0f} ms")


async def measure(settings: Settings, trials: int) -> None:
    """Fill, measure, print."""
    async with open_app(settings) as app:
        with app.database.bound():
            for statement in FILL:
                await app.database.execute(statement.format(trials=trials))
            print(f"{trials:,} trials of 90 days, the best of {RUNS} runs")
            await _tell(app)


async def _tell(app: App) -> None:
    await best("kpis, nothing frozen", lambda: kpis.kpis(app, None, None))
    start = time.perf_counter()
    await freezing.freeze(app, {})
    print(f"the first freezing: {(time.perf_counter() - start) * 1_000:,.0f} ms")
    await best("kpis, all frozen that can be", lambda: kpis.kpis(app, None, None))
    await best("freezing once more", lambda: freezing.freeze(app, {}))
    await best("funnel of 90 days", lambda: funnels.funnel(app, "signup_to_paid", None, None))
    await best("retention's job", lambda: retention.retain(app, {}))


def main() -> None:
    """A server, a migrated database, the figures."""
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    with production() as profile:
        asyncio.run(measure(profile.settings, trials))


if __name__ == "__main__":
    main()
