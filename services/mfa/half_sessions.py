"""Half sessions: the first factor was right, the second one is still to come. They can do nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import Refusal
from models.analytics import Event
from models.one_time_tokens import Purpose
from services import audit, one_time_tokens
from services.analytics import Outcome, SignInProven, event
from services.audit import Action
from services.devices import Description
from services.holding import hold_unchanged
from services.sessions import Proof

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.mfa.factors import MfaMethod
    from services.sessions import Client

LIFETIME = timedelta(minutes=10)
TRIES = 5
"""Wrong answers after which the token is spent."""
SEALED_FOR = "half-session"
EXPIRE = "half_sessions.expire"
BATCH = 500
"""Half sessions that one transaction gives up."""
_EXPIRED = """
DELETE FROM one_time_tokens WHERE id IN (
    SELECT id FROM one_time_tokens WHERE purpose = $1 AND used_at IS NULL AND expires_at <= $2 LIMIT $3
) RETURNING user_id, attempts
"""


class MfaRequired(Refusal):
    """The first factor is right and the account has a second one. Told only to who has given the first."""

    message = "Confirm this sign-in with your second factor."

    def __init__(self, mfa_token: str, methods: list[MfaMethod]) -> None:
        super().__init__()
        self.mfa_token = mfa_token
        self.methods = methods


@dataclass(frozen=True)
class HalfSession:
    """How the first factor was proven, and from which device."""

    proof: Proof
    device: Description | None


async def begin(
    app: App, user: User, methods: list[MfaMethod], device: Description | None, client: Client, proof: Proof
) -> MfaRequired:
    """A half session for who has given `proof`: the refusal that the caller raises."""
    # A device token lets in on a trusted device, so it is stored sealed.
    half = json.dumps({"proof": asdict(proof), "device": asdict(device) if device else None})
    data = {"sealed": app.keys.seal(half.encode(), SEALED_FOR)}
    async with app.database.transaction():
        await hold_unchanged(user)
        token = await one_time_tokens.issue(app, Purpose.MFA, lifetime=LIFETIME, user_id=user.id, data=data)
        await audit.record(app, Action.MFA_ASKED, user_id=user.id, client=client, methods=list(proof.methods))
    return MfaRequired(token, methods)


def opened(app: App, data: Any) -> HalfSession:
    """What `begin` has kept with the token."""
    half = json.loads(app.keys.unseal(data["sealed"], SEALED_FOR))
    proof = Proof(**{**half["proof"], "methods": tuple(half["proof"]["methods"])})
    return HalfSession(proof, Description(**half["device"]) if half["device"] else None)


async def expire(app: App, _: dict[str, Any]) -> None:
    """Write down that sign-ins came to nothing whose second factor did not come in time, and forget their tokens.

    Any number of workers may do so at once: each token is deleted by one of them.
    """
    while await _expire_some(app):
        pass


async def _expire_some(app: App) -> bool:
    """One batch, all of it or nothing; whether there may be more."""
    now = app.clock.now()
    moment = now if app.database.dialect == "postgres" else now.isoformat(" ")
    async with app.database.transaction():
        rows = await app.database.rows(_EXPIRED, [Purpose.MFA, moment, BATCH])
        await Event.bulk_create([event(_given_up(row["attempts"]), row["user_id"], now) for row in rows])
    return len(rows) == BATCH


def _given_up(attempts: int) -> SignInProven:
    outcome = Outcome.FACTOR_FAILED if attempts else Outcome.FACTOR_ABANDONED
    return SignInProven(outcome=outcome, factor=True)
