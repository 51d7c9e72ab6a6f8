"""Meters, and what became of reports and reservations."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import decode_int_id, encode_id
from core.errors import Refusal
from models.trials import Trial
from models.usage import UsageReservation as ReservationRow
from schema.billing import Entitlement
from schema.context import Context, Info
from schema.errors import Error
from services import entitlements, trials, usage
from services.entitlements import Held


@strawberry.type(description="A meter in its present window. Quantities are whole numbers, exact to 2^53.")
class UsageMeter:
    """What a meter shows."""

    key: str = strawberry.field(description="The key of the feature that it counts.")
    name: str = strawberry.field(description="Name for people.")
    used: float = strawberry.field(description="Used in the present window.")
    reserved: float = strawberry.field(description="Set aside by reservations, and not used yet.")
    limit: float | None = strawberry.field(description="The limit of a window; null where there is none.")
    remaining: float | None = strawberry.field(description="What is left, reservations taken off; null without limit.")
    resets_at: datetime | None = strawberry.field(description="When the next window begins; null where none does.")

    @classmethod
    def of(cls, reading: usage.Reading) -> "UsageMeter":
        """The meter as the API tells it."""
        return cls(
            key=reading.meter.key,
            name=reading.meter.name,
            used=reading.used,
            reserved=reading.reserved,
            limit=reading.limit,
            remaining=reading.remaining,
            resets_at=reading.resets_at,
        )


@strawberry.type(description="A quantity that is set aside.")
class UsageReservation:
    """A reservation."""

    id: strawberry.ID = strawberry.field(description="Global id, for `commitUsage` and `releaseUsage`.")
    quantity: float = strawberry.field(description="How much is set aside.")
    expires_at: datetime = strawberry.field(description="When it ends by itself and can be committed no more.")

    @classmethod
    def of(cls, row: ReservationRow) -> "UsageReservation":
        """The row as the API tells it."""
        key = strawberry.ID(encode_id("UsageReservation", row.key))
        return cls(id=key, quantity=row.quantity, expires_at=row.expires_at)


@strawberry.input(description="Something that was used.")
class RecordUsageInput:
    """One report."""

    meter: str = strawberry.field(description="The meter's key.")
    quantity: float = strawberry.field(default=1, description="A whole number from 1 to 2^53.")
    idempotency_key: str = strawberry.field(
        description="At most 100 characters, one for each report of a user: the same report is counted once."
    )
    user_id: strawberry.ID | None = strawberry.field(default=None, description="Who used it; the viewer when left out.")

    def entry(self) -> usage.Entry:
        """The report as the service takes it. Raises BadUserInput."""
        return usage.Entry(self.meter, self.quantity, self.idempotency_key)


@strawberry.input(description="Something that is going to be used.")
class ReserveUsageInput(RecordUsageInput):
    """What to set aside, and for how long."""

    seconds: int = strawberry.field(default=600, description="How long to set it aside, from 1 to 3,600 seconds.")


@strawberry.type(description="The report has been counted.")
class RecordUsageSuccess:
    """What `recordUsage` gives."""

    meter: UsageMeter = strawberry.field(description="The meter afterwards.")
    duplicate: bool = strawberry.field(description="Whether it had been counted before, and was not counted again.")

    @classmethod
    def of(cls, recorded: usage.Recorded) -> "RecordUsageSuccess":
        """What was counted as the API tells it."""
        return cls(meter=UsageMeter.of(recorded.reading), duplicate=recorded.duplicate)


@strawberry.type(description="The limit of the meter would be passed. Nothing was counted.")
class UsageLimitReached(Error):
    """Too much."""

    meter: UsageMeter = strawberry.field(description="The meter as it stands.")

    @classmethod
    def of(cls, refusal: Refusal) -> "UsageLimitReached":
        """The refusal with its meter."""
        assert isinstance(refusal, usage.UsageLimitReached)
        return cls(message=refusal.message, meter=UsageMeter.of(refusal.reading))


@strawberry.type(description="The idempotency key, or the reservation, has been used with other values.")
class IdempotencyConflict(Error):
    """Not the same again."""


@strawberry.type(description="The reservation has been committed or released, or its time has passed.")
class ReservationEnded(Error):
    """Nothing is set aside any more."""


RecordUsageResult = Annotated[
    RecordUsageSuccess | UsageLimitReached | IdempotencyConflict,
    strawberry.union("RecordUsageResult", description="What `recordUsage` answers."),
]


@strawberry.type(description="What became of the reports of a batch.")
class RecordUsageBatchPayload:
    """What `recordUsageBatch` gives."""

    results: list[RecordUsageResult] = strawberry.field(description="One for each entry, in the same order.")


@strawberry.type(description="The quantity has been set aside.")
class ReserveUsageSuccess:
    """What `reserveUsage` gives."""

    reservation: UsageReservation = strawberry.field(description="The reservation.")
    meter: UsageMeter = strawberry.field(description="The meter afterwards.")
    duplicate: bool = strawberry.field(description="Whether it had been made before.")


@strawberry.type(description="The reservation has ended as was asked for.")
class EndReservationSuccess:
    """What `commitUsage` and `releaseUsage` give."""

    meter: UsageMeter = strawberry.field(description="The meter afterwards.")
    duplicate: bool = strawberry.field(description="Whether it had ended so before.")

    @classmethod
    def of(cls, ended: usage.Ended) -> "EndReservationSuccess":
        """The end as the API tells it."""
        return cls(meter=UsageMeter.of(ended.reading), duplicate=ended.duplicate)


ReserveUsageResult = Annotated[
    ReserveUsageSuccess | UsageLimitReached | IdempotencyConflict,
    strawberry.union("ReserveUsageResult", description="What `reserveUsage` answers."),
]
CommitUsageResult = Annotated[
    EndReservationSuccess | ReservationEnded | IdempotencyConflict,
    strawberry.union("CommitUsageResult", description="What `commitUsage` answers."),
]
ReleaseUsageResult = Annotated[
    EndReservationSuccess | ReservationEnded,
    strawberry.union("ReleaseUsageResult", description="What `releaseUsage` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    usage.UsageLimitReached: UsageLimitReached,
    usage.IdempotencyConflict: IdempotencyConflict,
    usage.ReservationEnded: ReservationEnded,
}


def result_of(result: usage.Recorded | Refusal) -> RecordUsageSuccess | UsageLimitReached | IdempotencyConflict:
    """What came of one entry of a batch."""
    if isinstance(result, usage.Recorded):
        return RecordUsageSuccess.of(result)
    if isinstance(result, usage.UsageLimitReached):
        return UsageLimitReached.of(result)
    return IdempotencyConflict(message=result.message)


def reported(user_id: strawberry.ID | None, context: Context) -> int | None:
    """The number of the user whose usage is told; None where the id is none."""
    return context.signed_in.user.id if user_id is None else decode_int_id(user_id, "User")


async def entitlements_of_user(user_id: int, info: Info) -> list[Entitlement]:
    """The edge from a user to what they may use. Raises NotFound for who may not see it."""
    info.context.require_sight_of(user_id)
    held = await info.context.held_by(user_id)
    grant = entitlements.plan_of(info.context.app, held, info.context.now)
    return [Entitlement.of(feature) for feature in grant.features]


async def usage_of_user(user_id: int, info: Info) -> list[UsageMeter]:
    """The edge from a user to their meters. Raises NotFound for who may not see it."""
    info.context.require_sight_of(user_id)
    held = await info.context.held_by(user_id)
    return await _meters(info.context, user_id, entitlements.plan_of(info.context.app, held, info.context.now))


async def usage_of_trial(trial: Trial, info: Info) -> list[UsageMeter] | None:
    """The edge from a trial to its meters; None once it gives its plan no more. Raises NotFound as above."""
    info.context.require_sight_of(trial.user_id)
    if not trials.has_access(trial, info.context.now):
        return None
    grant = entitlements.plan_of(info.context.app, Held(trial), info.context.now)
    return await _meters(info.context, trial.user_id, grant)


async def _meters(context: Context, user_id: int, grant: entitlements.Grant) -> list[UsageMeter]:
    now, meters = context.now, context.app.catalogue.meters.values()
    keys = [(user_id, meter.key, usage.period_of(meter.window, now).name) for meter in meters]
    rows = await context.loaders.usage_counter_by_window.load_many(keys)
    found = [row for row in rows if row is not None]
    return [UsageMeter.of(reading) for reading in usage.readings_of(context.app, grant, found, now)]
