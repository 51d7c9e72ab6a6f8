"""Events that clients tell."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from services import analytics


@strawberry.input(description="Something that the viewer did, as their client tells it.")
class TrackEventInput:
    """One event."""

    name: str = strawberry.field(description="One of those in docs/events.md, such as `page.viewed`.")
    properties: JSON | None = strawberry.field(
        default=None, description="Those of the event, at most 2,048 bytes; none when it is left out."
    )
    occurred_at: datetime | None = strawberry.field(
        default=None, description="When, by the client's clock; now when it is left out. After 7 days it is dropped."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="At most 100 characters. Told twice with the same key, it counts once."
    )

    def told(self) -> analytics.Told:
        """The event as services take it."""
        return analytics.Told(self.name, self.properties, self.occurred_at, self.idempotency_key)


@strawberry.type(description="What became of a batch of events: the three add up to all of them.")
class TrackEventsPayload:
    """What `trackEvents` gives."""

    accepted: int = strawberry.field(description="New ones.")
    duplicates: int = strawberry.field(description="Told before, or twice in the batch.")
    dropped: int = strawberry.field(
        description="Not written down: older than 7 days, or the viewer or their browser does not consent."
    )

    @classmethod
    def of(cls, tracked: analytics.Tracked) -> "TrackEventsPayload":
        """The outcome as the API tells it."""
        return cls(accepted=tracked.accepted, duplicates=tracked.duplicates, dropped=tracked.dropped)
