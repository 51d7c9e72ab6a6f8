"""Fraud cases and lists for the staff, the appeal for the refused."""

from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from core.errors import NotFound
from models.accounts import Role
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import STAFF_CHANGES, STAFF_READS, Auth, Public, RateLimit, RateLimitKey, guards
from schema.fraud import (
    FraudCase,
    FraudCaseConnection,
    FraudCaseStatus,
    FraudDecision,
    FraudListEntry,
    FraudListEntryInput,
    ReviewFraudCaseResult,
    ReviewFraudCaseSuccess,
)
from services import audit
from services.fraud import appeals, cases, lists
from services.pages import page_of


@strawberry.type
class FraudQuery:
    """What there is to look at."""

    @strawberry.field(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="Sign-ups that somebody should look at, the newest first.",
    )
    async def fraud_cases(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        status: Annotated[
            FraudCaseStatus | None,
            strawberry.argument(description="Cases that stand so alone."),
        ] = None,
        decision: Annotated[
            FraudDecision | None,
            strawberry.argument(description="Cases of this decision alone, such as the trials that are smaller."),
        ] = None,
    ) -> FraudCaseConnection | None:
        page, viewer = page_of(first, after, last, before), info.context.signed_in.user
        return FraudCaseConnection.of(*await cases.page_of_cases(viewer, page, status=status, decision=decision))

    @strawberry.field(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="The allow and deny lists: entries that have not expired, the newest first, 500 at most.",
    )
    async def fraud_list_entries(self, info: Info) -> list[FraudListEntry] | None:
        rows = await lists.standing(info.context.app, info.context.signed_in.user)
        return [FraudListEntry.of(row) for row in rows]


@strawberry.type
class FraudMutation:
    """Deciding, listing, appealing."""

    @strawberry.mutation(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Decide a case: confirming it keeps what was held back, dismissing it gives the full trial, or to "
        "who was refused a letter that they may register.",
    )
    async def review_fraud_case(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The case.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
        confirm: Annotated[bool, strawberry.argument(description="Whether it was fraud.")],
        note: Annotated[
            str | None, strawberry.argument(description="Why, for the record; at most 500 characters.")
        ] = None,
    ) -> ReviewFraudCaseResult | None:
        context = info.context
        case = await cases.review(
            context.app,
            _number(id, "FraudCase"),
            confirm=confirm,
            note=None if note is None else audit.checked_reason(note),
            actor=context.signed_in.user,
            client=context.client,
        )
        return ReviewFraudCaseSuccess(case=FraudCase.of(case))

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=10, window=3600, by=RateLimitKey.IP), RateLimit(max=10, window=3600)),
        description="Ask for a person to look at a refusal. True whatever the token, so that it tells nothing.",
    )
    async def appeal_fraud_decision(
        self,
        info: Info,
        appeal_token: Annotated[str, strawberry.argument(description="What `FraudSuspected` gave.")],
        message: Annotated[str, strawberry.argument(description="In your words; at most 2,000 characters.")],
    ) -> bool | None:
        await appeals.appeal(info.context.app, appeal_token, message)
        return True

    @strawberry.mutation(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Put an address, a domain or a network on a list. An entry for the same one is replaced.",
    )
    async def set_fraud_list_entry(
        self,
        info: Info,
        input: Annotated[FraudListEntryInput, strawberry.argument(description="The entry.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> FraudListEntry | None:
        context = info.context
        row = await lists.put(
            context.app,
            kind=input.kind,
            value=input.value,
            verdict=input.verdict,
            reason=audit.checked_reason(input.reason),
            days=input.days,
            actor=context.signed_in.user,
            client=context.client,
        )
        return FraudListEntry.of(row)

    @strawberry.mutation(
        extensions=guards(Auth(Role.SUPPORT, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Take an entry off the lists. False when it is not there any more.",
    )
    async def remove_fraud_list_entry(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The entry.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> bool | None:
        context = info.context
        number = _number(id, "FraudListEntry")
        return await lists.remove(context.app, number, actor=context.signed_in.user, client=context.client)


def _number(text: str, kind: str) -> int:
    number = decode_int_id(text, kind)
    if number is None:
        raise NotFound
    return number
