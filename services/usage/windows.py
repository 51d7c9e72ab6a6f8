"""Windows of meters: days and months of the calendar in UTC, named so that a counter's row can hold the name."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.billing import Window


@dataclass(frozen=True)
class Period:
    """One window: its name, and the moment at which the next one begins, None when none ever does."""

    name: str
    ends_at: datetime | None


def period_of(window: Window, now: datetime) -> Period:
    """The window that `now` lies in."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if window is Window.DAY:
        return Period(f"{midnight:%Y-%m-%d}", midnight + timedelta(days=1))
    if window is Window.MONTH:
        return Period(f"{midnight:%Y-%m}", (midnight.replace(day=1) + timedelta(days=32)).replace(day=1))
    return Period("always", None)
