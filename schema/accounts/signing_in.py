"""Registering and signing in."""

from typing import Annotated, Any

import strawberry

from core.errors import Refusal
from schema.accounts.user import User
from schema.challenges import ChallengeRequired
from schema.context import Context
from schema.devices import DeviceInput
from schema.enums import described
from schema.errors import Error
from schema.sessions import Tokens
from schema.trials import Trial
from services import accounts, fraud, mfa

REASONS = (
    "Codes: TOO_SHORT (fewer than 15 characters, or than 8 beside a second factor), TOO_LONG (more than 256), "
    "TOO_COMMON (known from lists that guessers use), TOO_EASY (few guesses would find it), CONTEXT (made of the "
    "user's name, their address or ours), UNCHANGED (the present one)."
)


@strawberry.input(description="What a new user gives.")
class RegisterInput:
    """A registration."""

    email: str = strawberry.field(description="At most 254 characters.")
    password: str = strawberry.field(description="15 to 256 characters, of any kind, and hard to guess.")
    name: str | None = strawberry.field(default=None, description="Display name, at most 100 characters.")
    device: DeviceInput | None = strawberry.field(default=None, description="Where the user registers from.")
    challenge_answer: str | None = strawberry.field(default=None, description="What solves a ChallengeRequired.")
    payment_method: str | None = strawberry.field(
        default=None,
        description="A payment method that the payment provider has made from a card (pm_…). It is not charged and not "
        "kept: one card behind many trials tells who farms them. BAD_USER_INPUT when no card is behind it.",
    )
    form_seconds: float | None = strawberry.field(
        default=None, description="How long the form was open, in seconds: programs are faster than people."
    )


@strawberry.input(description="What a returning user gives.")
class LoginInput:
    """A sign-in."""

    email: str = strawberry.field(description="The address of the account, in any case.")
    password: str = strawberry.field(description="The password of the account.")
    device: DeviceInput | None = strawberry.field(default=None, description="Where the user signs in from.")
    challenge_answer: str | None = strawberry.field(default=None, description="What solves a ChallengeRequired.")


@strawberry.type(description="The account exists and its first session has begun.")
class RegisterSuccess:
    """What `register` gives."""

    user: User = strawberry.field(description="The new user, who is now the viewer.")
    trial: Trial | None = strawberry.field(
        description="Null when this person has had a trial before, and while somebody has to look at the sign-up."
    )
    tokens: Tokens | None = strawberry.field(description="The new session's tokens; null in cookie mode.")
    device_token: str | None = strawberry.field(
        description="Keep it: it recognises this device at its next sign-in. Null in cookie mode."
    )


@strawberry.type(description="The session has begun.")
class LoginSuccess:
    """What `login` gives."""

    user: User = strawberry.field(description="The user, who is now the viewer.")
    tokens: Tokens | None = strawberry.field(description="The new session's tokens; null in cookie mode.")
    device_token: str | None = strawberry.field(
        description="Keep it: it recognises this device at its next sign-in. Null in cookie mode."
    )

    @classmethod
    def of(cls, context: Context, signed_in: accounts.SignedIn) -> "LoginSuccess":
        """The session that has begun, whose user is the viewer from here on."""
        return cls(
            user=User.of(signed_in.user),
            tokens=Tokens.handed(context, signed_in.tokens),
            device_token=context.enter(signed_in),
        )


@strawberry.type(description="There is an account with this address.")
class EmailTaken(Error):
    """Somebody registered with it."""


@strawberry.type(description="The text is no address that mail could reach.")
class InvalidEmail(Error):
    """No e-mail address."""


@strawberry.type(description="The password does not meet the rules.")
class InvalidPassword(Error):
    """A password that is too easy, too short or too long."""

    reasons: list[str] = strawberry.field(description=REASONS)

    @classmethod
    def of(cls, refusal: Any) -> "InvalidPassword":
        """The refusal as data."""
        return cls(message=refusal.message, reasons=refusal.reasons)


@strawberry.type(description="Address and password do not belong together.")
class InvalidCredentials(Error):
    """Which of the two is wrong is not said."""


@strawberry.type(description="The account has been suspended. Told only after the right password.")
class AccountSuspended(Error):
    """Somebody on the staff has suspended it."""


MfaMethod = described(
    mfa.MfaMethod,
    "A kind of second factor.",
    {
        "TOTP": "A code of an authenticator app: six digits.",
        "RECOVERY_CODE": "One of the codes that were given out for the day on which the other factors are lost.",
        "PASSKEY": "A passkey of the device or of a security key.",
    },
)


@strawberry.type(description="The sign-in needs the account's second factor. Told only after the right password.")
class MfaRequired(Error):
    """Half a session."""

    mfa_token: str = strawberry.field(description="For `completeMfa` and nothing else: for ten minutes and five tries.")
    methods: list[MfaMethod] = strawberry.field(description="What may be given now.")  # type: ignore[valid-type]

    @classmethod
    def of(cls, refusal: Any) -> "MfaRequired":
        """The refusal as data."""
        return cls(message=refusal.message, mfa_token=refusal.mfa_token, methods=refusal.methods)


@strawberry.type(description="The code or the passkey is wrong, or it was not looked at because a wait has not ended.")
class InvalidCode(Error):
    """The two cases are not told apart for who gives a right code meanwhile."""

    attempts_left: int = strawberry.field(description="Tries before a wait begins, or the half session ends.")
    retry_after: int | None = strawberry.field(
        description="Seconds until the next code is looked at; null when none has to be waited for."
    )

    @classmethod
    def of(cls, refusal: Any) -> "InvalidCode":
        """The refusal as data."""
        return cls(message=refusal.message, attempts_left=refusal.attempts_left, retry_after=refusal.retry_after)


@strawberry.type(description="The sign-up is refused: too much speaks against it.")
class FraudSuspected(Error):
    """A refusal that a person will look at when it is appealed."""

    reasons: list[str] = strawberry.field(
        description="Families of what speaks against it: IDENTITY, DEVICE, PAYMENT, HISTORY, NETWORK, BEHAVIOUR, LISTS."
    )
    appeal_token: str | None = strawberry.field(description="For `appealFraudDecision`, once, within 30 days.")

    @classmethod
    def of(cls, refusal: Any) -> "FraudSuspected":
        """The refusal as data."""
        return cls(message=refusal.message, reasons=refusal.reasons, appeal_token=refusal.appeal_token)


RegisterResult = Annotated[
    RegisterSuccess | EmailTaken | InvalidEmail | InvalidPassword | FraudSuspected | ChallengeRequired,
    strawberry.union("RegisterResult", description="What `register` answers."),
]
LoginResult = Annotated[
    LoginSuccess | InvalidCredentials | MfaRequired | AccountSuspended | ChallengeRequired,
    strawberry.union("LoginResult", description="What `login` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    accounts.EmailTaken: EmailTaken,
    accounts.InvalidEmail: InvalidEmail,
    fraud.FraudSuspected: FraudSuspected,
    accounts.InvalidPassword: InvalidPassword,
    accounts.InvalidCredentials: InvalidCredentials,
    accounts.AccountSuspended: AccountSuspended,
    mfa.InvalidCode: InvalidCode,
    mfa.MfaRequired: MfaRequired,
}
