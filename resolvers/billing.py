"""The catalogue, and what people do with their subscription."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.billing import Plan
from schema.context import Info
from schema.directives import Auth, Flag, Public, RateLimit, guards
from schema.purchase_results import (
    CancelSubscriptionResult,
    CancelSubscriptionSuccess,
    ChangePlanResult,
    ChangePlanSuccess,
    OpenBillingPortalResult,
    OpenBillingPortalSuccess,
    PlanChangePreview,
    ResumeSubscriptionResult,
    ResumeSubscriptionSuccess,
    StartCheckoutInput,
    StartCheckoutResult,
    StartCheckoutSuccess,
    plan_key_of,
)
from schema.purchases import PlanSubscription
from services.billing import changing, checkout, previewing

PlanId = Annotated[strawberry.ID, strawberry.argument(description="The plan's id.")]
ProratedAt = Annotated[
    datetime | None,
    strawberry.argument(
        description="What a preview of the last hour said: the same amounts follow. "
        "The beginning of the present hour when left out."
    ),
]


@strawberry.type
class BillingQuery:
    """What is sold, and what a change would cost."""

    @strawberry.field(extensions=guards(Public()), description="The plans that are sold, in the catalogue's order.")
    async def plans(self, info: Info) -> list[Plan] | None:
        return [Plan.of(plan) for plan in info.context.app.catalogue.sold]

    @strawberry.field(
        extensions=guards(Auth(), RateLimit(max=30, window=60), Flag("plan-change-preview")),
        description="What it would cost to put the viewer's subscription on another plan; NOT_FOUND without one.",
    )
    async def plan_change_preview(
        self, info: Info, plan_id: PlanId, prorated_at: ProratedAt = None
    ) -> PlanChangePreview | None:
        app, viewer = info.context.app, info.context.signed_in
        preview = await previewing.preview_change(app, viewer.user, plan_key_of(plan_id), prorated_at=prorated_at)
        return PlanChangePreview.of(preview)


@strawberry.type
class BillingMutation:
    """Buying, changing, ending, going on."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60)),
        description="Open the page on which the viewer can buy a plan. Two calls with the same choice open one page; "
        "another choice closes it. During a trial, the first charge is due at its end.",
    )
    async def start_checkout(
        self,
        info: Info,
        input: Annotated[StartCheckoutInput, strawberry.argument(description="What to buy.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> StartCheckoutResult | None:
        url = await checkout.start_checkout(info.context.app, info.context.signed_in.user, input.choice())
        return StartCheckoutSuccess(url=url)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60)),
        description="Open the page on which the viewer looks after cards, invoices and the subscription.",
    )
    async def open_billing_portal(
        self,
        info: Info,
        return_url: Annotated[str, strawberry.argument(description="Where to come back to: an allowed address.")],
    ) -> OpenBillingPortalResult | None:
        url = await changing.open_portal(info.context.app, info.context.signed_in.user, return_url)
        return OpenBillingPortalSuccess(url=url)

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60)),
        description="Put the viewer's subscription on another plan, and charge the difference at once; a credit is "
        "taken off the next charge. When the charge fails, nothing changes.",
    )
    async def change_plan(self, info: Info, plan_id: PlanId, prorated_at: ProratedAt = None) -> ChangePlanResult | None:
        app, viewer = info.context.app, info.context.signed_in
        row = await changing.change_plan(app, viewer.user, plan_key_of(plan_id), prorated_at=prorated_at)
        return ChangePlanSuccess(subscription=PlanSubscription.of(row))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60)),
        description="End the viewer's subscription with the period that is paid for. Nothing is paid back.",
    )
    async def cancel_subscription(
        self,
        info: Info,
        immediately: Annotated[bool | None, strawberry.argument(description="End it now, with its access.")] = None,
    ) -> CancelSubscriptionResult | None:
        app, viewer = info.context.app, info.context.signed_in
        row = await changing.cancel_subscription(app, viewer.user, immediately=bool(immediately))
        return CancelSubscriptionSuccess(subscription=PlanSubscription.of(row))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60)),
        description="Let the viewer's subscription go on that was to end with its period.",
    )
    async def resume_subscription(self, info: Info) -> ResumeSubscriptionResult | None:
        row = await changing.resume_subscription(info.context.app, info.context.signed_in.user)
        return ResumeSubscriptionSuccess(subscription=PlanSubscription.of(row))
