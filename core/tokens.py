"""The key ring and the tokens made with it: Ed25519 access tokens, counted refresh tokens, sealed texts, keyed hashes.

What signs, seals and identifies is kept in the database and loaded into the ring (ADR 0015). What proves refresh tokens
and other short-lived hashes is derived from SECRET_KEY: the first secret makes, all of them prove.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import jwt
from cryptography.exceptions import InvalidSignature
from jwt.types import Options

from core.clock import Clock
from core.keys import SealingKey, SigningKey, decrypted, derived_key, encrypted
from core.own_tokens import ALGORITHM, OwnTokens

Made = TypeVar("Made", SigningKey, SealingKey)

ACCESS_LIFETIME = timedelta(minutes=10)
AUDIENCE = "porchlight"
TOKEN_TYPE = "at+jwt"  # ruff: ignore[hardcoded-password-string] -- a media type (RFC 9068)
MAX_TOKEN_LENGTH = 2048
"""Characters. Ours have about 400; nothing longer is decoded."""
KNOWN_TOKENS = 8_192
"""Tokens that are verified once: about 6 MB. Beyond these, those that came first are verified anew."""
SEALED = "s1"
"""The first word of a sealed text: which way it was sealed."""
_SEALED = re.compile(r"s1\.([0-9a-f]+)\.([A-Za-z0-9_-]+)\.(.+)", re.ASCII | re.DOTALL)
_REFRESH_TOKEN = re.compile(r"v1\.([0-9a-f]{32})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})", re.ASCII)


class InvalidTokenError(Exception):
    """The token is forged, expired, of another kind, or no token at all: the caller learns no more."""


class UnknownKeyError(InvalidTokenError):
    """The token names a key that this ring does not hold: a forged one, or one that was made a moment ago."""


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


class KeyRing:
    """Signs and verifies. `secrets` has the newest first; `issuer` is our public address. `load` gives it its keys."""

    def __init__(self, secrets: Sequence[str], *, issuer: str, clock: Clock) -> None:
        self._secrets = tuple(secrets)
        self._issuer = issuer
        self._clock = clock
        self._signing: dict[str, SigningKey] = {}
        self._sealing: dict[str, SealingKey] = {}
        self._identifying = b""
        self._own = self._reading(())
        self._known: dict[bytes, tuple[AccessClaims, SigningKey]] = {}
        """What genuine tokens say, and who signed them, by the hash of the token: the token itself is not kept."""

    def load(self, signing: Sequence[SigningKey], sealing: Sequence[SealingKey], identifying: bytes) -> None:
        """Hold these keys, the oldest of each use first, and none of those before, nor what they have verified."""
        self._known.clear()
        self._signing = {key.id: key for key in signing}
        self._own = self._reading(signing)
        self._sealing = {key.id: key for key in sealing}
        self._identifying = identifying

    def _reading(self, keys: Sequence[SigningKey]) -> OwnTokens:
        return OwnTokens(keys, typ=TOKEN_TYPE, issuer=self._issuer, audience=AUDIENCE)

    def jwks(self) -> dict[str, Any]:
        """The public keys whose signatures count, or will, as RFC 7517 has them."""
        now = self._clock.now()
        return {"keys": [key.jwk for key in self._signing.values() if key.counts(now)]}

    def signing_key(self, at: datetime) -> SigningKey:
        """The key that signs what is issued at this moment: the same one whenever that is asked."""
        return _newest_active(self._signing, at)

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
        """Encrypted and authenticated (AES-256-GCM), for this purpose alone.

        The text says how it was sealed, with which key, and what for: `s1.<kid>.<sealed>.<purpose>`.
        """
        key = _newest_active(self._sealing, self._clock.now())
        return f"{SEALED}.{key.id}.{encrypted(key.material, plain, _bound(key.id, purpose))}.{purpose}"

    def unseal(self, sealed: str, purpose: str) -> bytes:
        """What was sealed for this purpose. Raises InvalidTokenError."""
        match = _SEALED.fullmatch(sealed)
        key = self._sealing.get(match[1]) if match else None
        if match is None or key is None or match[3] != purpose:
            raise InvalidTokenError
        try:
            return decrypted(key.material, match[2], _bound(key.id, purpose))
        except ValueError as error:
            raise InvalidTokenError from error

    def resealed(self, sealed: str) -> str:
        """The same, sealed with the present key: the very same text when it is so already. Raises InvalidTokenError."""
        if sealed.startswith(self.sealed_now):
            return sealed
        purpose = sealed.split(".", 3)[-1]
        return self.seal(self.unseal(sealed, purpose), purpose)

    @property
    def sealed_now(self) -> str:
        """What a text begins with that the present key has sealed."""
        return f"{SEALED}.{_newest_active(self._sealing, self._clock.now()).id}."

    def identity(self, purpose: str, data: str) -> str:
        """A keyed hash in hexadecimal that stays the same for as long as the database lives, whatever is rotated."""
        return hmac.digest(self._identifying, f"{purpose}\0{data}".encode(), "sha256").hex()

    def access_token(
        self, *, user_id: int, session_key: str, counter: int, issued_at: datetime, authentication: Authentication
    ) -> str:
        """A signed token of ten minutes (RFC 9068). The same arguments give the same token.

        The key is the one that signs at `issued_at`, so that a rotation in between changes nothing.
        """
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
        key = self.signing_key(issued_at)
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id, "typ": TOKEN_TYPE})

    def read_access_token(self, token: str, now: datetime) -> AccessClaims:
        """The claims of a genuine, unexpired access token. Raises UnknownKeyError, InvalidTokenError.

        A signature is verified once (ADR 0053); that the key counts and the token lasts is asked each time.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidTokenError
        name = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._known.get(name)
        claims, key = known or self._verified(token)
        if not key.counts(now) or claims.expires_at <= now:
            self._known.pop(name, None)
            raise InvalidTokenError
        if known is None:
            self._keep(name, claims, key)
        return claims

    def _keep(self, name: bytes, claims: AccessClaims, key: SigningKey) -> None:
        if len(self._known) >= KNOWN_TOKENS:
            del self._known[next(iter(self._known))]
        self._known[name] = (claims, key)

    def _verified(self, token: str) -> tuple[AccessClaims, SigningKey]:
        """What a token says that one of our keys signed as an access token, whenever that was."""
        try:
            claims, key = self._own.read(token) or self._decoded(token)
            read = AccessClaims(
                user_id=int(claims["sub"]),
                session_key=str(claims["sid"]),
                counter=int(str(claims["jti"]).rpartition(".")[2]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (InvalidSignature, jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidTokenError from error
        return read, key

    def _decoded(self, token: str) -> tuple[dict[str, Any], SigningKey]:
        """The claims of any access token and their signer, by PyJWT. Raises PyJWTError, InvalidTokenError."""
        key = self._signer_of(token)
        return _decoded(token, key, self._issuer), key

    def _signer_of(self, token: str) -> SigningKey:
        """The key of ours that an access token names, whether or not it counts."""
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TOKEN_TYPE:
            raise InvalidTokenError
        key = self._signing.get(str(header.get("kid")))
        if key is None:
            raise UnknownKeyError
        return key

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


def _decoded(token: str, key: SigningKey, issuer: str) -> dict[str, Any]:
    # The library would ask the machine's clock; the caller checks the expiry against ours.
    options = Options(require=["exp", "iat", "sub", "sid", "jti"], verify_exp=False, verify_iat=False, verify_nbf=False)
    return jwt.decode(token, key.public, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=issuer, options=options)


def _newest_active(keys: dict[str, Made], at: datetime) -> Made:
    """The last key that was active at this moment; before the first one was, the first."""
    chosen: Made = next(iter(keys.values()))
    for key in keys.values():
        if key.active_at <= at:
            chosen = key
    return chosen


def _bound(kid: str, purpose: str) -> str:
    return f"{kid}.{purpose}"


def _mac(secret: str, purpose: str, data: str) -> bytes:
    return hmac.digest(derived_key(secret, purpose), data.encode(), "sha256")


def _refresh_data(session_key: str, salt: bytes, counter: int) -> str:
    return f"{session_key}.{salt.hex()}.{counter}"
