"""How far those came who registered in a span of time: each person is counted once, at the steps they have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import NotFound
from services.analytics import Name
from services.analytics.figures.days import rows, start_of, window_of
from services.analytics.figures.people import counts
from services.analytics.figures.trials import outcomes

if TYPE_CHECKING:
    from datetime import date, datetime

    from services.app import App

ORDER = ("verify_address", "choose_interests", "open_recommendation")
"""The steps of the onboarding that everybody is to do, as the events name them."""
_STEP = {"sqlite": "json_extract(e.properties, '$.step')", "postgres": "e.properties->>'step'"}
_EVENT = "EXISTS (SELECT 1 FROM events e WHERE e.user_id = u.id AND e.name = '{name}'{further})"
_VERIFIED = "u.email_verified_at IS NOT NULL"
_ONBOARDED = _EVENT.format(name=Name.ONBOARDING_COMPLETED, further="")

_COUNT = """
SELECT {counts} FROM (
  SELECT {steps} FROM users u {joined}
  WHERE u.created_at >= $1 AND u.created_at < $2 AND {people}
) AS came
"""
_REGISTERED = "u.created_at >= $1 AND u.created_at < $2"
_JOINED = "LEFT JOIN judged j ON j.user_id = u.id LEFT JOIN trials t ON t.user_id = u.id"


@dataclass(frozen=True)
class Funnel:
    """A funnel's steps in order, each with how many people have done it and all before it."""

    key: str
    steps: tuple[tuple[str, int], ...]

    def rate(self, count: int) -> float:
        """The share of those at the first step."""
        first = self.steps[0][1]
        return count / first if first else 0.0


async def funnel(app: App, key: str, since: datetime | None, until: datetime | None) -> Funnel:
    """The funnel of those who registered in these days. One statement. Raises NotFound, BadUserInput."""
    if key not in FUNNELS:
        raise NotFound
    window = window_of(since, until, app.clock.now())
    return Funnel(key, tuple((await FUNNELS[key](app, window.since, window.until)).items()))


async def signup_to_paid(app: App, since: date, until: date) -> dict[str, int]:
    """From the registration to the purchase: whoever pays is whom `trial_conversion` counts."""
    steps = {
        "registered": "TRUE",
        "address_verified": _VERIFIED,
        "onboarding_completed": _ONBOARDED,
        "trial_over": "COALESCE(t.converted_at IS NOT NULL OR t.ends_at <= $3, FALSE)",
        "paid": "COALESCE(j.paid, FALSE)",
    }
    judged = outcomes(app, _REGISTERED)
    sql = judged + _count(app, steps, _JOINED)
    return dict((await rows(app, sql, [start_of(since), start_of(until), app.clock.now()]))[0])


async def onboarding(app: App, since: date, until: date) -> dict[str, int]:
    """From the registration through the steps of the onboarding to its end."""
    told = _STEP[app.database.dialect]
    done = {
        step: _EVENT.format(name=Name.ONBOARDING_STEP_COMPLETED, further=f" AND {told} = '{step}'") for step in ORDER
    }
    steps = {"registered": "TRUE", **done, "completed": _ONBOARDED}
    return dict((await rows(app, _count(app, steps, ""), [start_of(since), start_of(until)]))[0])


def _count(app: App, steps: dict[str, str], joined: str) -> str:
    names = list(steps)
    counted = [
        f"COUNT(*) FILTER (WHERE {' AND '.join(names[: number + 1])}) AS {name}" for number, name in enumerate(names)
    ]
    return _COUNT.format(
        counts=", ".join(counted),
        steps=", ".join(f"{condition} AS {name}" for name, condition in steps.items()),
        joined=joined,
        people=counts(app, "u"),
    )


FUNNELS = {"signup_to_paid": signup_to_paid, "onboarding": onboarding}
