"""What both ceremonies of passkeys share: a challenge that works once, and the options that a browser is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from services import one_time_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.mfa import Passkey
    from models.one_time_tokens import Purpose
    from services.app import App

LIFETIME = timedelta(minutes=5)
"""How long a person has: the bounds that section 15.1 of Web Authentication advises are five to ten minutes."""


@dataclass(frozen=True)
class Ceremony:
    """A ceremony that has begun. `options` are in the form that `parse…OptionsFromJSON()` takes."""

    options: dict[str, Any]
    expires_at: datetime


async def begin(
    app: App, purpose: Purpose, options: dict[str, Any], *, user_id: int | None, data: Any = None
) -> Ceremony:
    """Give out a challenge: a one-time token, which the server finds again by what the browser signs."""
    challenge = await one_time_tokens.issue(app, purpose, lifetime=LIFETIME, user_id=user_id, data=data)
    milliseconds = int(LIFETIME.total_seconds() * 1000)
    return Ceremony(
        {"challenge": challenge, "timeout": milliseconds, **options},
        app.clock.now() + LIFETIME,
    )


def descriptors(passkeys: Iterable[Passkey]) -> list[dict[str, Any]]:
    """Passkeys as options name them."""
    return [
        {"type": "public-key", "id": passkey.credential_id, "transports": (passkey.transports or "").split()}
        for passkey in passkeys
    ]
