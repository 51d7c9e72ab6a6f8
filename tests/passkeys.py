"""What tests of passkeys ask the API for."""

from typing import Any

from models import AuditEvent, OneTimeToken, Passkey
from tests.letters_by_hand import waiting
from tests.porchlight import Person, Porchlight
from tests.services.authenticator import Authenticator

START_REGISTRATION = """
mutation Start($name: String) {
  startPasskeyRegistration(name: $name) {
    __typename
    ... on Error { message }
    ... on StartPasskeyRegistrationSuccess { options expiresAt }
  }
}
"""
FINISH_REGISTRATION = """
mutation Finish($credential: JSON!, $name: String) {
  finishPasskeyRegistration(credential: $credential, name: $name) {
    __typename
    ... on Error { message }
    ... on FinishPasskeyRegistrationSuccess {
      passkey { id name createdAt lastUsedAt backedUp }
      recoveryCodes
    }
  }
}
"""
START_SIGN_IN = """
mutation Start($mfaToken: String) {
  startPasskeySignIn(mfaToken: $mfaToken) {
    __typename
    ... on Error { message }
    ... on StartPasskeySignInSuccess { options expiresAt }
  }
}
"""
FINISH_SIGN_IN = """
mutation Finish($credential: JSON!, $device: DeviceInput) {
  finishPasskeySignIn(credential: $credential, device: $device) {
    __typename
    ... on Error { message }
    ... on LoginSuccess {
      user { id email passkeys { name lastUsedAt backedUp } }
      tokens { accessToken refreshToken }
      deviceToken
    }
  }
}
"""
RENAME = "mutation($id: ID!, $name: String!) { renamePasskey(id: $id, name: $name) { id name } }"
REMOVE = "mutation($id: ID!) { removePasskey(id: $id) }"
PASSKEYS = "{ me { passkeys { id name createdAt lastUsedAt backedUp } } }"


async def creation_options(porchlight: Porchlight, person: Person, **variables: Any) -> dict[str, Any]:
    """What the browser is told to make."""
    data = await porchlight.ask(START_REGISTRATION, variables, token=person.access_token)
    options: dict[str, Any] = data["startPasskeyRegistration"]["options"]
    return options


async def finish_creation(porchlight: Porchlight, person: Person, credential: Any, **more: Any) -> dict[str, Any]:
    """What the server makes of it."""
    variables = {"credential": credential, **more}
    data = await porchlight.ask(FINISH_REGISTRATION, variables, token=person.access_token)
    result: dict[str, Any] = data["finishPasskeyRegistration"]
    return result


async def enrol(
    porchlight: Porchlight, person: Person, authenticator: Authenticator | None = None, **more: Any
) -> Authenticator:
    """A passkey of the person's."""
    authenticator = authenticator or Authenticator()
    credential = authenticator.create(await creation_options(porchlight, person))
    result = await finish_creation(porchlight, person, credential, **more)
    assert result["__typename"] == "FinishPasskeyRegistrationSuccess", result
    return authenticator


async def request_options(
    porchlight: Porchlight, *, token: str | None = None, mfa_token: str | None = None
) -> dict[str, Any]:
    """What the browser is told to ask for."""
    data = await porchlight.ask(START_SIGN_IN, {"mfaToken": mfa_token}, token=token)
    options: dict[str, Any] = data["startPasskeySignIn"]["options"]
    return options


async def finish_use(porchlight: Porchlight, credential: Any, **more: Any) -> dict[str, Any]:
    """What the server makes of it."""
    data = await porchlight.ask(FINISH_SIGN_IN, {"credential": credential, **more})
    result: dict[str, Any] = data["finishPasskeySignIn"]
    return result


async def sign_in(porchlight: Porchlight, authenticator: Authenticator, **more: Any) -> dict[str, Any]:
    """A whole sign-in of somebody whom we do not know yet."""
    return await finish_use(porchlight, authenticator.get(await request_options(porchlight)), **more)


async def token_of(porchlight: Porchlight, authenticator: Authenticator) -> str:
    """An access token that a passkey has opened the way to."""
    result = await sign_in(porchlight, authenticator)
    token: str = result["tokens"]["accessToken"]
    return token


async def passkeys_of(porchlight: Porchlight, person: Person) -> list[Passkey]:
    """The rows, the oldest first."""
    with porchlight.app.database.bound():
        return await Passkey.filter(user_id=person.user_id).order_by("id")


async def actions_of(porchlight: Porchlight, person: Person) -> list[str]:
    """What is written down of the person's account, the oldest first."""
    with porchlight.app.database.bound():
        events = await AuditEvent.filter(user_id=person.user_id).order_by("id")
    return [event.action for event in events]


async def notices_of(porchlight: Porchlight, person: Person) -> list[str]:
    """What the person is told of by letter, the oldest first, but for new devices: each sign-in here is from one."""
    with porchlight.app.database.bound():
        jobs = await waiting("notice")
    told = [job.payload["notice"] for job in jobs if job.payload["user_id"] == person.user_id]
    return [notice for notice in told if notice != "new_device"]


async def unspent(porchlight: Porchlight) -> int:
    """How many one-time tokens are outstanding."""
    with porchlight.app.database.bound():
        return await OneTimeToken.filter(used_at=None).count()
