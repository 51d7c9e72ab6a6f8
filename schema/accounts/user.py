"""Users, as their owners and who may see them see them."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import encode_id
from models.accounts import Role as RoleRow
from models.accounts import User as UserRow
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.enums import described
from schema.nodes import Node
from schema.recommendations import Interest, RecommendationConnection, RecommendationFilter
from schema.trials import Trial, trial_of_user
from services import recommendations
from services.pages import page_of

Role = described(
    RoleRow,
    "What a user may do beyond their own account.",
    {
        "USER": "Their own account.",
        "SUPPORT": "Help users with their accounts and trials.",
        "ANALYST": "Read figures.",
        "ADMIN": "Everything.",
    },
)


@strawberry.type(description="Somebody who has an account.")
class User(Node):
    """An account as its owner, or who may see it, sees it."""

    database_id: int = strawberry.field(description="The number that the REST contract calls `user_id`.")
    email: str = strawberry.field(description="As it was written at registration.")
    email_verified: bool = strawberry.field(description="Whether its owner has proven to read it.")
    name: str | None = strawberry.field(description="Display name.")
    role: Role = strawberry.field(description="What the user may do.")  # type: ignore[valid-type]
    created_at: datetime = strawberry.field(description="When the account was made.")
    pk: strawberry.Private[int]
    goes_at: strawberry.Private[datetime | None]

    @strawberry.field(description="The user's free trial; null when there never was one.")
    async def trial(self, info: Info) -> Trial | None:
        return await trial_of_user(self.pk, info)

    @strawberry.field(description="When the account will be deleted, as its owner has asked for; null otherwise.")
    async def deletion_at(self, info: Info) -> datetime | None:
        info.context.require_sight_of(self.pk)
        return self.goes_at

    @strawberry.field(description="What the user cares for, the strongest first.")
    async def interests(self, info: Info) -> list[Interest] | None:
        info.context.require_sight_of(self.pk)
        return [Interest.of(row) for row in await recommendations.interests_of(self.pk)]

    @strawberry.field(description="What suits the user, the best first. What they disliked is gone.")
    async def recommendations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Annotated[  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
            RecommendationFilter | None, strawberry.argument(description="What to see alone.")
        ] = None,
    ) -> RecommendationConnection | None:
        info.context.require_sight_of(self.pk)
        wanted = filter.wanted() if filter else recommendations.Filter()
        page = page_of(first, after, last, before)
        return RecommendationConnection.of(await recommendations.recommend(info.context.app, self.pk, page, wanted))

    @classmethod
    def of(cls, row: UserRow) -> "User":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("User", row.id)),
            database_id=row.id,
            email=row.email,
            email_verified=row.email_verified_at is not None,
            name=row.name,
            role=row.role,
            created_at=row.created_at,
            pk=row.id,
            goes_at=row.deletion_at,
        )
