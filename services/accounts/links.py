"""What links in letters share: the refusal of one that is dead, and letters that are sent once a minute at most."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.one_time_tokens import OneTimeToken, Purpose
from services import one_time_tokens
from services.notifications import enqueue_letter
from services.sessions import InvalidToken

if TYPE_CHECKING:
    from services.app import App
    from services.notifications import Delivery

LIFETIME = timedelta(minutes=10)
"""Of what gives access: ASVS 5.0 6.5.5."""
DEDUPLICATED = 60
"""Seconds in which a second letter of one kind to one address is not sent."""


class InvalidLink(InvalidToken):
    """The link has expired, has been used, was replaced by a newer one, or never was one."""

    message = "This link does not work any more. Ask for a new one."


async def enqueue(app: App, letter: str, recipient: str, payload: dict[str, Any]) -> None:
    """Write the job of a letter, one a minute for each recipient: the statement is the same for whomever it is.

    Inside the caller's transaction, where there is one. Call `jobs.wake` once it has committed.
    """
    minute = int(app.clock.now().timestamp()) // DEDUPLICATED
    who = app.keys.identity("letter", recipient)[:32]
    await enqueue_letter(app, letter, payload, dedup_key=f"mail.{letter}:{who}:{minute}")


async def issue_anew(
    app: App,
    user: User,
    purpose: Purpose,
    delivery: Delivery,
    *,
    lifetime: timedelta = LIFETIME,
    address: str | None = None,
    data: Any = None,
) -> str:
    """A token that proves an address, the user's present one unless another is named, and the end of the older ones.

    A second attempt at the same delivery has the same token, for as long again unless it is spent, and ends
    nothing.
    """
    if token := await one_time_tokens.reissue(app, purpose, delivery.seed, lifetime=lifetime):
        return token
    await one_time_tokens.void(app, user.id, purpose)
    return await one_time_tokens.issue(
        app,
        purpose,
        lifetime=lifetime,
        user_id=user.id,
        address=address or user.email_key,
        data=data,
        seed=delivery.seed,
    )


async def proven(app: App, purpose: Purpose, token: str) -> tuple[OneTimeToken, User]:
    """The token, not yet spent, and whose it is. Raises InvalidLink, also when their address has changed since."""
    row = await one_time_tokens.find(app, purpose, token)
    if row is None or row.user is None or row.user.email_key != row.address:
        raise InvalidLink
    return row, row.user
