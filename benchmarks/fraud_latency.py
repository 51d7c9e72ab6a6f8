"""How long the check of one sign-up takes on PostgreSQL: `python -m benchmarks.fraud_latency [identifiers]`.

It starts a server of its own and throws it away. What is timed is the check with its transaction: locks, the look back,
features, score. Other programs take the processor away now and then: of some rounds, the best and the median are told.
"""

import asyncio
import logging
import random
import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta

from benchmarks.figures import P50, P95, percentile
from benchmarks.processes import production
from core.emails import parse_email
from core.logging import configure_logging
from core.settings import Settings
from models.fraud import FraudAssessment, FraudIdentifier
from services.app import App, open_app
from services.devices import Description
from services.fraud import SignUp, Stopped, check
from services.fraud.keys import keys_of
from services.sessions import Client

IDENTIFIERS = 100_000
SIGN_UPS = 500
ROUNDS = 7
KEYS_EACH = 8
BATCH = 500
NETWORKS = 4_000
CROWD = 0.05
"""Of all sign-ups: those that share one network and one common fingerprint, the heaviest to look at."""
HEADERS = ("user-agent", "accept", "accept-language", "accept-encoding")


def sign_up(number: int, draw: random.Random) -> SignUp:
    """A sign-up; one of twenty comes out of the crowd."""
    crowd = draw.random() < CROWD
    network = 0 if crowd else draw.randrange(1, NETWORKS)
    said = Description(
        device_token=f"device-{number}", fingerprint="common" if crowd else f"fingerprint-{draw.randrange(20_000)}"
    )
    domain = draw.choice(["gmail.com", "outlook.com", f"company{draw.randrange(2_000)}.example"])
    return SignUp(
        address=parse_email(f"person{number}@{domain}"),
        client=Client(ip=f"81.{network // 256}.{network % 256}.7", user_agent="Mozilla/5.0", headers=HEADERS),
        device=said,
    )


async def fill(app: App, rows: int, now: datetime, draw: random.Random) -> None:
    """Store sign-ups of the last 180 days with `rows` identifiers."""
    for first in range(0, rows // KEYS_EACH, BATCH):
        assessments, keys = [], []
        for number in range(first, first + BATCH):
            at = now - timedelta(days=draw.random() * 179)
            assessments.append(
                FraudAssessment(
                    id=number + 1, at=at, rules_version="0", features={}, score=0.0, decision="ALLOW", reasons=[]
                )
            )
            keys += [
                FraudIdentifier(assessment_id=number + 1, kind=kind, hash=value, at=at, granted=True)
                for kind, value in keys_of(app, sign_up(number, draw)).items()
            ]
        await FraudAssessment.bulk_create(assessments)
        await FraudIdentifier.bulk_create(keys)


async def timed(app: App, one: SignUp) -> float:
    """Milliseconds of one check."""
    start = time.perf_counter()
    with suppress(Stopped):
        async with app.database.transaction():
            await check(app, one)
    return (time.perf_counter() - start) * 1_000


async def measure(settings: Settings, rows: int) -> None:
    """Fill, measure, print."""
    draw = random.Random(5)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same each time
    async with open_app(settings) as app:
        await fill(app, rows, app.clock.now(), draw)
        await app.database.execute("ANALYZE", [])
        stored = await FraudIdentifier.all().count()
        await timed(app, sign_up(IDENTIFIERS, draw))
        rounds = [await taken(app, number, draw) for number in range(ROUNDS)]
    print(f"{stored:,} identifiers, {ROUNDS} rounds of {SIGN_UPS} checks one after another:")
    for name, at in (("p50", P50), ("p95", P95)):
        found = sorted(percentile(took, at) for took in rounds)
        print(f"{name} {found[0]:.1f} ms in the best round, {found[ROUNDS // 2]:.1f} ms in the median one")


async def taken(app: App, number: int, draw: random.Random) -> list[float]:
    """Milliseconds of the checks of one round, of people who were not seen before."""
    first = 10_000_000 + number * SIGN_UPS
    return [await timed(app, sign_up(first + each, draw)) for each in range(SIGN_UPS)]


def main() -> None:
    """A server, a migrated database, the figures."""
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else IDENTIFIERS
    with production() as profile:
        asyncio.run(measure(profile.settings, rows))


if __name__ == "__main__":
    main()
