"""Proving, changing and signing in by an e-mail address."""

from typing import Annotated

import strawberry

from core.errors import Refusal
from schema.accounts.signing_in import AccountSuspended, InvalidCode, InvalidEmail, LoginSuccess, MfaRequired
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
    LoginSuccess | InvalidToken | InvalidCode | MfaRequired | AccountSuspended,
    strawberry.union("CompleteMagicLinkResult", description="What `completeMagicLink` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    accounts.InvalidLink: InvalidToken,
}
