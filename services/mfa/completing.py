"""Completing a sign-in: the second factor turns a half session into a session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.one_time_tokens import Purpose
from services import jobs, one_time_tokens
from services.accounts.signing_in import SignedIn, admit
from services.mfa import attempts, half_sessions, proving, trusting
from services.mfa.factors import has_factor
from services.mfa.marking import MULTIPLE
from services.mfa.proving import AUTHENTICATION_METHODS, Answer
from services.sessions import InvalidToken

if TYPE_CHECKING:
    from services.app import App
    from services.mfa.factors import MfaMethod
    from services.sessions import Client, Proof


async def complete(app: App, mfa_token: str, answer: Answer, *, trust_device: bool, client: Client) -> SignedIn:
    """Begin the session that a half session and a second factor make together. Of two right answers at once, one does.

    Raises InvalidCode, and InvalidToken for a token that is spent, expired, tried five times or overtaken: the user
    suspended, the password changed, the last factor removed.
    """
    token = await one_time_tokens.find(app, Purpose.MFA, mfa_token)
    user = token.user if token else None
    if token is None or user is None or user.suspended_at is not None or not await has_factor(user.id):
        raise InvalidToken
    left = await one_time_tokens.attempt(app, token, half_sessions.TRIES)
    if left is None:
        raise InvalidToken
    method = await proving.prove(app, user.id, answer, client, at_most=left)
    half = half_sessions.opened(app, token.data)
    proof = _both(half.proof, method)
    async with app.database.transaction():
        if not await attempts.forgive(user.id) or not await one_time_tokens.spend(app, token):
            raise InvalidToken
        signed_in = await admit(app, user, half.device, client, proof, asked=True)
        if trust_device:
            await trusting.trust(app, user, signed_in.session, client)
    await jobs.wake(app)
    return signed_in


def _both(first: Proof, method: MfaMethod) -> Proof:
    """The first factor's proof and the second one's."""
    methods = dict.fromkeys([*first.methods, AUTHENTICATION_METHODS[method], MULTIPLE])
    return replace(first, methods=tuple(methods), assurance=2, factor=True)
