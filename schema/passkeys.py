"""Passkeys, as their owners see them."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from core.cursors import encode_id
from core.errors import Refusal
from models.mfa import Passkey as PasskeyRow
from schema.context import Info
from schema.errors import Error
from schema.nodes import Node
from services.mfa import passkeys


@strawberry.type(description="A credential that signs its owner in without a password.")
class Passkey(Node):
    """One passkey, of which the authenticator holds the secret half."""

    name: str = strawberry.field(description="What its owner calls it.")
    created_at: datetime = strawberry.field(description="When it was added.")
    last_used_at: datetime | None = strawberry.field(description="Null until its first use.")
    backed_up: bool = strawberry.field(description="Whether a password manager keeps a copy, as of its last use.")

    @classmethod
    def of(cls, row: PasskeyRow) -> "Passkey":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Passkey", row.id)),
            name=row.name,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            backed_up=row.backed_up,
        )


async def passkeys_of_user(user_id: int, info: Info) -> list[Passkey] | None:
    """The passkeys of a user whom the viewer may see. Raises NotFound."""
    info.context.require_sight_of(user_id)
    return [Passkey.of(row) for row in await info.context.loaders.passkeys_by_user.load(user_id)]


@strawberry.type(description="A passkey can be made now.")
class StartPasskeyRegistrationSuccess:
    """What `startPasskeyRegistration` gives."""

    options: JSON = strawberry.field(
        description="A PublicKeyCredentialCreationOptionsJSON: `parseCreationOptionsFromJSON()` takes it."
    )
    expires_at: datetime = strawberry.field(description="Until then it can be finished, once.")

    @classmethod
    def of(cls, begun: passkeys.Ceremony) -> "StartPasskeyRegistrationSuccess":
        """The ceremony as the API tells it."""
        return cls(options=JSON(begun.options), expires_at=begun.expires_at)


@strawberry.type(description="The account has a new passkey.")
class FinishPasskeyRegistrationSuccess:
    """What `finishPasskeyRegistration` gives."""

    passkey: Passkey = strawberry.field(description="It counts from now on, as a sign-in and as a second factor.")
    recovery_codes: list[str] | None = strawberry.field(
        description="For the day on which it is lost, told this once. Null when there was a second factor before."
    )

    @classmethod
    def of(cls, enrolled: passkeys.Enrolled) -> "FinishPasskeyRegistrationSuccess":
        """The passkey as the API tells it."""
        return cls(passkey=Passkey.of(enrolled.passkey), recovery_codes=enrolled.recovery_codes)


@strawberry.type(description="What the browser gave could not be verified, came too late, or is known already.")
class InvalidPasskey(Error):
    """Its challenge is spent: begin again."""


@strawberry.type(description="The account has as many passkeys as it may have.")
class TooManyPasskeys(Error):
    """Twenty."""


StartPasskeyRegistrationResult = Annotated[
    StartPasskeyRegistrationSuccess | TooManyPasskeys,
    strawberry.union("StartPasskeyRegistrationResult", description="What `startPasskeyRegistration` answers."),
]
FinishPasskeyRegistrationResult = Annotated[
    FinishPasskeyRegistrationSuccess | InvalidPasskey | TooManyPasskeys,
    strawberry.union("FinishPasskeyRegistrationResult", description="What `finishPasskeyRegistration` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    passkeys.InvalidPasskey: InvalidPasskey,
    passkeys.TooManyPasskeys: TooManyPasskeys,
}
