"""Changing and resetting passwords."""

from typing import Annotated

import strawberry

from schema.accounts.signing_in import InvalidCredentials, InvalidPassword
from schema.accounts.user import User
from schema.sessions import InvalidToken, Tokens


@strawberry.type(description="The password is set, and every session has ended.")
class ResetPasswordSuccess:
    """What `resetPassword` gives. It signs nobody in."""

    email: str = strawberry.field(description="The address to sign in with.")


@strawberry.type(description="The password is set, and every other session has ended.")
class ChangePasswordSuccess:
    """What `changePassword` gives."""

    user: User = strawberry.field(description="The viewer.")
    tokens: Tokens | None = strawberry.field(description="The session's tokens from now on: the older ones are void.")


ResetPasswordResult = Annotated[
    ResetPasswordSuccess | InvalidToken | InvalidPassword,
    strawberry.union("ResetPasswordResult", description="What `resetPassword` answers."),
]
ChangePasswordResult = Annotated[
    ChangePasswordSuccess | InvalidCredentials | InvalidPassword,
    strawberry.union("ChangePasswordResult", description="What `changePassword` answers."),
]
