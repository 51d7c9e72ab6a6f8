"""Keys and the tokens made with them: a ring of secrets, Ed25519 access tokens, counted refresh tokens.

Every key is derived from SECRET_KEY (ADR 0012). The first secret signs; all of them verify, so that a secret is
rotated by putting a new one in front and dropping the old one when its tokens have run out.
"""

import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.types import Options

ACCESS_LIFETIME = timedelta(minutes=10)
AUDIENCE = "porchlight"
TOKEN_TYPE = "at+jwt"  # ruff: ignore[hardcoded-password-string] -- a media type (RFC 9068)
MAX_TOKEN_LENGTH = 2048
"""Characters. Ours have about 400; nothing longer is decoded."""
_REFRESH_TOKEN = re.compile(r"v1\.([0-9a-f]{32})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})", re.ASCII)


class InvalidTokenError(Exception):
    """The token is forged, expired, of another kind, or no token at all: the caller learns no more."""


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says."""

    user_id: int
    session_key: str
    counter: int
    """Number of the refresh token that it was given out with."""
    expires_at: datetime


@dataclass(frozen=True)
class Authentication:
    """How and when the session's user has shown who they are (OpenID Connect Core, section 2; RFC 8176)."""

    assurance: int
    methods: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class RefreshClaims:
    """What a refresh token names; the session's row decides whether it is genuine."""

    session_key: str
    counter: int
    mac: bytes


def derived_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose: HKDF-SHA256, RFC 5869."""
    return HKDF(SHA256(), 32, salt=None, info=f"porchlight/{purpose}".encode()).derive(secret.encode())


class _SigningKey:
    def __init__(self, secret: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(derived_key(secret, "access-token"))
        self.public: Ed25519PublicKey = self.private.public_key()
        x = base64.urlsafe_b64encode(self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
        members = {"crv": "Ed25519", "kty": "OKP", "x": x}
        thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
        self.id = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
        self.jwk = members | {"kid": self.id, "alg": "EdDSA", "use": "sig"}


class KeyRing:
    """Signs and verifies. `secrets` has the newest first; `issuer` is our public address."""

    def __init__(self, secrets: Sequence[str], *, issuer: str) -> None:
        self._secrets = tuple(secrets)
        self._issuer = issuer
        self._keys = [_SigningKey(secret) for secret in secrets]
        self._by_id = {key.id: key for key in self._keys}

    def jwks(self) -> dict[str, Any]:
        """The public keys, as RFC 7517 has them."""
        return {"keys": [key.jwk for key in self._keys]}

    def mac(self, purpose: str, data: str) -> bytes:
        """A keyed hash (HMAC-SHA256) of `data`, with the newest secret."""
        return _mac(self._secrets[0], purpose, data)

    def proves(self, mac: bytes, purpose: str, data: str) -> bool:
        """Whether `mac` was made of `data` with any of our secrets."""
        return any(hmac.compare_digest(mac, _mac(secret, purpose, data)) for secret in self._secrets)

    def macs(self, purpose: str, data: str) -> list[str]:
        """The keyed hashes of `data` in hexadecimal, newest secret first: for looking up a stored one."""
        return [_mac(secret, purpose, data).hex() for secret in self._secrets]

    def seal(self, plain: bytes, purpose: str) -> str:
        """Encrypted and authenticated (AES-256-GCM), for this purpose alone."""
        nonce = os.urandom(12)
        sealed = AESGCM(derived_key(self._secrets[0], "seal")).encrypt(nonce, plain, purpose.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, purpose: str) -> bytes:
        """What was sealed for this purpose. Raises InvalidTokenError."""
        raw = base64.urlsafe_b64decode(sealed)
        for secret in self._secrets:
            try:
                return AESGCM(derived_key(secret, "seal")).decrypt(raw[:12], raw[12:], purpose.encode())
            except InvalidTag:
                continue
        raise InvalidTokenError

    def identity(self, purpose: str, data: str) -> str:
        """A keyed hash in hexadecimal that stays the same for as long as the database lives."""
        return self.mac(f"identity/{purpose}", data).hex()

    def access_token(
        self, *, user_id: int, session_key: str, counter: int, issued_at: datetime, authentication: Authentication
    ) -> str:
        """A signed token of ten minutes (RFC 9068). The same arguments give the same token."""
        issued = int(issued_at.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": session_key,
            "jti": f"{session_key}.{counter}",
            "acr": str(authentication.assurance),
            "amr": list(authentication.methods),
            "auth_time": int(authentication.at.timestamp()),
            "iat": issued,
            "exp": issued + int(ACCESS_LIFETIME.total_seconds()),
        }
        key = self._keys[0]
        return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.id, "typ": TOKEN_TYPE})

    def read_access_token(self, token: str, now: datetime) -> AccessClaims:
        """The claims of a genuine, unexpired access token. Raises InvalidTokenError."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidTokenError
        try:
            claims = self._verified(token)
            read = AccessClaims(
                user_id=int(claims["sub"]),
                session_key=str(claims["sid"]),
                counter=int(str(claims["jti"]).rpartition(".")[2]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidTokenError from error
        if read.expires_at <= now:
            raise InvalidTokenError
        return read

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of our keys signed as an access token."""
        header = jwt.get_unverified_header(token)
        key = self._by_id.get(str(header.get("kid")))
        if key is None or header.get("typ") != TOKEN_TYPE:
            raise InvalidTokenError
        # The library would ask the machine's clock; the caller checks the expiry against ours.
        options = Options(
            require=["exp", "iat", "sub", "sid", "jti"], verify_exp=False, verify_iat=False, verify_nbf=False
        )
        return jwt.decode(
            token,
            key.public,
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=self._issuer,
            options=options,
        )

    def refresh_token(self, *, session_key: str, salt: bytes, counter: int) -> str:
        """The session's refresh token number `counter`."""
        mac = self.mac("refresh-token", _refresh_data(session_key, salt, counter))
        return f"v1.{session_key}.{counter}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    def read_refresh_token(self, token: str) -> RefreshClaims:
        """What the token names, not yet proven. Raises InvalidTokenError."""
        match = _REFRESH_TOKEN.fullmatch(token)
        if not match:
            raise InvalidTokenError
        return RefreshClaims(match[1], int(match[2]), base64.urlsafe_b64decode(match[3] + "="))

    def is_genuine(self, claims: RefreshClaims, salt: bytes) -> bool:
        """Whether we made this refresh token for the session that has `salt`."""
        return self.proves(claims.mac, "refresh-token", _refresh_data(claims.session_key, salt, claims.counter))


def _mac(secret: str, purpose: str, data: str) -> bytes:
    return hmac.digest(derived_key(secret, purpose), data.encode(), "sha256")


def _refresh_data(session_key: str, salt: bytes, counter: int) -> str:
    return f"{session_key}.{salt.hex()}.{counter}"
