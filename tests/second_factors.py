"""What tests of second factors share: the operations, and an authenticator app."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
import pyotp

from models import Session, User
from models.audit import AuditEvent
from tests.letters_by_hand import waiting
from tests.porchlight import PASSWORD, Person, Porchlight

ENROLL = "mutation { enrollTotp { secret uri qrSvg } }"
CONFIRM = """
mutation Confirm($code: String!, $current: String) {
  confirmTotp(code: $code, currentCode: $current) {
    __typename
    ... on ConfirmTotpSuccess { recoveryCodes }
    ... on InvalidCode { message attemptsLeft retryAfter }
  }
}
"""
LOGIN = """
mutation Login($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on Error { message }
    ... on MfaRequired { mfaToken methods }
    ... on LoginSuccess { user { id } tokens { accessToken refreshToken } deviceToken }
  }
}
"""
COMPLETE = """
mutation Complete($token: String!, $code: String, $passkey: JSON, $trust: Boolean) {
  completeMfa(mfaToken: $token, code: $code, passkey: $passkey, trustDevice: $trust) {
    __typename
    ... on Error { message }
    ... on InvalidCode { attemptsLeft retryAfter }
    ... on LoginSuccess { user { email mfaEnabled recoveryCodesLeft } tokens { accessToken refreshToken } deviceToken }
  }
}
"""
DISABLE = """
mutation Disable($code: String!) {
  disableMfa(code: $code) {
    __typename
    ... on DisableMfaSuccess { user { mfaEnabled recoveryCodesLeft } }
    ... on InvalidCode { attemptsLeft retryAfter }
  }
}
"""
REGENERATE = "mutation { regenerateRecoveryCodes { recoveryCodes } }"
STEP_UP = """
mutation StepUp($input: StepUpInput!) {
  stepUp(input: $input) {
    __typename
    ... on Error { message }
    ... on InvalidCode { attemptsLeft retryAfter }
    ... on StepUpSuccess { validUntil tokens { accessToken refreshToken } }
  }
}
"""
FACTORS = "{ me { mfaEnabled recoveryCodesLeft } }"
WRONG = "not six digits"
"""A code that is never right."""


@dataclass
class Protected:
    """Somebody with an authenticator app."""

    person: Person
    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, porchlight: Porchlight, steps: int = 0) -> str:
        """What the app shows now, or that many steps away."""
        return pyotp.TOTP(self.secret).at(porchlight.clock.now() + timedelta(seconds=30 * steps))


async def enroll(porchlight: Porchlight, token: str) -> str:
    """The seed of a new app."""
    return str((await porchlight.ask(ENROLL, token=token))["enrollTotp"]["secret"])


async def confirm(porchlight: Porchlight, token: str, code: str, current: str | None = None) -> dict[str, Any]:
    """What `confirmTotp` answers."""
    variables = {"code": code, "current": current}
    result: dict[str, Any] = (await porchlight.ask(CONFIRM, variables, token=token))["confirmTotp"]
    return result


async def protect(porchlight: Porchlight, person: Person) -> Protected:
    """Set an app up, and let its first code's step pass."""
    protected = Protected(person, await enroll(porchlight, person.access_token))
    result = await confirm(porchlight, person.access_token, protected.code(porchlight))
    assert result["__typename"] == "ConfirmTotpSuccess", result
    protected.recovery_codes = result["recoveryCodes"]
    await next_step(porchlight)
    return protected


async def somebody_protected(porchlight: Porchlight, email: str = "ada@example.com") -> Protected:
    """Somebody new with an authenticator app."""
    return await protect(porchlight, await porchlight.register(email))


async def next_step(porchlight: Porchlight, steps: int = 1) -> None:
    """Let codes change."""
    await porchlight.clock.advance(timedelta(seconds=30 * steps))


async def login(porchlight: Porchlight, email: str = "ada@example.com", **more: Any) -> dict[str, Any]:
    """What `login` answers to the right password."""
    variables = {"input": {"email": email, "password": PASSWORD, **more}}
    result: dict[str, Any] = (await porchlight.ask(LOGIN, variables))["login"]
    return result


async def half_session(porchlight: Porchlight, email: str = "ada@example.com", **more: Any) -> str:
    """The token of a sign-in that waits for its second factor."""
    result = await login(porchlight, email, **more)
    assert result["__typename"] == "MfaRequired", result
    return str(result["mfaToken"])


async def complete(porchlight: Porchlight, token: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    """What `completeMfa` answers."""
    variables = {"token": token, "code": code, **more}
    result: dict[str, Any] = (await porchlight.ask(COMPLETE, variables))["completeMfa"]
    return result


async def step_up(porchlight: Porchlight, token: str, **given: Any) -> dict[str, Any]:
    """What `stepUp` answers."""
    result: dict[str, Any] = (await porchlight.ask(STEP_UP, {"input": given}, token=token))["stepUp"]
    return result


async def signed_in(porchlight: Porchlight, protected: Protected, **more: Any) -> dict[str, Any]:
    """A whole sign-in with a code of the app."""
    token = await half_session(porchlight, protected.person.email)
    result = await complete(porchlight, token, protected.code(porchlight), **more)
    assert result["__typename"] == "LoginSuccess", result
    return result


async def events(porchlight: Porchlight, action: str) -> list[dict[str, Any]]:
    """What the audit log holds of an action, the oldest first."""
    with porchlight.app.database.bound():
        found = AuditEvent.filter(action=action).order_by("id")
        return list(await found.values("actor_id", "user_id", "subject", "data"))


async def notices(porchlight: Porchlight) -> list[str]:
    """What owners are told of their factors, in order."""
    with porchlight.app.database.bound():
        told = [job.payload["notice"] for job in await waiting("notice")]
    return [notice for notice in told if notice.startswith(("factor", "recovery"))]


def claims(token: str) -> dict[str, Any]:
    """What an access token says."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


async def sessions_of(porchlight: Porchlight, protected: Protected) -> int:
    with porchlight.app.database.bound():
        return await Session.filter(user_id=protected.person.user_id).count()


async def forgive(porchlight: Porchlight) -> None:
    """Begin everybody's count anew, as time and right codes do."""
    with porchlight.app.database.bound():
        await User.all().update(factor_failures=0, factor_retry_at=None)
