"""Second factors: setting them up, giving them, doing without them."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from schema.accounts import User
from schema.accounts.signing_in import InvalidCode, InvalidCredentials, LoginSuccess
from schema.context import Context
from schema.sessions import InvalidToken, Tokens
from services.mfa import stepping_up, totp


@strawberry.input(description="How the viewer shows again who they are: exactly one of the three.")
class StepUpInput:
    """A step-up."""

    password: str | None = strawberry.field(
        default=None, description="The password, of an account that has no second factor."
    )
    code: str | None = strawberry.field(default=None, description="An authenticator app's code, or a recovery code.")
    passkey: JSON | None = strawberry.field(default=None, description="What the browser's WebAuthn call has returned.")


@strawberry.type(description="What an authenticator app is set up with. Shown once, and never logged.")
class TotpEnrollment:
    """A seed."""

    secret: str = strawberry.field(description="The seed in Base32, to be typed where no camera is at hand.")
    uri: str = strawberry.field(description="The seed as an `otpauth:` link, for an app on this device.")
    qr_svg: str = strawberry.field(description="The link as a QR code: an `svg` element, on white.")

    @classmethod
    def of(cls, enrollment: totp.Enrollment) -> "TotpEnrollment":
        """The seed as the API tells it."""
        return cls(secret=enrollment.secret, uri=enrollment.uri, qr_svg=enrollment.qr_svg)


@strawberry.type(description="The app is in use from now on, and this session has used a second factor.")
class ConfirmTotpSuccess:
    """What `confirmTotp` gives."""

    recovery_codes: list[str] = strawberry.field(description="Ten codes that work once each. Shown this once.")


@strawberry.type(description="The app and the recovery codes are gone.")
class DisableMfaSuccess:
    """What `disableMfa` gives."""

    user: User = strawberry.field(description="The viewer. `mfaEnabled` stays true while there is a passkey.")


@strawberry.type(description="New recovery codes; those of before are void.")
class RegenerateRecoveryCodesSuccess:
    """What `regenerateRecoveryCodes` gives."""

    recovery_codes: list[str] = strawberry.field(description="Ten codes that work once each. Shown this once.")


@strawberry.type(description="The viewer has shown again who they are.")
class StepUpSuccess:
    """What `stepUp` gives."""

    valid_until: datetime = strawberry.field(description="Until then, what asks for a step-up lets this session pass.")
    tokens: Tokens | None = strawberry.field(description="The session's tokens, which now say what it has used.")

    @classmethod
    def of(cls, context: Context, stepped_up: stepping_up.SteppedUp) -> "StepUpSuccess":
        """The step-up as the API tells it."""
        return cls(valid_until=stepped_up.valid_until, tokens=Tokens.handed(context, stepped_up.tokens))


CompleteMfaResult = Annotated[
    LoginSuccess | InvalidCode | InvalidToken,
    strawberry.union("CompleteMfaResult", description="What `completeMfa` answers."),
]
ConfirmTotpResult = Annotated[
    ConfirmTotpSuccess | InvalidCode,
    strawberry.union("ConfirmTotpResult", description="What `confirmTotp` answers."),
]
DisableMfaResult = Annotated[
    DisableMfaSuccess | InvalidCode,
    strawberry.union("DisableMfaResult", description="What `disableMfa` answers."),
]
StepUpResult = Annotated[
    StepUpSuccess | InvalidCredentials | InvalidCode,
    strawberry.union("StepUpResult", description="What `stepUp` answers."),
]
