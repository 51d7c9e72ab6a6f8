"""Keys by themselves: what is derived from a secret, what signs, what seals, and the envelope they are kept in."""

import base64
import binascii
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIZE = 32
"""Bytes of a key, whatever it is for."""
NONCE = 12
"""Bytes: NIST SP 800-38D, section 8.2.2."""
ENVELOPE = "e1"
"""The first word of a sealed key: which way it was sealed."""


class SealedElsewhereError(Exception):
    """None of our secrets opens this key, or somebody has changed it."""


@lru_cache(maxsize=256)
def derived_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose: HKDF-SHA256, RFC 5869."""
    return HKDF(SHA256(), SIZE, salt=None, info=f"porchlight/{purpose}".encode()).derive(secret.encode())


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of base64url without padding. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("This is not base64url.") from error


def encrypted(key: bytes, plain: bytes, bound_to: str) -> str:
    """AES-256-GCM with a random nonce. It opens together with the same `bound_to` alone."""
    nonce = os.urandom(NONCE)
    return encoded(nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode()))


def decrypted(key: bytes, sealed: str, bound_to: str) -> bytes:
    """What `encrypted` was given. Raises ValueError."""
    raw = decoded(sealed)
    try:
        return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], bound_to.encode())
    except InvalidTag as error:
        raise ValueError("This was sealed with another key or for something else.") from error


def new_material() -> bytes:
    """A key that nobody has seen."""
    return secrets.token_bytes(SIZE)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key. It makes signatures from `active_at` on, and they count until `retired_at`."""

    material: bytes
    active_at: datetime
    retired_at: datetime | None = None

    @cached_property
    def private(self) -> Ed25519PrivateKey:
        """What signs."""
        return Ed25519PrivateKey.from_private_bytes(self.material)

    @cached_property
    def public(self) -> Ed25519PublicKey:
        """What verifies."""
        return self.private.public_key()

    @cached_property
    def id(self) -> str:
        """The thumbprint: RFC 7638."""
        members = json.dumps(self._members, separators=(",", ":"), sort_keys=True)
        return encoded(hashlib.sha256(members.encode()).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as RFC 8037 writes it."""
        return self._members | {"kid": self.id, "alg": "EdDSA", "use": "sig"}

    @cached_property
    def _members(self) -> dict[str, str]:
        x = encoded(self.public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        return {"crv": "Ed25519", "kty": "OKP", "x": x}

    def counts(self, now: datetime) -> bool:
        """Whether what it has signed counts."""
        return self.retired_at is None or now < self.retired_at


@dataclass(frozen=True)
class SealingKey:
    """An AES-256-GCM key. It seals from `active_at` on, and opens what it has sealed."""

    id: str
    material: bytes
    active_at: datetime


class Envelope:
    """How keys are kept: sealed with what the secrets derive. The newest seals, each of them opens."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [derived_key(secret, "envelope") for secret in secrets]

    def seal(self, material: bytes, name: str) -> str:
        """A key as it is stored, for this name alone."""
        return f"{ENVELOPE}.{encrypted(self._keys[0], material, name)}"

    def open(self, sealed: str, name: str) -> bytes:
        """The key. Raises SealedElsewhereError."""
        for key in self._keys:
            if (material := _opened(key, sealed, name)) is not None:
                return material
        raise SealedElsewhereError(name)

    def is_newest(self, sealed: str, name: str) -> bool:
        """Whether the newest secret has sealed it."""
        return _opened(self._keys[0], sealed, name) is not None


def _opened(key: bytes, sealed: str, name: str) -> bytes | None:
    version, _, text = sealed.partition(".")
    if version != ENVELOPE:
        return None
    try:
        return decrypted(key, text, name)
    except ValueError:
        return None
