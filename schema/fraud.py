"""Fraud cases, as the people see them who decide; the lists that they keep."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import encode_id
from core.errors import NotFound, Refusal
from models.fraud import FraudCase as FraudCaseRow
from models.fraud import FraudListEntry as FraudListEntryRow
from schema.accounts import User
from schema.accounts.administration import UserConnection
from schema.connections import After, Before, First, Last, PageInfo, cursor_by_id
from schema.context import Context, Info
from schema.directives import STAFF_READS
from schema.enums import described
from schema.errors import Error
from schema.nodes import Node
from services import fraud
from services.access import Permission
from services.fraud import cases, lists
from services.pages import Rows, page_of

FraudDecision = described(
    fraud.Decision,
    "What the check of a sign-up decided.",
    {
        "ALLOW": "A full trial.",
        "LIMIT": "A trial with smaller quotas.",
        "CHALLENGE": "Proof first: work, or a code by mail.",
        "REVIEW": "An account without a trial until somebody has looked.",
        "BLOCK": "No account; the refused may appeal.",
    },
    name="FraudDecision",
)
FraudCaseStatus = described(
    cases.CaseStatus,
    "Where a case stands.",
    {
        "OPEN": "Nobody has decided yet.",
        "CONFIRMED": "It was fraud.",
        "DISMISSED": "It was not: what had been held back has been given.",
    },
    name="FraudCaseStatus",
)
FraudListKind = described(
    lists.ListKind,
    "What an entry of the lists names.",
    {
        "PERSON": "An address, whatever its dots and tags.",
        "DOMAIN": "The domain of an address.",
        "NETWORK": "An IPv4 /24 or an IPv6 /64, given by any address in it.",
    },
    name="FraudListKind",
)
FraudListVerdict = described(
    lists.ListVerdict,
    "What an entry does.",
    {"ALLOW": "Lets sign-ups pass.", "DENY": "Weighs against sign-ups."},
    name="FraudListVerdict",
)


@strawberry.type(description="One reason for a score.")
class FraudReason:
    """A signal that was seen."""

    code: str = strawberry.field(description="The signal's name, as `docs/fraud.md` lists it.")
    weight: float = strawberry.field(description="What it adds to the log-odds.")
    explanation: str = strawberry.field(description="A sentence for people.")


@strawberry.type(description="A sign-up that somebody should look at.")
class FraudCase(Node):
    """One case."""

    score: float = strawberry.field(description="How likely fraud is by the rules, from 0 to 1.")
    decision: FraudDecision = strawberry.field(description="What the check decided.")  # type: ignore[valid-type]
    reasons: list[FraudReason] = strawberry.field(description="Why, the weightiest first.")
    status: FraudCaseStatus = strawberry.field(description="Where the case stands.")  # type: ignore[valid-type]
    created_at: datetime = strawberry.field(description="When the sign-up was checked.")
    closed_at: datetime | None = strawberry.field(description="When it was decided; null while it is open.")
    note: str | None = strawberry.field(description="What the reviewer noted.")
    appealed_at: datetime | None = strawberry.field(description="When the refused person appealed; null if never.")
    appeal_message: str | None = strawberry.field(description="What they wrote.")
    email: str = strawberry.field(description="The address of the sign-up; empty once it has been forgotten.")
    rules_version: str = strawberry.field(description="The rule set that decided.")
    row: strawberry.Private[FraudCaseRow]

    @strawberry.field(description="Accounts that share an address, a device or a card with it, the newest first.")
    async def linked_users(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> UserConnection | None:
        page = page_of(first, after, last, before)
        return UserConnection.of(*await cases.linked_users(self.row.assessment, page))

    @strawberry.field(description="The account of the sign-up; null where none was made or it has been deleted.")
    async def user(self, info: Info) -> User | None:
        user_id = self.row.assessment.user_id
        row = await info.context.loaders.user_by_id.load(user_id) if user_id is not None else None
        return User.of(row) if row else None

    @classmethod
    def of(cls, row: FraudCaseRow) -> "FraudCase":
        """The row, read with its assessment, as the API tells it."""
        found = row.assessment
        return cls(
            id=strawberry.ID(encode_id("FraudCase", row.id)),
            email=found.email or "",
            score=found.score,
            decision=fraud.Decision(found.decision),
            reasons=[FraudReason(**reason) for reason in found.reasons],
            status=cases.CaseStatus(row.status),
            created_at=row.created_at,
            closed_at=row.closed_at,
            note=row.note,
            appealed_at=row.appealed_at,
            appeal_message=row.appeal_message,
            rules_version=found.rules_version,
            row=row,
        )


@strawberry.type(description="A case in its place.")
class FraudCaseEdge:
    """An edge of `fraudCases`."""

    cursor: str = strawberry.field(description="The case's place.")
    node: FraudCase = strawberry.field(description="The case.")


@strawberry.type(description="A page of cases.")
class FraudCaseConnection:
    """Cases, the newest first."""

    edges: list[FraudCaseEdge] = strawberry.field(description="The cases.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    total_count: int = strawberry.field(description="How many there are in all.")

    @classmethod
    def of(cls, page: Rows[FraudCaseRow], total: int) -> "FraudCaseConnection":
        """The page as the API tells it."""
        edges = [FraudCaseEdge(cursor=cursor_by_id(row), node=FraudCase.of(row)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), total_count=total)


@strawberry.type(description="An entry of the allow and deny lists.")
class FraudListEntry:
    """One entry."""

    id: strawberry.ID = strawberry.field(description="Names the entry.")
    kind: FraudListKind = strawberry.field(description="What it names.")  # type: ignore[valid-type]
    verdict: FraudListVerdict = strawberry.field(description="What it does.")  # type: ignore[valid-type]
    hint: str = strawberry.field(description="What it names, told as far as people need it: an address is shortened.")
    reason: str = strawberry.field(description="Why it is there.")
    created_at: datetime = strawberry.field(description="Since when.")
    expires_at: datetime = strawberry.field(description="Until when.")
    owner_id: strawberry.Private[int | None]

    @strawberry.field(description="Who answers for it; null once their account is gone.")
    async def owner(self, info: Info) -> User | None:
        row = await info.context.loaders.user_by_id.load(self.owner_id) if self.owner_id is not None else None
        return User.of(row) if row else None

    @classmethod
    def of(cls, row: FraudListEntryRow) -> "FraudListEntry":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("FraudListEntry", row.id)),
            kind=lists.ListKind(row.kind),
            verdict=lists.ListVerdict(row.verdict),
            hint=row.hint,
            reason=row.reason,
            created_at=row.created_at,
            expires_at=row.expires_at,
            owner_id=row.owner_id,
        )


@strawberry.input(description="An entry for the allow and deny lists.")
class FraudListEntryInput:
    """What is to be listed."""

    kind: FraudListKind = strawberry.field(description="What `value` is.")  # type: ignore[valid-type]
    value: str = strawberry.field(description="The address, domain or IP address.")
    verdict: FraudListVerdict = strawberry.field(description="What the entry does.")  # type: ignore[valid-type]
    reason: str = strawberry.field(description="Why, for the record; at most 500 characters.")
    days: int = strawberry.field(description="How long it stands, from 1 to 365.")


@strawberry.type(description="The case has been decided.")
class ReviewFraudCaseSuccess:
    """What `reviewFraudCase` gives."""

    case: FraudCase = strawberry.field(description="The case as it is now.")


@strawberry.type(description="Somebody else has decided this case already.")
class CaseAlreadyClosed(Error):
    """A case is decided once."""


ReviewFraudCaseResult = Annotated[
    ReviewFraudCaseSuccess | CaseAlreadyClosed,
    strawberry.union("ReviewFraudCaseResult", description="What `reviewFraudCase` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {cases.CaseAlreadyClosed: CaseAlreadyClosed}


async def require_sight_of_cases(context: Context) -> None:
    """Raise unless the viewer reviews cases and has used a second factor. Raises NotFound, StepUpRequired."""
    if not context.may(Permission.REVIEW_FRAUD):
        raise NotFound
    await context.require_assurance(STAFF_READS)
