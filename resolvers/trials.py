"""Trials: what owners and support do with them, and the live countdown."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from core.errors import NotFound
from models.accounts import Role
from schema.context import Info
from schema.directives import STAFF_CHANGES, Auth, RateLimit, guards
from schema.trials import (
    CancelTrialResult,
    CancelTrialSuccess,
    ExtendTrialResult,
    ExtendTrialSuccess,
    PauseTrialResult,
    PauseTrialSuccess,
    ResumeTrialResult,
    ResumeTrialSuccess,
    Trial,
    TrialTick,
)
from services import audit, trials


@strawberry.type
class TrialsMutation:
    """What owners do with their trial, and what support may do for it."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Halt the viewer's trial: its remaining time is kept, and meanwhile there is no access. "
        "It runs on by itself after 30 days; a trial can be paused twice.",
    )
    async def pause_trial(self, info: Info) -> PauseTrialResult | None:
        trial = await trials.pause(info.context.app, info.context.signed_in.user)
        return PauseTrialSuccess(trial=Trial.of(trial, info.context.now))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Let the viewer's paused trial run on, with the time that it had left.",
    )
    async def resume_trial(self, info: Info) -> ResumeTrialResult | None:
        trial = await trials.resume(info.context.app, info.context.signed_in.user)
        return ResumeTrialSuccess(trial=Trial.of(trial, info.context.now))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Cancel the viewer's trial for good. Access stays until its end; a paused one ends at once.",
    )
    async def cancel_trial(self, info: Info) -> CancelTrialResult | None:
        trial = await trials.cancel(info.context.app, info.context.signed_in.user)
        return CancelTrialSuccess(trial=Trial.of(trial, info.context.now))

    @strawberry.mutation(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Give a user more days, counted from the trial's end or, when it is over, from now.",
    )
    async def extend_trial(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="Whose trial.")],
        days: Annotated[int, strawberry.argument(description="From 1 to 365.")],
        reason: Annotated[
            str,
            strawberry.argument(description="Why, for the record, which the user may read; at most 500 characters."),
        ],
    ) -> ExtendTrialResult | None:
        owner = decode_int_id(user_id, "User")
        if owner is None:
            raise NotFound
        context = info.context
        trial = await trials.extend(
            context.app,
            owner,
            days,
            reason=audit.checked_reason(reason),
            actor=context.signed_in.user,
            client=context.client,
        )
        return ExtendTrialSuccess(trial=Trial.of(trial, context.now))


@strawberry.type
class TrialsSubscription:
    """The live countdown."""

    @strawberry.subscription(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="The viewer's trial: at once, at every change and at the cadence asked for, until it is over.",
    )
    async def trial_countdown(
        self,
        info: Info,
        every_seconds: Annotated[
            int | None, strawberry.argument(description="Cadence in seconds, from 1 to 3,600; 1 when it is left out.")
        ] = None,
    ) -> AsyncGenerator[TrialTick | None, None]:
        viewer = info.context.signed_in
        ticks = await trials.watch(info.context.app, viewer.user.id, 1 if every_seconds is None else every_seconds)
        return _as_types(ticks)


async def _as_types(ticks: AsyncGenerator[trials.Tick, None]) -> AsyncGenerator[TrialTick | None, None]:
    try:
        async for tick in ticks:
            yield TrialTick.of(tick)
    finally:
        await ticks.aclose()
