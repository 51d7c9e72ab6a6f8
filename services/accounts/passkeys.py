"""Signing in with a passkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services import audit
from services.accounts.signing_in import InvalidCredentials, SignedIn, enter
from services.audit import Action
from services.mfa import MfaMethod, passkeys
from services.sessions import Proof

if TYPE_CHECKING:
    from services.app import App
    from services.devices import Description
    from services.sessions import Client

PASSKEY = Proof(methods=("pop", "user", "mfa"), assurance=2, factor=True)
"""A key was held, and its holder verified: two factors. Without attestation nobody knows whether in hardware."""
REFUSED = "This passkey does not open an account here. Try again, or sign in another way."


async def sign_in(app: App, credential: Any, *, device: Description | None, client: Client) -> SignedIn:
    """Begin a session for the owner of a passkey that has answered our challenge.

    Raises InvalidCredentials, AccountSuspended, BadUserInput.
    """
    try:
        user = await passkeys.prove(app, credential, client=client)
    except passkeys.NotProvenError as error:
        if error.user_id is not None:
            await audit.record(
                app, Action.SIGN_IN_FAILED, user_id=error.user_id, client=client, method=MfaMethod.PASSKEY
            )
        raise InvalidCredentials(REFUSED) from error
    return await enter(app, user, device, client, PASSKEY)
