"""Authenticator apps: setting one up, putting another in its place, and doing without."""

from __future__ import annotations

import base64
import io
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from core.errors import BadUserInput
from models.accounts import User
from models.mfa import Passkey, RecoveryCode, Totp
from services import audit, jobs, notifications
from services.audit import Action
from services.mfa import attempts, marking, proving, recovery, totp_codes, trusting
from services.mfa.factors import MfaMethod, require_dispensable
from services.mfa.proving import Answer
from services.notifications import Notice

if TYPE_CHECKING:
    from datetime import datetime

    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

ISSUER = "Porchlight"
SECRET_BYTES = 20
"""As long as the hash, as RFC 4226 recommends (section 4, R6)."""


@dataclass(frozen=True)
class Enrollment:
    """What an authenticator app is given: as text, as a link, and as a picture of the link."""

    secret: str
    uri: str
    qr_svg: str


async def enroll(app: App, viewer: Viewer) -> Enrollment:
    """A new seed for the viewer's app, of no use until `confirm`. It replaces one that was never confirmed.

    An app that is in use stays in use until then: it is `confirm` that replaces it.
    """
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    while not await _keep(app, viewer.user.id, totp_codes.sealed(app, secret)):
        pass  # another tab was there between the look and the change
    return _shown(secret, viewer.user.email)


async def confirm(app: App, viewer: Viewer, code: str, current_code: str | None, client: Client) -> list[str]:
    """Begin to ask for the app whose code this is; ten new recovery codes. The session has then used a second factor.

    Where an app is in use, `current_code` is a code of it, or a recovery code: without that, whoever finds an open
    session would put their own app in its place. Raises BadUserInput, InvalidCode.
    """
    user = viewer.user
    row = await Totp.get_or_none(user_id=user.id)
    if row is None or (row.confirmed_at and not _waiting(row)):
        raise BadUserInput("Call enrollTotp first, and give a code of the app that you have set up with it.")
    if row.confirmed_at and current_code is None:
        raise BadUserInput("An app is in use. Give currentCode too: a code of that app, or a recovery code.")
    step = await _proven_step(app, user, row, code, current_code, client)
    async with app.database.transaction():
        await attempts.forgive(user.id)
        if not await _take_into_use(row, step, app.clock.now()):
            raise BadUserInput("This app has been set up a moment ago, from elsewhere.")
        codes = await recovery.issue(app, user.id)
        await marking.used_factor(app, viewer.session, MfaMethod.TOTP)
        await trusting.forget_what_rested_on_factors(app, user.id)
        await audit.record(app, Action.TOTP_CONFIRMED, actor=user, client=client, replaced=row.confirmed_at is not None)
        await audit.record(app, Action.RECOVERY_CODES_MADE, actor=user, client=client)
        await notifications.notify(app, user.id, Notice.FACTOR_ADDED, dedup_key=f"{user.id}.totp.{step}")
    await jobs.wake(app)
    return codes


async def disable(app: App, viewer: Viewer, code: str, client: Client) -> None:
    """Do without the app and the recovery codes, for a code of either. Passkeys stay, and so do sessions.

    Raises BadUserInput where there is no app or the account may not be without it, InvalidCode.
    """
    user = viewer.user
    if not await Totp.exists(user_id=user.id, confirmed_at__isnull=False):
        raise BadUserInput("No authenticator app is in use.")
    await _require_another_way(user)
    await proving.prove(app, user.id, Answer(code), client, actor=user)
    async with app.database.transaction():
        await attempts.forgive(user.id)
        # Again, now that the row is held: the passkey may have gone meanwhile, the role may have come.
        await _require_another_way(await User.get(id=user.id))
        await Totp.filter(user_id=user.id).delete()
        await RecoveryCode.filter(user_id=user.id).delete()
        await trusting.forget_what_rested_on_factors(app, user.id)
        await audit.record(app, Action.MFA_DISABLED, actor=user, client=client)
        key = f"{user.id}.totp.{app.clock.now().timestamp()}"
        await notifications.notify(app, user.id, Notice.FACTOR_REMOVED, dedup_key=key)
    await jobs.wake(app)


async def _keep(app: App, user_id: int, sealed: str) -> bool:
    """Store a seed beside the one in use, or in place of one that was never confirmed; whether that has worked."""
    now = app.clock.now()
    row = await Totp.get_or_none(user_id=user_id)
    if row is None:
        try:
            await Totp.create(user_id=user_id, sealed_secret=sealed, created_at=now)
        except IntegrityError:
            return False
        return True
    both = f"{row.sealed_secret.split()[0]} {sealed}" if row.confirmed_at else sealed
    unchanged = Totp.filter(id=row.id, sealed_secret=row.sealed_secret, confirmed_at=row.confirmed_at)
    return bool(await unchanged.update(sealed_secret=both))


def _waiting(row: Totp) -> str | None:
    """The sealed seed that waits to be confirmed."""
    seeds = row.sealed_secret.split()
    return seeds[-1] if row.confirmed_at is None or len(seeds) > 1 else None


async def _proven_step(app: App, user: User, row: Totp, code: str, current_code: str | None, client: Client) -> int:
    """The step of a new app's code, once a factor in use is proven as well. Both are one look. Raises InvalidCode."""
    secret = totp_codes.unsealed(app, row.sealed_secret.split()[-1])
    found = totp_codes.steps(secret, proving.plain(code), app.clock.now())
    if found and row.confirmed_at:
        await proving.prove(app, user.id, Answer(current_code), client, actor=user)
    else:
        left = await attempts.count(app, user.id)
        if left is None or not found:
            raise await attempts.failed(app, user.id, left, client, actor=user, state="CONFIRMING")
    return found[0]


async def _take_into_use(row: Totp, step: int, now: datetime) -> bool:
    """Put the waiting seed in force, unless the row has changed: of two tabs at once, one gets through."""
    unchanged = Totp.filter(id=row.id, sealed_secret=row.sealed_secret, confirmed_at=row.confirmed_at)
    return bool(await unchanged.update(sealed_secret=_waiting(row), confirmed_at=now, last_step=step))


async def _require_another_way(user: User) -> None:
    """Raise BadUserInput where the app is the account's last second factor, and it may not be without one."""
    if not await Passkey.exists(user_id=user.id):
        require_dispensable(user)


def _shown(secret: str, email: str) -> Enrollment:
    import pyotp  # ruff: ignore[import-outside-top-level] -- start time
    import segno  # ruff: ignore[import-outside-top-level] -- start time

    uri = pyotp.TOTP(secret, name=email, issuer=ISSUER).provisioning_uri()
    picture = io.BytesIO()
    # Named for the browser but without an XML declaration, so that it stands in a page as well as in a data: URI; on
    # white, because scanners read no light code on a dark page.
    segno.make(uri, error="m").save(picture, kind="svg", xmldecl=False, nl=False, scale=4, light="white")
    return Enrollment(secret, uri, picture.getvalue().decode())
