"""Users, as their owners and who may see them see them."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import encode_id
from models.accounts import Role as RoleRow
from models.accounts import User as UserRow
from schema.audit import AuditEventConnection, require_sight_of_events
from schema.billing import Entitlement
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.devices import DeviceConnection
from schema.directives import Entitled, guards
from schema.enums import described
from schema.nodes import Node
from schema.notifications import NotificationPreference, preferences_of_user
from schema.onboarding import Onboarding, onboarding_of_user
from schema.passkeys import Passkey, passkeys_of_user
from schema.purchases import InvoiceConnection, PlanSubscription, invoices_of_user, subscription_of_user
from schema.recommendations import Interest, RecommendationConnection, RecommendationFilter
from schema.sessions import SessionConnection
from schema.trials import Trial, trial_of_user
from schema.usage import UsageMeter, entitlements_of_user, usage_of_user
from services import audit, devices, recommendations, sessions
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


@strawberry.type(description="Somebody who has an account.")  # ruff: ignore[too-many-public-methods] -- its fields
class User(Node):
    """An account as its owner, or who may see it, sees it."""

    database_id: int = strawberry.field(description="The number that the REST contract calls `user_id`.")
    email: str = strawberry.field(description="As it was written at registration.")
    email_verified: bool = strawberry.field(description="Whether its owner has proven to read it.")
    name: str | None = strawberry.field(description="Display name.")
    role: Role = strawberry.field(description="What the user may do.")  # type: ignore[valid-type]
    created_at: datetime = strawberry.field(description="When the account was made.")
    pk: strawberry.Private[int]
    row: strawberry.Private[UserRow]

    @strawberry.field(description="The language that the user prefers, as a BCP 47 tag.")
    def locale(self, info: Info) -> str | None:
        info.context.require_sight_of(self.pk)
        return self.row.locale

    @strawberry.field(description="Where the user's days begin and end, by its IANA name.")
    def timezone(self, info: Info) -> str | None:
        info.context.require_sight_of(self.pk)
        return self.row.timezone

    @strawberry.field(description="The sessions of the user that stand, those that began last first.")
    async def sessions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> SessionConnection | None:
        info.context.require_sight_of(self.pk)
        page = page_of(first, after, last, before)
        found = await sessions.page_of_user(info.context.app, self.pk, page)
        return SessionConnection.of(found, self.pk, info.context.viewer)

    @strawberry.field(description="The devices that the user has signed in from, the newest first.")
    async def devices(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> DeviceConnection | None:
        info.context.require_sight_of(self.pk)
        found = await devices.page_of_user(self.pk, page_of(first, after, last, before))
        return DeviceConnection.of(found, self.pk, info.context.now)

    @strawberry.field(description="Whether what a client tells of the user by `trackEvents` is written down.")
    def analytics_consent(self, info: Info) -> bool | None:
        info.context.require_sight_of(self.pk)
        return self.row.analytics_consent

    @strawberry.field(description="Whether what the user does is kept and used to find what suits them.")
    def personalization(self, info: Info) -> bool | None:
        info.context.require_sight_of(self.pk)
        return self.row.personalization

    @strawberry.field(description="The user's free trial; null when there never was one.")
    async def trial(self, info: Info) -> Trial | None:
        return await trial_of_user(self.pk, info)

    @strawberry.field(description="The user's subscription, the last one when it is over; null for who never had one.")
    async def subscription(self, info: Info) -> PlanSubscription | None:
        return await subscription_of_user(self.pk, info)

    @strawberry.field(description="The user's invoices, the newest first.")
    async def invoices(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> InvoiceConnection | None:
        return await invoices_of_user(self.pk, page_of(first, after, last, before), info)

    @strawberry.field(description="What the user may use now, by their trial or by the plan of who has none.")
    async def entitlements(self, info: Info) -> list[Entitlement] | None:
        return await entitlements_of_user(self.pk, info)

    @strawberry.field(description="What is counted, and how much of it is left.")
    async def usage(self, info: Info) -> list[UsageMeter] | None:
        return await usage_of_user(self.pk, info)

    @strawberry.field(description="Whether a sign-in asks for a second factor: an authenticator app or a passkey.")
    async def mfa_enabled(self, info: Info) -> bool | None:
        info.context.require_sight_of(self.pk)
        return await info.context.loaders.mfa_enabled_by_user.load(self.pk)

    @strawberry.field(description="How many recovery codes have not been used.")
    async def recovery_codes_left(self, info: Info) -> int | None:
        info.context.require_sight_of(self.pk)
        return await info.context.loaders.recovery_codes_left_by_user.load(self.pk)

    @strawberry.field(description="The user's passkeys, the oldest first.")
    async def passkeys(self, info: Info) -> list[Passkey] | None:
        return await passkeys_of_user(self.pk, info)

    @strawberry.field(description="When the account will be deleted, as its owner has asked for; null otherwise.")
    async def deletion_at(self, info: Info) -> datetime | None:
        info.context.require_sight_of(self.pk)
        return self.row.deletion_at

    @strawberry.field(description="How far the user has come with their first steps.")
    async def onboarding(self, info: Info) -> Onboarding | None:
        return await onboarding_of_user(self.pk, info)

    @strawberry.field(description="Which letters the user wants, topic by topic.")
    async def notification_preferences(self, info: Info) -> list[NotificationPreference] | None:
        return await preferences_of_user(self.row, info)

    @strawberry.field(description="What the user cares for, the strongest first.")
    async def interests(self, info: Info) -> list[Interest] | None:
        info.context.require_sight_of(self.pk)
        return [Interest.of(row) for row in await recommendations.interests_of(self.pk)]

    @strawberry.field(
        extensions=guards(Entitled("recommendations")),
        description="What suits the user, the best first. What they disliked is gone.",
    )
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

    @strawberry.field(description="What happened to the account, the newest first.")
    async def audit_events(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> AuditEventConnection | None:
        await require_sight_of_events(info.context, self.pk)
        return AuditEventConnection.of(*await audit.events(page_of(first, after, last, before), user_id=self.pk))

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
            row=row,
        )
