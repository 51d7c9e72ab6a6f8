"""How far those came who registered in a span of time: each person is counted once, at the steps they have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import NotFound
from services.analytics import Name
from services.analytics.figures.days import rows, start_of, window_of
from services.analytics.figures.people import counts
from services.analytics.figures.trials import outcomes
from services.onboarding import STEPS

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App

ORDER = tuple(step.key for step in STEPS if not step.optional)
"""The steps of the onboarding that everybody is to do, as their events name them."""
_STEP = {"sqlite": "json_extract(e.properties, '$.step')", "postgres": "e.properties->>'step'"}
_EVENT = "EXISTS (SELECT 1 FROM events e WHERE e.user_id = u.id AND e.name = '{name}'{further})"
_VERIFIED = "u.email_verified_at IS NOT NULL"
_ONBOARDED = _EVENT.format(name=Name.ONBOARDING_COMPLETED, further="")

_COUNT = """
SELECT {counts} FROM (
  SELECT {steps} FROM users u {joined}
  WHERE {came} AND {people}
) AS people
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
    return await FUNNELS[key](app, start_of(window.since), start_of(window.until))


async def signup_to_paid(app: App, since: datetime, until: datetime) -> Funnel:
    """From the registration to the purchase: whoever pays is whom `trial_conversion` counts."""
    steps = {
        "registered": "TRUE",
        "address_verified": _VERIFIED,
        "onboarding_completed": _ONBOARDED,
        "trial_over": "COALESCE(t.converted_at IS NOT NULL OR t.ends_at <= $3, FALSE)",
        "paid": "COALESCE(j.paid, FALSE)",
    }
    sql = outcomes(app, _REGISTERED) + _count(app, steps, _JOINED)
    return await _counted(app, "signup_to_paid", steps, sql, [since, until, app.clock.now()])


async def onboarding(app: App, since: datetime, until: datetime) -> Funnel:
    """From the registration through the steps of the onboarding to its end."""
    told = _STEP[app.database.dialect]
    done = {
        step: _EVENT.format(name=Name.ONBOARDING_STEP_COMPLETED, further=f" AND {told} = '{step}'") for step in ORDER
    }
    steps = {"registered": "TRUE", **done, "completed": _ONBOARDED}
    return await _counted(app, "onboarding", steps, _count(app, steps, ""), [since, until])


def _count(app: App, steps: dict[str, str], joined: str) -> str:
    """The statement that counts people at each step: by it and all before it."""
    names = [f"step_{number}" for number in range(len(steps))]
    counted = (f"COUNT(*) FILTER (WHERE {' AND '.join(names[: at + 1])}) AS {name}" for at, name in enumerate(names))
    done = (f"{condition} AS {name}" for name, condition in zip(names, steps.values(), strict=True))
    return _COUNT.format(
        counts=", ".join(counted), steps=", ".join(done), joined=joined, people=counts(app, "u"), came=_REGISTERED
    )


async def _counted(app: App, key: str, steps: dict[str, str], sql: str, values: list[datetime]) -> Funnel:
    (found,) = await rows(app, sql, values)
    return Funnel(key, tuple(zip(steps, found.values(), strict=True)))


FUNNELS = {"signup_to_paid": signup_to_paid, "onboarding": onboarding}
