"""Usage: reporting it, reserving it, and following it live."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from core.cursors import decode_id
from core.errors import NotFound
from schema.context import Info
from schema.directives import Auth, RateLimit, guards
from schema.usage import (
    CommitUsageResult,
    EndReservationSuccess,
    RecordUsageBatchPayload,
    RecordUsageInput,
    RecordUsageResult,
    RecordUsageSuccess,
    ReleaseUsageResult,
    ReserveUsageInput,
    ReserveUsageResult,
    ReserveUsageSuccess,
    UsageMeter,
    UsageReservation,
    reported,
    result_of,
)
from services import usage

Reservation = Annotated[strawberry.ID, strawberry.argument(description="The reservation's id.")]


@strawberry.type
class UsageMutation:
    """Reports, and what is set aside for costly work."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=1200, window=60)),
        description="Report what was used: by users where the meter lets them, else by staff, with `userId`.",
    )
    async def record_usage(
        self,
        info: Info,
        input: Annotated[RecordUsageInput, strawberry.argument(description="What was used.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> RecordUsageResult | None:
        context, entry = info.context, input.entry()
        owner = reported(input.user_id, context)
        user_id = await usage.recordable_for(context.app, context.signed_in.user, [(owner, entry)])
        return RecordUsageSuccess.of(await usage.record(context.app, user_id[0], entry))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Report many things at once. Each is counted, refused or known by itself; wrong input refuses all.",
    )
    async def record_usage_batch(
        self,
        info: Info,
        entries: Annotated[list[RecordUsageInput], strawberry.argument(description="From 1 to 1,000.")],
    ) -> RecordUsageBatchPayload | None:
        context = info.context
        told = [(reported(each.user_id, context), each.entry()) for each in entries]
        owners = await usage.recordable_for(context.app, context.signed_in.user, told)
        reports = [(owner, entry) for owner, (_, entry) in zip(owners, told, strict=True)]
        results = await usage.record_all(context.app, reports)
        return RecordUsageBatchPayload(results=[result_of(each) for each in results])

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=1200, window=60)),
        description="Set a quantity aside before costly work; commit or release it afterwards.",
    )
    async def reserve_usage(
        self,
        info: Info,
        input: Annotated[ReserveUsageInput, strawberry.argument(description="What to set aside.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> ReserveUsageResult | None:
        context, entry = info.context, input.entry()
        owner = reported(input.user_id, context)
        user_id = await usage.recordable_for(context.app, context.signed_in.user, [(owner, entry)])
        done = await usage.reserve(context.app, user_id[0], entry, seconds=input.seconds)
        reservation = UsageReservation.of(done.row)
        return ReserveUsageSuccess(reservation=reservation, meter=UsageMeter.of(done.reading), duplicate=done.duplicate)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=1200, window=60)),
        description="Count what of a reservation was used, and give the rest back. The same again changes nothing.",
    )
    async def commit_usage(
        self,
        info: Info,
        id: Reservation,  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
        quantity: Annotated[
            float | None, strawberry.argument(description="At most what was reserved; all of it when left out.")
        ] = None,
    ) -> CommitUsageResult | None:
        context = info.context
        ended = await usage.commit(context.app, context.signed_in.user, _key_of(id), quantity)
        return EndReservationSuccess.of(ended)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=1200, window=60)),
        description="Give back what was set aside. The same again changes nothing.",
    )
    async def release_usage(self, info: Info, id: Reservation) -> ReleaseUsageResult | None:  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
        context = info.context
        return EndReservationSuccess.of(await usage.release(context.app, context.signed_in.user, _key_of(id)))


@strawberry.type
class UsageSubscription:
    """Meters, live."""

    @strawberry.subscription(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="The viewer's meters: those with usage at once, then each that changes, also when a window ends.",
    )
    async def usage_changed(self, info: Info) -> AsyncGenerator[UsageMeter | None, None]:
        return _as_types(usage.watch(info.context.app, info.context.signed_in.user.id))


async def _as_types(readings: AsyncGenerator[usage.Reading, None]) -> AsyncGenerator[UsageMeter | None, None]:
    try:
        async for reading in readings:
            yield UsageMeter.of(reading)
    finally:
        await readings.aclose()


def _key_of(global_id: str) -> str:
    """The key of a reservation's id. Raises NotFound."""
    decoded = decode_id(global_id)
    if decoded is None or decoded[0] != "UsageReservation":
        raise NotFound
    return decoded[1]
