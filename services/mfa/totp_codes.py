"""The codes of authenticator apps: RFC 6238, six digits, 30 seconds, each step used once."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import TYPE_CHECKING

from models.mfa import Totp

if TYPE_CHECKING:
    from services.app import App

DIGITS = 6
STEP = 30
"""Seconds."""
WINDOW = 1
"""Steps that a telephone's clock may be off, either way: RFC 6238, section 5.2."""
PURPOSE = "totp"


def is_one(code: str) -> bool:
    """Whether this has the form of an app's code."""
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def steps(secret: str, code: str, now: datetime) -> list[int]:
    """The steps around `now` whose code this is, the earliest first; none when it is wrong."""
    import pyotp  # ruff: ignore[import-outside-top-level] -- start time

    app_of_user = pyotp.TOTP(secret, digits=DIGITS, interval=STEP)
    present = int(now.timestamp()) // STEP
    around = range(present - WINDOW, present + WINDOW + 1)
    return [step for step in around if hmac.compare_digest(app_of_user.generate_otp(step).encode(), code.encode())]


async def accept(app: App, user_id: int, code: str) -> bool:
    """Use the step of a code up. One UPDATE decides: neither it nor an earlier step works again (ASVS 5.0, 6.5.1)."""
    row = await Totp.get_or_none(user_id=user_id, confirmed_at__isnull=False)
    if row is None:
        return False
    secret = unsealed(app, row.sealed_secret)
    for step in steps(secret, code, app.clock.now()):
        unused = Totp.filter(id=row.id, confirmed_at=row.confirmed_at, last_step__lt=step)
        if await unused.update(last_step=step):
            return True
    return False


def sealed(app: App, secret: str) -> str:
    """A seed as it is stored."""
    return app.keys.seal(secret.encode(), PURPOSE)


def unsealed(app: App, stored: str) -> str:
    """The seed in force: the first one, where another waits to replace it."""
    return app.keys.unseal(stored.split(maxsplit=1)[0], PURPOSE).decode()
