"""Challenges: work that a program has to do before it may try again, asked for only when risk says so.

A challenge that is handed out leaves no row: it is signed for one action, one network and one address. One that is
solved is written down, so that it works once.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from core.errors import RateLimited, Refusal
from core.networks import network_of
from models.one_time_tokens import OneTimeToken, Purpose

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

LOGIN, REGISTER, RESET_PASSWORD = "login", "register", "reset-password"
"""Actions that a challenge may be asked for. What solves one of them opens no other."""

LIFETIME = timedelta(minutes=10)
ALGORITHM = "PBKDF2/SHA-256"
"""What every browser computes by itself, and altcha's widget knows."""
COST = 1_000
"""Rounds of one try: 0.25 ms in Python and 0.22 ms in Node on one 2-GHz-class core. The server pays for one try."""
FEWEST, MOST = 2_000, 4_000
"""Tries that a solution takes, each number as likely: half a second to one, measured as above."""
LONGEST_ANSWER = 4_096
"""Characters; a genuine answer has about 750."""
UNASKED = {REGISTER: 20, RESET_PASSWORD: 10}
"""How often an hour one network may do what gives no sign of a failure, before it is asked for work.

A class or an office that registers together is not asked; mail to strangers is the worse nuisance, hence fewer.
"""
HOUR = 3_600.0


class ChallengeKind(StrEnum):
    """What a challenge asks for, in the contract's spelling."""

    PROOF_OF_WORK = "PROOF_OF_WORK"
    EMAIL_CODE = "EMAIL_CODE"


class ChallengeRequired(Refusal):
    """The caller has to solve a challenge first. `parameters` is what its solver needs."""

    message = "Solve the challenge, then try again with its answer."

    def __init__(self, kind: ChallengeKind, parameters: Any) -> None:
        super().__init__()
        self.kind = kind
        self.parameters = parameters


async def require(app: App, action: str, *, client: Client, address: str, answer: str | None) -> None:
    """Let pass who brings the answer to a challenge of this action, network and address. It is spent by this.

    `address` is the key of the account that is asked about. Not inside a transaction: a second use is told by the
    database's refusal. Raises ChallengeRequired with a new challenge.
    """
    scope = "\n".join((action, network_of(client.ip), address))
    nonce = _solved(app, scope, answer) if answer else None
    if nonce is None or not await _first_use(app, nonce):
        raise ChallengeRequired(ChallengeKind.PROOF_OF_WORK, _new(app, scope))


async def require_of_busy(app: App, action: str, *, client: Client, address: str, answer: str | None) -> None:
    """The same, from the try on that is one too many for its network this hour (`UNASKED`). It counts the try."""
    if not app.settings.rate_limits:
        return
    key = f"{action}:busy:{network_of(client.ip)}"
    if await app.limits.hit(key, limit=UNASKED[action], window=HOUR):
        await require(app, action, client=client, address=address, answer=answer)


async def limit(app: App, action: str, *, client: Client, address: str, answer: str | None) -> None:
    """`require_of_busy` for what has no union to answer with. Raises RateLimited, which carries the challenge."""
    try:
        await require_of_busy(app, action, client=client, address=address, answer=answer)
    except ChallengeRequired as error:
        challenge = {"kind": error.kind, "parameters": error.parameters}
        raise RateLimited(HOUR, challenge=challenge) from error


def _secrets(app: App, scope: str) -> list[tuple[str, str]]:
    """What signs a challenge of this scope, and what signs its solution, the newest first."""
    signing, solving = app.keys.macs("challenge", scope), app.keys.macs("challenge-solution", scope)
    return list(zip(signing, solving, strict=True))


def _new(app: App, scope: str) -> dict[str, Any]:
    import altcha  # ruff: ignore[import-outside-top-level] -- start time

    signing, solving = _secrets(app, scope)[0]
    # altcha would compare an `expires_at` with the machine's clock: our own expiry lies in the signed data.
    made = altcha.create_challenge(
        ALGORITHM,
        COST,
        counter=FEWEST + secrets.randbelow(MOST - FEWEST + 1),
        data={"expires": int((app.clock.now() + LIFETIME).timestamp())},
        hmac_secret=signing,
        hmac_key_secret=solving,
    )
    challenge: dict[str, Any] = made.to_dict()
    return challenge


def _solved(app: App, scope: str, answer: str) -> str | None:
    """The number of the challenge of this scope that `answer` solves in time; None for anything else."""
    import altcha  # ruff: ignore[import-outside-top-level] -- start time

    if len(answer) > LONGEST_ANSWER:
        return None
    for signing, solving in _secrets(app, scope):
        if altcha.verify_solution(answer, signing, hmac_key_secret=solving).verified:
            parameters = altcha.Payload.from_base64(answer).challenge.parameters
            expires_at = datetime.fromtimestamp((parameters.data or {})["expires"], UTC)
            return parameters.nonce if app.clock.now() < expires_at else None
    return None


async def _first_use(app: App, nonce: str) -> bool:
    """Whether nobody has used this challenge before. One INSERT decides."""
    now = app.clock.now()
    key_hash = app.keys.identity("challenge", nonce)
    try:
        await OneTimeToken.create(
            purpose=Purpose.CHALLENGE, key_hash=key_hash, created_at=now, expires_at=now + LIFETIME, used_at=now
        )
    except IntegrityError:
        return False
    return True
