"""Access tokens as the peers verify them, at each request: signature, issuer, audience, expiry (EdDSA)."""

import os
from datetime import datetime, timedelta
from typing import Any

import jwt
import orjson

from core.tokens import AUDIENCE

KEY = "PEER_KEY"
"""The variable that holds the public key, as a JWK."""
IDLE = timedelta(days=14)
"""A session that has not been refreshed for so long is over."""


class Verifier:
    """Knows the one key, and who signs with it."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._key = jwt.PyJWK(orjson.loads(os.environ[KEY]))

    def claims(self, authorization: str) -> dict[str, Any] | None:
        """What the token of an Authorization header says; None where it is not valid."""
        token = authorization.removeprefix("Bearer ")
        try:
            found: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=self._issuer
            )
        except jwt.PyJWTError:
            return None
        return found


def is_live(revoked_at: datetime | None, expires_at: datetime, rotated_at: datetime, now: datetime) -> bool:
    """Whether a session stands."""
    return revoked_at is None and now < min(expires_at, rotated_at + IDLE)
