"""Trials and their countdown."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from core.cursors import encode_id
from core.errors import Refusal
from models.trials import Trial as TrialRow
from schema.context import Info
from schema.errors import Error
from schema.nodes import Node
from schema.trial_changes import TrialChange, TrialStatus
from services import trials

if TYPE_CHECKING:
    from schema.billing import Plan
    from schema.usage import UsageMeter


@strawberry.type(description="A free trial of a plan.")
class Trial(Node):
    """A trial at the moment of the request."""

    status: TrialStatus = strawberry.field(description="Derived from the clock at each request.")  # type: ignore[valid-type]
    started_at: datetime = strawberry.field(description="When it began.")
    ends_at: datetime | None = strawberry.field(description="When it ends; null while paused.")
    seconds_left: int = strawberry.field(description="Whole seconds to go, rounded up; 0 once it is over.")
    progress: float = strawberry.field(description="How much of it has passed, from 0 to 1.")
    plan_key: strawberry.Private[str]
    row: strawberry.Private[TrialRow]

    @strawberry.field(description="The plan that is tried.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("schema.billing")]:
        from schema.billing import Plan  # ruff: ignore[import-outside-top-level] -- edges cross nouns lazily

        return Plan.of(info.context.app.catalogue.plans[self.plan_key])

    @strawberry.field(description="What happened to it, the newest change first: at most the last 100.")
    async def history(self, info: Info) -> list[TrialChange] | None:
        info.context.require_sight_of(self.row.user_id)
        return [TrialChange.of(row) for row in await info.context.loaders.changes_by_trial.load(self.row.id)]

    @strawberry.field(description="What the trial's plan meters, at the trial's limits; null once it gives no access.")
    async def usage(self, info: Info) -> list[Annotated["UsageMeter", strawberry.lazy("schema.usage")]] | None:
        from schema.usage import usage_of_trial  # ruff: ignore[import-outside-top-level] -- edges cross nouns lazily

        return await usage_of_trial(self.row, info)

    @classmethod
    def of(cls, row: TrialRow, now: datetime) -> "Trial":
        """The row as the API tells it at `now`."""
        return cls(
            id=strawberry.ID(encode_id("Trial", row.id)),
            status=trials.trial_status(row, now),
            started_at=row.started_at,
            ends_at=trials.ends_at(row, now),
            seconds_left=trials.seconds_left(row, now),
            progress=trials.progress(row, now),
            plan_key=row.plan_key,
            row=row,
        )


@strawberry.type(description="One beat of the countdown.")
class TrialTick:
    """A tick; its scalars cost no query."""

    status: TrialStatus = strawberry.field(description="Where the trial stands.")  # type: ignore[valid-type]
    seconds_left: int = strawberry.field(description="Whole seconds to go, rounded up; 0 once it is over.")
    ends_at: datetime | None = strawberry.field(description="When the trial ends; null while paused.")
    server_time: datetime = strawberry.field(description="The server's clock at this beat.")
    version: int = strawberry.field(description="Grows with every change of the trial.")
    trial_id: strawberry.Private[int]

    @strawberry.field(description="The trial itself, read anew.")
    async def trial(self, info: Info) -> Trial | None:
        row = await info.context.loaders.trial_by_id.load(self.trial_id)
        return Trial.of(row, info.context.now) if row else None

    @classmethod
    def of(cls, tick: trials.Tick) -> "TrialTick":
        """The tick as the API tells it."""
        return cls(
            status=tick.status,
            seconds_left=tick.seconds_left,
            ends_at=tick.ends_at,
            server_time=tick.server_time,
            version=tick.version,
            trial_id=tick.trial_id,
        )


@strawberry.type(description="The trial has been extended.")
class ExtendTrialSuccess:
    """What `extendTrial` gives."""

    trial: Trial = strawberry.field(description="The trial with its new end.")


@strawberry.type(description="It has been converted or canceled, its charge is under way, or a plan has been bought.")
class TrialNotExtendable(Error):
    """Nothing is left to extend."""


ExtendTrialResult = Annotated[
    ExtendTrialSuccess | TrialNotExtendable,
    strawberry.union("ExtendTrialResult", description="What `extendTrial` answers."),
]


@strawberry.type(description="The trial has been paused.")
class PauseTrialSuccess:
    """What `pauseTrial` gives."""

    trial: Trial = strawberry.field(description="The trial, halted.")


@strawberry.type(description="The trial is not running, has had its pauses, or a plan has been bought.")
class TrialNotPausable(Error):
    """Nothing is left to pause, or too often was."""


PauseTrialResult = Annotated[
    PauseTrialSuccess | TrialNotPausable,
    strawberry.union("PauseTrialResult", description="What `pauseTrial` answers."),
]


@strawberry.type(description="The trial runs on.")
class ResumeTrialSuccess:
    """What `resumeTrial` gives."""

    trial: Trial = strawberry.field(description="The trial with its new end.")


@strawberry.type(description="The trial has not been paused by its owner.")
class TrialNotResumable(Error):
    """Nothing halts it that its owner could undo."""


ResumeTrialResult = Annotated[
    ResumeTrialSuccess | TrialNotResumable,
    strawberry.union("ResumeTrialResult", description="What `resumeTrial` answers."),
]


@strawberry.type(description="The trial has been canceled.")
class CancelTrialSuccess:
    """What `cancelTrial` gives."""

    trial: Trial = strawberry.field(description="The trial: access stays until its end.")


@strawberry.type(description="It is over, its charge is under way, or a plan has been bought: cancel the latter.")
class TrialNotCancelable(Error):
    """Nothing is left to cancel."""


CancelTrialResult = Annotated[
    CancelTrialSuccess | TrialNotCancelable,
    strawberry.union("CancelTrialResult", description="What `cancelTrial` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    trials.TrialNotExtendable: TrialNotExtendable,
    trials.TrialNotPausable: TrialNotPausable,
    trials.TrialNotResumable: TrialNotResumable,
    trials.TrialNotCancelable: TrialNotCancelable,
}


async def trial_of_user(user_id: int, info: Info) -> Trial | None:
    """The edge from a user to their trial. Raises NotFound for who may not see it."""
    info.context.require_sight_of(user_id)
    row = await info.context.loaders.trial_by_user.load(user_id)
    return Trial.of(row, info.context.now) if row else None
