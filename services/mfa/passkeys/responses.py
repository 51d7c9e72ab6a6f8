"""What a browser says after `navigator.credentials.create()` or `.get()`: its shape, and whether it is proven.

All of it comes from strangers. The shape is checked by us, with bounds; signatures and structures by `webauthn`.
"""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

from core.errors import BadUserInput

if TYPE_CHECKING:
    from collections.abc import Generator

    from services.mfa.passkeys.relying_party import RelyingParty

LARGEST = 16 * 1024
"""Characters of everything that is read."""
LONGEST_ID = 1023
"""Bytes of a credential id (Web Authentication, section 4)."""
LONGEST_KEY = 2048
"""Bytes of a public key. One of RSA with 4,096 bits has about 530."""
ALGORITHMS = (-7, -8, -257)
"""ES256, EdDSA, RS256, by their COSE numbers."""
ATTESTATIONS = frozenset({"none", "packed"})
"""We ask for none; browsers hand on what an authenticator signs for itself, which is packed."""
TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})
LONGEST_REASON = 200


class NotVerifiedError(Exception):
    """The response does not prove what it should. The text is for the log."""


@dataclass(frozen=True)
class Response:
    """A response of the right shape, of which nothing is proven yet."""

    json: dict[str, Any]
    """What was read of it, and no more."""
    credential_id: str
    challenge: str
    framed: bool
    """Whether a page of another site had ours in a frame."""

    @property
    def user_handle(self) -> str | None:
        """Whose credential it is, by the authenticator's word."""
        handle: str | None = self.json["response"].get("userHandle")
        return handle


@dataclass(frozen=True)
class Created:
    """A credential that has just been made."""

    id: str
    public_key: bytes
    sign_count: int
    backed_up: bool
    transports: str | None


@dataclass(frozen=True)
class Used:
    """One use of a credential."""

    sign_count: int
    backed_up: bool


def read_created(credential: Any) -> Response:
    """What `create()` gave, as `toJSON()` writes it. Raises BadUserInput."""
    return _read(credential, "attestationObject")


def read_used(credential: Any) -> Response:
    """What `get()` gave, as `toJSON()` writes it. Raises BadUserInput."""
    return _read(credential, "authenticatorData", "signature")


def verified_creation(response: Response, party: RelyingParty) -> Created:
    """The credential that was made for us, its user verified. Raises NotVerifiedError."""
    with _anything_as_unverified():
        import webauthn  # ruff: ignore[import-outside-top-level] -- start time
        from webauthn.helpers import (  # ruff: ignore[import-outside-top-level] -- start time
            bytes_to_base64url,
            decode_credential_public_key,
            decoded_public_key_to_cryptography,
            parse_attestation_object,
        )

        attested = parse_attestation_object(_decoded(response.json["response"]["attestationObject"]))
        if attested.fmt not in ATTESTATIONS:
            raise NotVerifiedError("attestation of a kind that was not asked for")
        made = webauthn.verify_registration_response(
            credential=response.json,
            expected_challenge=_decoded(response.challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),  # type: ignore[arg-type] # an IntEnum of these numbers
        )
        # With attestation "none" the library does not look whether the key is one: it would fail at each sign-in.
        decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
        _require_home(response)
        if len(made.credential_id) > LONGEST_ID or len(made.credential_public_key) > LONGEST_KEY:
            raise NotVerifiedError("too long")
        return Created(
            bytes_to_base64url(made.credential_id),
            made.credential_public_key,
            made.sign_count,
            made.credential_backed_up,
            _transports(response),
        )


def verified_use(response: Response, party: RelyingParty, public_key: bytes) -> Used:
    """The use that the holder of `public_key` has signed, their user verified. Raises NotVerifiedError."""
    with _anything_as_unverified():
        import webauthn  # ruff: ignore[import-outside-top-level] -- start time

        _require_home(response)
        used = webauthn.verify_authentication_response(
            credential=response.json,
            expected_challenge=_decoded(response.challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            # The library would judge the counter before the signature: a stranger could then cry clone.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        return Used(used.new_sign_count, used.credential_backed_up)


def _read(credential: Any, *parts: str) -> Response:
    match credential:
        case {"id": str() as id_, "rawId": raw_id, "type": "public-key", "response": dict() as said} if id_ == raw_id:
            texts = _texts(said, *parts)
        case _:
            _refuse()
    if len(id_) + sum(map(len, texts.values())) > LARGEST:
        raise BadUserInput(f"credential has at most {LARGEST} characters.")
    if not all(map(_decoded, (id_, *texts.values()))):
        _refuse()
    client_data = _client_data(_decoded(texts["clientDataJSON"]))
    kept = {"id": id_, "rawId": id_, "type": "public-key", "response": {**texts, "transports": _known(said)}}
    return Response(kept, id_, client_data["challenge"], bool(client_data.get("crossOrigin")))


def _texts(said: dict[str, Any], *parts: str) -> dict[str, str]:
    wanted = ["clientDataJSON", *parts, *(["userHandle"] if said.get("userHandle") else [])]
    texts = {part: text for part in wanted if isinstance(text := said.get(part), str)}
    if len(texts) < len(wanted):
        _refuse()
    return texts


def _client_data(raw: bytes) -> dict[str, Any]:
    try:
        client_data = json.loads(raw)
    except (ValueError, RecursionError):
        _refuse()
    if not (isinstance(client_data, dict) and isinstance(client_data.get("challenge"), str)):
        _refuse()
    return client_data


def _known(said: dict[str, Any]) -> list[str]:
    """The transports that we know by name, each once."""
    transports = said.get("transports")
    named = transports[:LARGEST] if isinstance(transports, list) else []
    return sorted({name for name in named if isinstance(name, str)} & TRANSPORTS)


def _transports(response: Response) -> str | None:
    return " ".join(response.json["response"]["transports"]) or None


def _require_home(response: Response) -> None:
    if response.framed:
        raise NotVerifiedError("asked for in a frame of another site")


def _decoded(text: str) -> bytes:
    """The bytes of base64url without padding, in its one spelling. Raises BadUserInput."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        _refuse()
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        _refuse()
    return raw


def _refuse() -> Never:
    raise BadUserInput("credential is not what PublicKeyCredential.toJSON() gives.")


@contextmanager
def _anything_as_unverified() -> Generator[None]:
    """Besides its own exceptions the library lets through what its parsers raise: lookup, type and value errors."""
    try:
        yield
    except NotVerifiedError:
        raise
    except Exception as error:
        raise NotVerifiedError(f"{type(error).__name__}: {error}"[:LONGEST_REASON]) from error
