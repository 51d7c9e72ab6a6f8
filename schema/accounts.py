"""Users, registering and signing in."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.cursors import encode_id
from core.errors import Refusal
from models.accounts import Role as RoleRow
from models.accounts import User as UserRow
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.devices import DeviceInput
from schema.enums import described
from schema.errors import Error
from schema.nodes import Node
from schema.recommendations import Interest, RecommendationConnection, RecommendationFilter
from schema.sessions import Tokens
from schema.trials import Trial, trial_of_user
from services import accounts, recommendations
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

    @strawberry.field(description="The user's free trial; null when there never was one.")
    async def trial(self, info: Info) -> Trial | None:
        return await trial_of_user(self.pk, info)

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
        )


@strawberry.input(description="What a new user gives.")
class RegisterInput:
    """A registration."""

    email: str = strawberry.field(description="At most 254 characters.")
    password: str = strawberry.field(description="15 to 256 characters, of any kind.")
    name: str | None = strawberry.field(default=None, description="Display name, at most 100 characters.")
    device: DeviceInput | None = strawberry.field(default=None, description="Where the user registers from.")


@strawberry.input(description="What a returning user gives.")
class LoginInput:
    """A sign-in."""

    email: str = strawberry.field(description="The address of the account, in any case.")
    password: str = strawberry.field(description="The password of the account.")
    device: DeviceInput | None = strawberry.field(default=None, description="Where the user signs in from.")


@strawberry.type(description="The account exists and its first session has begun.")
class RegisterSuccess:
    """What `register` gives."""

    user: User = strawberry.field(description="The new user, who is now the viewer.")
    trial: Trial | None = strawberry.field(description="Null when this person has had a trial before.")
    tokens: Tokens | None = strawberry.field(description="The new session's tokens.")
    device_token: str | None = strawberry.field(description="Keep it: it recognises this device at its next sign-in.")


@strawberry.type(description="The session has begun.")
class LoginSuccess:
    """What `login` gives."""

    user: User = strawberry.field(description="The user, who is now the viewer.")
    tokens: Tokens | None = strawberry.field(description="The new session's tokens.")
    device_token: str | None = strawberry.field(description="Keep it: it recognises this device at its next sign-in.")


@strawberry.type(description="There is an account with this address.")
class EmailTaken(Error):
    """Somebody registered with it."""


@strawberry.type(description="The text is no address that mail could reach.")
class InvalidEmail(Error):
    """No e-mail address."""


@strawberry.type(description="The password does not meet the rules.")
class InvalidPassword(Error):
    """A password that is too easy, too short or too long."""

    reasons: list[str] = strawberry.field(description="Codes: TOO_SHORT, TOO_LONG.")

    @classmethod
    def of(cls, refusal: Any) -> "InvalidPassword":
        """The refusal as data."""
        return cls(message=refusal.message, reasons=refusal.reasons)


@strawberry.type(description="Address and password do not belong together.")
class InvalidCredentials(Error):
    """Which of the two is wrong is not said."""


RegisterResult = Annotated[
    RegisterSuccess | EmailTaken | InvalidEmail | InvalidPassword,
    strawberry.union("RegisterResult", description="What `register` answers."),
]
LoginResult = Annotated[
    LoginSuccess | InvalidCredentials,
    strawberry.union("LoginResult", description="What `login` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    accounts.EmailTaken: EmailTaken,
    accounts.InvalidEmail: InvalidEmail,
    accounts.InvalidPassword: InvalidPassword,
    accounts.InvalidCredentials: InvalidCredentials,
}
