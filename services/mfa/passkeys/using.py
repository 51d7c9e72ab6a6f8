"""Using a passkey: to sign in, as a second factor, to step up. Each use verifies its user, and counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from core.errors import BadUserInput
from models.mfa import Passkey
from models.one_time_tokens import OneTimeToken, Purpose
from services import audit, jobs, notifications, one_time_tokens
from services.audit import Action
from services.mfa.passkeys.ceremonies import Ceremony, begin, descriptors
from services.mfa.passkeys.relying_party import relying_party
from services.mfa.passkeys.responses import NotVerifiedError, Response, Used, read_used, verified_use
from services.notifications import Notice
from services.sessions import InvalidToken

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client

log = structlog.get_logger(__name__)


class NotProvenError(Exception):
    """No passkey has proven anything. `user_id` is whose passkey it was that failed, if it is one of ours."""

    def __init__(self, user_id: int | None = None) -> None:
        super().__init__()
        self.user_id = user_id


async def begin_sign_in(app: App, user: User | None, mfa_token: str | None) -> Ceremony:
    """What `navigator.credentials.get()` needs: for the owner of a half session, else for `user`, else for anybody.

    For anybody, the options tell of no account: the authenticator itself knows whom it has passkeys for. Raises
    InvalidToken, BadUserInput.
    """
    party = relying_party(app.settings)
    if mfa_token is not None:
        half_session = await one_time_tokens.find(app, Purpose.MFA, mfa_token)
        if half_session is None:
            raise InvalidToken
        user = half_session.user
    kept = await Passkey.filter(user_id=user.id).order_by("id") if user else []
    if user and not kept:
        raise BadUserInput("This account has no passkey.")
    options = {"rpId": party.id, "allowCredentials": descriptors(kept), "userVerification": "required"}
    return await begin(app, Purpose.PASSKEY, options, user_id=user.id if user else None)


async def verify(app: App, user_id: int, response: Any, *, client: Client | None = None) -> bool:
    """Whether one of this user's passkeys has answered a challenge that was given out for this user.

    Spends the challenge. Call it outside a transaction: what it writes outlives a refusal. Raises BadUserInput.
    """
    read = read_used(response)
    challenge = await one_time_tokens.find(app, Purpose.PASSKEY, read.challenge)
    if challenge is None or challenge.user_id != user_id:
        return False
    try:
        await _prove(app, challenge, read, client)
    except NotProvenError:
        return False
    return True


async def prove(app: App, response: Any, *, client: Client) -> User:
    """Whose passkey has answered a challenge of ours. Spends the challenge. Raises NotProvenError, BadUserInput."""
    read = read_used(response)
    challenge = await one_time_tokens.find(app, Purpose.PASSKEY, read.challenge)
    if challenge is None:
        raise NotProvenError
    return (await _prove(app, challenge, read, client)).user


async def _prove(app: App, challenge: OneTimeToken, response: Response, client: Client | None) -> Passkey:
    party = relying_party(app.settings)
    if not await one_time_tokens.spend(app, challenge):
        raise NotProvenError
    passkey = await Passkey.get_or_none(credential_id=response.credential_id).select_related("user")
    if passkey is None:
        raise NotProvenError
    if not _is_meant(passkey, challenge, response):
        raise NotProvenError(passkey.user_id)
    try:
        used = await asyncio.to_thread(verified_use, response, party, passkey.public_key)
    except NotVerifiedError as error:
        log.info("passkey.not_proven", reason=str(error), user_id=passkey.user_id)
        raise NotProvenError(passkey.user_id) from error
    if not await _count(app, passkey, used):
        await _suspect_clone(app, passkey, used, client)
        raise NotProvenError(passkey.user_id)
    return passkey


def _is_meant(passkey: Passkey, challenge: OneTimeToken, response: Response) -> bool:
    """Whether the passkey is the one of whom the ceremony is for (Web Authentication, section 7.2, step 6)."""
    if response.user_handle is not None and response.user_handle != passkey.handle:
        return False
    if challenge.user_id is None:
        return response.user_handle is not None
    return challenge.user_id == passkey.user_id


async def _count(app: App, passkey: Passkey, used: Used) -> bool:
    """Write the use down; whether its count is ahead of all that we have seen.

    Synced passkeys do not count: they always say 0. One UPDATE decides, so that of two copies that come at once with
    the same count one is refused.
    """
    row = Passkey.filter(id=passkey.id)
    earlier = row.filter(sign_count__lt=used.sign_count) if used.sign_count else row.filter(sign_count=0)
    changes = {"sign_count": used.sign_count, "backed_up": used.backed_up, "last_used_at": app.clock.now()}
    return bool(await earlier.update(**changes))


async def _suspect_clone(app: App, passkey: Passkey, used: Used, client: Client | None) -> None:
    seen = await Passkey.get_or_none(id=passkey.id)
    if seen is None:  # removed while it was verified
        return
    log.warning("passkey.clone_suspected", user_id=seen.user_id, passkey_id=seen.id)
    subject, counts = f"Passkey:{seen.id}", {"seen": seen.sign_count, "received": used.sign_count}
    async with app.database.transaction():
        await audit.record(
            app, Action.PASSKEY_CLONE_SUSPECTED, user_id=seen.user_id, subject=subject, client=client, **counts
        )
        # One letter until the passkey has moved on: who holds a copy cannot flood its owner.
        await notifications.notify(
            app,
            seen.user_id,
            Notice.PASSKEY_CLONE_SUSPECTED,
            dedup_key=f"passkey-{seen.id}.{seen.sign_count}",
        )
    await jobs.wake(app)
