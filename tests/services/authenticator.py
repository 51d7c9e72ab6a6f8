"""An authenticator in software: makes passkeys and uses them, honestly or as a test wants it to lie."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8000"
USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def elliptic() -> Key:
    """A key for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def edwards() -> Key:
    """A key for EdDSA."""
    return ed25519.Ed25519PrivateKey.generate()


def rivest() -> Key:
    """A key for RS256."""
    return rsa.generate_private_key(65537, 2048)


def algorithm_of(key: Key) -> int:
    """The COSE number of what the key signs with."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return -7
    return -8 if isinstance(key, ed25519.Ed25519PrivateKey) else -257


def cose(key: Key) -> dict[int, Any]:
    """The public half, as COSE has it (RFC 9053, section 7)."""
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers = public.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
    rsa_numbers = public.public_numbers()
    return {1: 3, 3: -257, -1: rsa_numbers.n.to_bytes(256, "big"), -2: rsa_numbers.e.to_bytes(3, "big")}


def signed(key: Key, data: bytes) -> bytes:
    """A signature."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, padding.PKCS1v15(), SHA256())


@dataclass
class Authenticator:
    """One passkey and the browser around it. `counts` is false for one that is synced."""

    key: Key = field(default_factory=elliptic)
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: str | None = None
    sign_count: int = 0
    counts: bool = True
    flags: int = USER_PRESENT | USER_VERIFIED
    origin: str = ORIGIN
    rp_id: str = "localhost"
    said: dict[str, Any] = field(default_factory=lambda: {"crossOrigin": False})
    """What stands in the client data besides."""
    transports: Any = field(default_factory=lambda: ["internal", "hybrid"])

    def copy(self, **changes: Any) -> "Authenticator":
        """The same passkey in other hands."""
        return replace(self, **changes)

    def create(self, options: dict[str, Any], *, fmt: str = "none", statement: Any = None) -> dict[str, Any]:
        """Make the passkey: `navigator.credentials.create()`."""
        self.handle = options["user"]["id"]
        public = cbor2.dumps(cose(self.key))
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self.data(self.flags | ATTESTED) + attested
        client_data = self.client_data("webauthn.create", options["challenge"])
        if fmt == "packed" and statement is None:
            signature = signed(self.key, data + hashlib.sha256(client_data).digest())
            statement = {"alg": algorithm_of(self.key), "sig": signature}
        attestation = cbor2.dumps({"fmt": fmt, "attStmt": statement or {}, "authData": data})
        return self.credential(
            client_data, attestationObject=encoded(attestation), transports=self.transports, publicKeyAlgorithm=-7
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Use it: `navigator.credentials.get()`."""
        if self.counts:
            self.sign_count += 1
        data = self.data(self.flags)
        client_data = self.client_data("webauthn.get", options["challenge"])
        signature = signed(self.key, data + hashlib.sha256(client_data).digest())
        handle = {"userHandle": self.handle} if self.handle else {}
        return self.credential(client_data, authenticatorData=encoded(data), signature=encoded(signature), **handle)

    def data(self, flags: int) -> bytes:
        """What the authenticator says of itself."""
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def client_data(self, kind: str, challenge: str) -> bytes:
        """What the browser says of the page."""
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, **self.said}).encode()

    def credential(self, client_data: bytes, **response: Any) -> dict[str, Any]:
        """As `PublicKeyCredential.toJSON()` writes it."""
        return {
            "id": encoded(self.id),
            "rawId": encoded(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": encoded(client_data), **response},
        }
