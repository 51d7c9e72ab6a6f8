"""What happens again and again, as administrators see it."""

from datetime import datetime, timedelta

import strawberry

from models.schedule import ScheduleRun
from schema.enums import described
from services.jobs import Outcome

ScheduledOutcome = described(
    Outcome,
    "How the last attempt at scheduled work ended.",
    {
        "DONE": "It was done.",
        "RETRIED": "It failed, and is tried again.",
        "DEAD": "It failed for good: the next slot has a job of its own.",
        "LOST": "It took longer than its lease, and another worker's outcome counts.",
    },
    name="ScheduledOutcome",
)


@strawberry.type(description="A kind of work that happens again and again.")
class ScheduledJob:
    """One kind. Slots of time are counted from 1970 on, in UTC."""

    kind: str = strawberry.field(description="What is done.")
    every: int = strawberry.field(description="Seconds from one slot to the next.")
    running: bool = strawberry.field(description="Whether the newest slot's job waits or runs.")
    last_started_at: datetime | None = strawberry.field(description="When the last attempt began.")
    last_ended_at: datetime | None = strawberry.field(description="When the last attempt ended.")
    last_succeeded_at: datetime | None = strawberry.field(description="When it was last done.")
    last_outcome: ScheduledOutcome | None = strawberry.field(  # type: ignore[valid-type]
        description="How the last attempt ended."
    )
    last_error: str | None = strawberry.field(description="The kind of fault that ended it; the log says more.")
    next_at: datetime = strawberry.field(description="When the next slot begins.")
    missed: int = strawberry.field(description="Slots that no job was there for, made up for by the one after them.")

    @classmethod
    def of(cls, row: ScheduleRun) -> "ScheduledJob":
        """The row as the API tells it."""
        return cls(
            kind=row.kind,
            every=row.every,
            running=row.ended_slot_at != row.slot_at,
            last_started_at=row.started_at,
            last_ended_at=row.ended_at,
            last_succeeded_at=row.succeeded_at,
            last_outcome=Outcome(row.outcome) if row.outcome else None,
            last_error=row.error,
            next_at=row.slot_at + timedelta(seconds=row.every),
            missed=row.missed,
        )
