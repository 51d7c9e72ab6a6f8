"""Access tokens that are spelled as we spell them, read in one pass (ADR 0057).

Nothing is refused here but a wrong signature. Whatever differs in anything from what we write is left to PyJWT.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

from core.keys import SigningKey, decoded, encoded

ALGORITHM = "EdDSA"
_SPELLED = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])", re.ASCII)
"""Three parts in base64url without padding. The last one has 64 bytes, and no bit set beyond these."""
_TYPES = {"iss": str, "aud": str, "sub": str, "sid": str, "jti": str, "iat": int, "exp": int}
"""The claims that are read, as we write them."""


class OwnTokens:
    """Reads tokens of the type `typ` that these keys have signed, whether or not the keys still count."""

    def __init__(self, keys: Iterable[SigningKey], *, typ: str, issuer: str, audience: str) -> None:
        self._keys = {_header(key, typ): key for key in keys}
        self._issuer = issuer
        self._audience = audience

    def read(self, token: str) -> tuple[dict[str, Any], SigningKey] | None:
        """The claims and their signer; None for what is spelled in another way. Raises InvalidSignature.

        The header is compared and not read, so that no token has a say in how it is verified.
        """
        match = _SPELLED.fullmatch(token)
        key = self._keys.get(match[1]) if match else None
        if match is None or key is None:
            return None
        key.public.verify(decoded(match[3]), token[: match.end(2)].encode())
        try:
            payload = decoded(match[2])
            claims: Any = orjson.loads(payload) if encoded(payload) == match[2] else None
        except ValueError:
            return None
        return (claims, key) if self._is_plain(claims) else None

    def _is_plain(self, claims: Any) -> bool:
        if type(claims) is not dict or any(type(claims.get(name)) is not kind for name, kind in _TYPES.items()):
            return False
        return bool(claims["iss"] == self._issuer and claims["aud"] == self._audience)


def _header(key: SigningKey, typ: str) -> str:
    """The first part of a token that this key signs: what PyJWT writes, the members in order."""
    members = {"alg": ALGORITHM, "kid": key.id, "typ": typ}
    return encoded(json.dumps(members, separators=(",", ":"), sort_keys=True).encode())
