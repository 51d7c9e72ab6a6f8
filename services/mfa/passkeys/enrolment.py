"""Adding a passkey to an account."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.exceptions import IntegrityError

from core.errors import Refusal
from models.mfa import Passkey
from models.one_time_tokens import OneTimeToken, Purpose
from services import audit, jobs, notifications, one_time_tokens
from services.audit import Action
from services.holding import hold_in_session
from services.mfa import recovery
from services.mfa.factors import has_factor
from services.mfa.passkeys.ceremonies import Ceremony, begin, descriptors
from services.mfa.passkeys.names import cleaned
from services.mfa.passkeys.relying_party import NAME, relying_party
from services.mfa.passkeys.responses import ALGORITHMS, Created, NotVerifiedError, read_created, verified_creation
from services.mfa.trusting import forget_what_rested_on_factors
from services.notifications import Notice

if TYPE_CHECKING:
    from models.accounts import User
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

LIMIT = 20
UNNAMED = "Passkey"

log = structlog.get_logger(__name__)


class InvalidPasskey(Refusal):
    """The response proves nothing: a challenge that is spent or another's, a wrong site, a credential known already."""

    message = "This passkey could not be verified. Begin again."


class TooManyPasskeys(Refusal):
    """The account has as many as it may have."""

    message = f"An account has at most {LIMIT} passkeys. Remove one that you no longer use."


@dataclass(frozen=True)
class Enrolled:
    """A passkey that counts from now on. `recovery_codes` are None where the account had a second factor before."""

    passkey: Passkey
    recovery_codes: list[str] | None


async def begin_registration(app: App, viewer: Viewer, name: str | None) -> Ceremony:
    """What `navigator.credentials.create()` needs. Only this session can finish it.

    Raises TooManyPasskeys, BadUserInput.
    """
    party, user = relying_party(app.settings), viewer.user
    kept = await Passkey.filter(user_id=user.id).order_by("id")
    if len(kept) >= LIMIT:
        raise TooManyPasskeys
    handle = kept[0].handle if kept else _new_handle(app, user)
    options = {
        "rp": {"id": party.id, "name": NAME},
        "user": {"id": handle, "name": user.email, "displayName": user.name or user.email},
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "excludeCredentials": descriptors(kept),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    data = {"session": viewer.session.id, "handle": handle, "name": cleaned(name)}
    return await begin(app, Purpose.ENROLL_PASSKEY, options, user_id=user.id, data=data)


async def finish_registration(
    app: App, viewer: Viewer, credential: Any, *, name: str | None, client: Client
) -> Enrolled:
    """Keep the passkey that has been made. The challenge is spent, whatever comes of it.

    Raises InvalidPasskey, TooManyPasskeys, BadUserInput.
    """
    party, response, name = relying_party(app.settings), read_created(credential), cleaned(name)
    challenge = await one_time_tokens.find(app, Purpose.ENROLL_PASSKEY, response.challenge)
    if challenge is None or challenge.data["session"] != viewer.session.id:
        raise InvalidPasskey
    if not await one_time_tokens.spend(app, challenge):
        raise InvalidPasskey
    try:
        made = await asyncio.to_thread(verified_creation, response, party)
    except NotVerifiedError as error:
        log.info("passkey.not_made", reason=str(error), user_id=viewer.user.id)
        raise InvalidPasskey from error
    try:
        async with app.database.transaction():
            enrolled = await _keep(app, viewer, challenge, made, name)
            await _tell_of(app, viewer.user, enrolled.passkey, client)
    except IntegrityError as error:
        raise InvalidPasskey from error
    await jobs.wake(app)
    return enrolled


async def _keep(app: App, viewer: Viewer, challenge: OneTimeToken, made: Created, name: str | None) -> Enrolled:
    await hold_in_session(viewer)
    user = viewer.user
    if await Passkey.filter(user_id=user.id).count() >= LIMIT:
        raise TooManyPasskeys
    is_first = not await has_factor(user.id)
    if is_first:
        await forget_what_rested_on_factors(app, user.id)
    passkey = await Passkey.create(
        user_id=user.id,
        credential_id=made.id,
        handle=challenge.data["handle"],
        public_key=made.public_key,
        sign_count=made.sign_count,
        backed_up=made.backed_up,
        transports=made.transports,
        name=name or challenge.data["name"] or UNNAMED,
        created_at=app.clock.now(),
    )
    return Enrolled(passkey, await recovery.issue(app, user.id) if is_first else None)


async def _tell_of(app: App, user: User, passkey: Passkey, client: Client) -> None:
    await audit.record(app, Action.PASSKEY_ADDED, actor=user, subject=f"Passkey:{passkey.id}", client=client)
    await notifications.notify(app, user.id, Notice.FACTOR_ADDED, dedup_key=f"passkey-{passkey.id}")


def _new_handle(app: App, user: User) -> str:
    """The user as authenticators know them: opaque, and the same for two ceremonies that begin at once."""
    raw = bytes.fromhex(app.keys.identity("passkey-handle", str(user.id)))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
