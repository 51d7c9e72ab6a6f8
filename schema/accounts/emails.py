"""Proving, changing and signing in by an e-mail address."""

from typing import Annotated, Any

import strawberry

from core.errors import Refusal
from schema.accounts.signing_in import AccountSuspended, InvalidEmail, LoginSuccess
from schema.errors import Error
from schema.sessions import InvalidToken
from services import accounts


@strawberry.type(description="The address belongs to the account's owner.")
class VerifyEmailSuccess:
    """What `verifyEmail` gives."""

    email: str = strawberry.field(description="The address that is proven now.")


@strawberry.type(description="Letters are on their way, to the new address and to the present one.")
class RequestEmailChangeSuccess:
    """What `requestEmailChange` gives, whoever has the new address."""

    email: str = strawberry.field(description="The new address, as it was understood.")


@strawberry.type(description="The account has moved to the new address.")
class ConfirmEmailChangeSuccess:
    """What `confirmEmailChange` gives."""

    email: str = strawberry.field(description="The account's address from now on.")


@strawberry.type(description="The code is not the right one.")
class InvalidCode(Error):
    """A code that proves nothing."""

    attempts_left: int = strawberry.field(description="How often another code may be tried. With 0, ask for a new one.")

    @classmethod
    def of(cls, refusal: Any) -> "InvalidCode":
        """The refusal as data."""
        return cls(message=refusal.message, attempts_left=refusal.attempts_left)


VerifyEmailResult = Annotated[
    VerifyEmailSuccess | InvalidToken,
    strawberry.union("VerifyEmailResult", description="What `verifyEmail` answers."),
]
RequestEmailChangeResult = Annotated[
    RequestEmailChangeSuccess | InvalidEmail,
    strawberry.union("RequestEmailChangeResult", description="What `requestEmailChange` answers."),
]
ConfirmEmailChangeResult = Annotated[
    ConfirmEmailChangeSuccess | InvalidToken,
    strawberry.union("ConfirmEmailChangeResult", description="What `confirmEmailChange` answers."),
]
CompleteMagicLinkResult = Annotated[
    LoginSuccess | InvalidToken | InvalidCode | AccountSuspended,
    strawberry.union("CompleteMagicLinkResult", description="What `completeMagicLink` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    accounts.InvalidLink: InvalidToken,
    accounts.InvalidCode: InvalidCode,
}
