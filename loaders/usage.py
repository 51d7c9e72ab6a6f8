"""Counters of usage for graph edges."""

from models.usage import UsageCounter

CounterKey = tuple[int, str, str]
"""A user, a meter and the name of a window."""


async def usage_counters_by_window(keys: list[CounterKey]) -> list[UsageCounter | None]:
    """The counter of each key, None where nothing has been counted yet. One query."""
    rows = await UsageCounter.filter(
        user_id__in={user_id for user_id, _, _ in keys}, period__in={at for *_, at in keys}
    )
    found = {(row.user_id, row.meter, row.period): row for row in rows}
    return [found.get(key) for key in keys]
