"""Responses of browsers, bent in every way: each is verified, refused or bad input, and never a fault of ours."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadUserInput
from services.mfa.passkeys.relying_party import RelyingParty
from services.mfa.passkeys.responses import (
    LARGEST,
    NotVerifiedError,
    read_created,
    read_used,
    verified_creation,
    verified_use,
)
from tests.services.authenticator import Authenticator, cose, decoded, encoded

PARTY = RelyingParty("localhost", ("http://localhost:8000",))
CHALLENGE = encoded(bytes(range(32)))
OPTIONS = {"challenge": CHALLENGE, "user": {"id": encoded(bytes(32))}}
AUTHENTICATOR = Authenticator()
CREATED = AUTHENTICATOR.create(OPTIONS)
PACKED = AUTHENTICATOR.create(OPTIONS, fmt="packed")
USED = AUTHENTICATOR.get(OPTIONS)
PUBLIC_KEY = verified_creation(read_created(CREATED), PARTY).public_key

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(encoded)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)


def creation(credential: Any) -> None:
    """As a registration reads and verifies it."""
    verified_creation(read_created(credential), PARTY)


def use(credential: Any) -> None:
    """As a sign-in reads and verifies it."""
    verified_use(read_used(credential), PARTY, PUBLIC_KEY)


def survives(check: Any, credential: Any) -> bool:
    """Whether the credential is verified; a fault of ours would pass through."""
    try:
        check(credential)
    except (BadUserInput, NotVerifiedError):
        return False
    return True


def with_part(credential: dict[str, Any], part: str, value: Any) -> dict[str, Any]:
    """The credential with another value at `part`, which is a name of it or of its response."""
    bent = copy.deepcopy(credential)
    (bent if part in bent else bent["response"])[part] = value
    return bent


@given(ANYTHING)
def test_anything_at_all_is_bad_input(anything: Any) -> None:
    """There is no shape that breaks us."""
    assert not survives(creation, anything)
    assert not survives(use, anything)


@given(st.sampled_from(["id", "rawId", "type", "clientDataJSON", "authenticatorData", "signature"]), ANYTHING)
def test_anything_in_a_part_of_a_use_is_refused(part: str, anything: Any) -> None:
    """Each part counts."""
    assert not survives(use, with_part(USED, part, anything))


@given(st.sampled_from(["id", "type", "clientDataJSON", "attestationObject", "transports", "userHandle"]), ANYTHING)
def test_anything_in_a_part_of_a_creation_is_refused(part: str, anything: Any) -> None:
    """Each part that is needed counts; the others do no harm."""
    kept = survives(creation, with_part(CREATED, part, anything))
    assert not kept or part in {"transports", "userHandle"}


@given(st.sampled_from(["clientDataJSON", "authenticatorData"]), st.data())
@settings(max_examples=300)
def test_a_changed_bit_of_a_use_is_refused(part: str, data: st.DataObject) -> None:
    """Everything that is signed is verified."""
    raw = bytearray(decoded(USED["response"][part]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not survives(use, with_part(USED, part, encoded(bytes(raw))))


@given(st.sampled_from([CREATED, PACKED]), st.data())
@settings(max_examples=600)
def test_changed_bytes_of_an_attestation_do_no_harm(credential: dict[str, Any], data: st.DataObject) -> None:
    """Nothing signs an attestation of none: what is changed may pass, and never breaks us."""
    raw = bytearray(decoded(credential["response"]["attestationObject"]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    survives(creation, with_part(credential, "attestationObject", encoded(bytes(raw))))


CBOR = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.text(max_size=4) | st.binary(max_size=70) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(-5, 5) | st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([1, 3, -1, -2, -3, "x"]), CBOR | st.sampled_from([1, 2, 3, -7, -8, -257, 7])))
@settings(max_examples=300)
def test_a_key_of_any_shape_does_no_harm(changes: dict[Any, Any]) -> None:
    """COSE with parts that are missing, of another kind or another curve."""
    key = {**cose(AUTHENTICATOR.key), **changes}
    data = AUTHENTICATOR.data(0x45) + bytes(16) + b"\x00\x20" + AUTHENTICATOR.id + cbor2.dumps(key)
    attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
    survives(creation, with_part(CREATED, "attestationObject", encoded(attestation)))


@given(CBOR, CBOR, st.sampled_from(["none", "packed", "tpm", "apple", "android-key", "", "x"]) | CBOR)
def test_a_statement_of_any_shape_does_no_harm(statement: Any, data: Any, fmt: Any) -> None:
    """Whatever an attestation object is made of."""
    attestation = cbor2.dumps({"fmt": fmt, "attStmt": statement, "authData": data})
    assert not survives(creation, with_part(CREATED, "attestationObject", encoded(attestation)))


@given(st.binary(max_size=2000))
def test_bytes_of_any_kind_do_no_harm(raw: bytes) -> None:
    """In place of what is CBOR or JSON."""
    assert not survives(creation, with_part(CREATED, "attestationObject", encoded(raw)))
    assert not survives(use, with_part(USED, "authenticatorData", encoded(raw)))
    assert not survives(use, with_part(USED, "clientDataJSON", encoded(raw)))


BOMBS = [
    b"\x81" * 11_000,
    b"\xa1\x00" * 5_000,
    b"\x9b" + b"\xff" * 8,
    b"\x5b" + b"\x7f" * 8,
    b"\xd8\x1c\x81\xd8\x1d\x00",
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_refused(bomb: bytes) -> None:
    """Nesting without end, lengths that nobody has the memory for, a list that holds itself."""
    assert not survives(creation, with_part(CREATED, "attestationObject", encoded(bomb)))


def test_what_is_read_is_bounded() -> None:
    """All parts together have 16,384 characters at most, and what we do not read does not count."""
    part = with_part(USED, "signature", "A" * LARGEST)
    with pytest.raises(BadUserInput, match="16384"):
        read_used(part)
    assert survives(use, {**USED, "more": "x" * LARGEST})


def test_what_is_refused_is_said_in_the_log_without_secrets() -> None:
    """The reason names what was wrong, in one short line, and not the challenge."""
    with pytest.raises(NotVerifiedError, match="Unexpected client data origin") as raised:
        use(Authenticator(origin="http://" + "x" * 999, key=AUTHENTICATOR.key, id=AUTHENTICATOR.id).get(OPTIONS))
    assert len(str(raised.value)) == 200
    assert CHALLENGE not in str(raised.value)


def test_the_library_waits_for_the_first_passkey() -> None:
    """A start imports neither it nor what it brings along."""
    script = "import server, sys; sys.exit(bool({'webauthn', 'OpenSSL', 'cbor2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, check=False, timeout=30)
    assert done.returncode == 0
