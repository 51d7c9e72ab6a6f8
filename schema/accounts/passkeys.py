"""Signing in with a passkey."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from schema.accounts.signing_in import AccountSuspended, InvalidCredentials, LoginSuccess
from schema.sessions import InvalidToken
from services.mfa import passkeys


@strawberry.type(description="A passkey can be asked for now.")
class StartPasskeySignInSuccess:
    """What `startPasskeySignIn` gives."""

    options: JSON = strawberry.field(
        description="A PublicKeyCredentialRequestOptionsJSON: `parseRequestOptionsFromJSON()` takes it."
    )
    expires_at: datetime = strawberry.field(description="Until then it can be finished, once.")

    @classmethod
    def of(cls, begun: passkeys.Ceremony) -> "StartPasskeySignInSuccess":
        """The ceremony as the API tells it."""
        return cls(options=JSON(begun.options), expires_at=begun.expires_at)


StartPasskeySignInResult = Annotated[
    StartPasskeySignInSuccess | InvalidToken,
    strawberry.union("StartPasskeySignInResult", description="What `startPasskeySignIn` answers."),
]
FinishPasskeySignInResult = Annotated[
    LoginSuccess | InvalidCredentials | AccountSuspended,
    strawberry.union("FinishPasskeySignInResult", description="What `finishPasskeySignIn` answers."),
]
