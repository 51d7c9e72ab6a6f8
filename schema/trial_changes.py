"""The history of a trial."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from models.trials import TrialChange as TrialChangeRow
from models.trials import TrialChangeKind as TrialChangeKindRow
from schema.context import Info
from schema.enums import described
from services import trials
from services.access import Permission

if TYPE_CHECKING:
    from schema.accounts import User

TrialStatus = described(
    trials.TrialStatus,
    "Where a trial stands.",
    {
        "ACTIVE": "Running, with more than its last stretch to go.",
        "ENDING": "Running, in its last three days; in a trial of less than six days, in its last half.",
        "CONVERTING": "Over, the first charge is pending; access stays, for three days at most.",
        "GRACE": "Over, the first charge has failed; access stays for three days from then.",
        "EXPIRED": "Over, without a purchase.",
        "PAUSED": "Halted: the remaining time is kept, and there is no access.",
        "CONVERTED": "Followed by a purchase.",
        "CANCELED": "Canceled: access stays until `endsAt`.",
    },
)
TrialChangeKind = described(
    TrialChangeKindRow,
    "What happened to a trial.",
    {
        "STARTED": "It began.",
        "EXTENDED": "Support gave it more days.",
        "PAUSED": "Its owner halted it.",
        "RESUMED": "Its owner let it run on.",
        "CANCELED": "Its owner canceled it.",
        "PAYMENT_METHOD_ADDED": "A payment method was put on file.",
        "PAYMENT_METHOD_REMOVED": "What had been bought during it was canceled: its end charges nobody.",
        "CHARGE_FAILED": "The charge that follows its end failed.",
        "CONVERTED": "It was followed by a purchase.",
        "QUOTA_RAISED": "A smaller trial became a full one.",
        "ENDED": "Time ended it, or what followed its end.",
    },
)


@strawberry.type(description="One change of a trial.")
class TrialChange:
    """A row of history."""

    kind: TrialChangeKind = strawberry.field(description="What happened.")  # type: ignore[valid-type]
    from_status: TrialStatus | None = strawberry.field(description="Where it stood; null when it began.")  # type: ignore[valid-type]
    to_status: TrialStatus = strawberry.field(description="Where it stands since.")  # type: ignore[valid-type]
    ends_at: datetime = strawberry.field(
        description="Its end since; in a pause, the end that it has when the pause is not ended earlier."
    )
    reason: str | None = strawberry.field(description="Why, where somebody said so.")
    at: datetime = strawberry.field(description="When it was written down.")
    version: int = strawberry.field(description="The version of the trial that it led to.")
    actor_id: strawberry.Private[int | None]

    @strawberry.field(description="Who did it; null for time and payments, and for staff unless one may see them.")
    async def actor(self, info: Info) -> Annotated["User", strawberry.lazy("schema.accounts")] | None:
        from schema.accounts import User  # ruff: ignore[import-outside-top-level] -- edges cross nouns lazily

        context = info.context
        if self.actor_id is None or not (context.is_viewer(self.actor_id) or context.may(Permission.READ_USERS)):
            return None
        row = await context.loaders.user_by_id.load(self.actor_id)
        return User.of(row) if row else None

    @classmethod
    def of(cls, row: TrialChangeRow) -> "TrialChange":
        """The row as the API tells it."""
        return cls(
            kind=row.kind,
            from_status=trials.TrialStatus(row.from_status) if row.from_status else None,
            to_status=trials.TrialStatus(row.to_status),
            ends_at=row.ends_at,
            reason=row.reason,
            at=row.at,
            version=row.version,
            actor_id=row.actor_id,
        )
