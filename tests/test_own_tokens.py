"""Access tokens that are read in one pass, against PyJWT: whatever is made of a token, both give one verdict."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.keys import SigningKey, encoded
from core.own_tokens import OwnTokens
from core.tokens import AUDIENCE, TOKEN_TYPE, Authentication, InvalidTokenError, KeyRing
from tests.clock import ManualClock

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ISSUER = "https://porchlight.example"
SESSION = "5e" * 16
KEYS = [SigningKey(bytes([number]) * 32, NOW - timedelta(days=3 - number)) for number in range(2)]
FOREIGN = SigningKey(b"f" * 32, NOW)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "7",
    "sid": SESSION,
    "jti": f"{SESSION}.1",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 600,
}
HEADER = {"alg": "EdDSA", "kid": KEYS[0].id, "typ": TOKEN_TYPE}

junk: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 2**63, 10**30, "", "x", " 7", "1_0", "٧", "\ud800", [], ["x"], [AUDIENCE], {}, {"a": []}]
) | st.text(max_size=4)
headers = st.just(HEADER) | st.builds(
    lambda more, without: {name: value for name, value in (HEADER | more).items() if name != without},
    st.sampled_from(
        [
            {"alg": "none"},
            {"alg": "HS256"},
            {"alg": "eddsa"},
            {"alg": ["EdDSA"]},
            {"kid": KEYS[1].id},
            {"kid": FOREIGN.id},
            {"kid": 7},
            {"typ": "JWT"},
            {"typ": "AT+JWT"},
            {"crit": ["exp"]},
            {"b64": False, "crit": ["b64"]},
            {"b64": True},
            {"jwk": FOREIGN.jwk},
        ]
    ),
    st.sampled_from(["", "alg", "kid", "typ"]),
)
payloads = st.builds(
    lambda more, without: {name: value for name, value in (CLAIMS | more).items() if name != without},
    st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "acr"]), junk, max_size=2),
    st.sampled_from(["", "", "", *CLAIMS]),
)
written: st.SearchStrategy[Callable[[Any], str]] = st.sampled_from(
    [
        lambda members: json.dumps(members, separators=(",", ":"), sort_keys=True),
        json.dumps,
        lambda members: json.dumps(members, ensure_ascii=False).replace("\ud800", "?"),
        lambda members: f" {json.dumps(members)}\n",
        lambda members: f"\ufeff{json.dumps(members)}",
        lambda members: f"{json.dumps(members)[:-1]}, {json.dumps(members)[1:]}",
        lambda members: f'{json.dumps(members)[:-1]}, "exp": 1, "exp": NaN}}',
        lambda members: f'{json.dumps(members)[:-1]}, "exp": 1e400}}',
        lambda members: f'{json.dumps(members)[:-1]}, "more": {"[" * 1500}{"]" * 1500}}}'[:1900],
        lambda members: f"[{json.dumps(members)}]",
        lambda members: f"{json.dumps(members)}x",
        lambda _: "null",
    ]
)
plainly = st.just(json.dumps(HEADER, separators=(",", ":"), sort_keys=True))
misspelled: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [
        lambda token: token,
        lambda token: token,
        lambda token: f"{token}=",
        lambda token: f"{token}==",
        lambda token: f"{token}\n",
        lambda token: f" {token}",
        lambda token: f"{token}.",
        lambda token: f".{token}",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace("-", "+").replace("_", "/"),
        lambda token: token.removesuffix(token[-1]),
        lambda token: token[:-1] + chr(ord(token[-1]) + 1),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace("e", "é", 1),
        lambda token: token.replace("e", "\ud800", 1),
        lambda token: token.replace("e", "ｅ"),
    ]
)


def ring_of() -> KeyRing:
    ring = KeyRing(["s" * 48], issuer=ISSUER, clock=ManualClock(NOW))
    ring.load(KEYS, [], b"")
    return ring


def by_pyjwt() -> KeyRing:
    """A ring that reads no token in one pass."""
    ring = ring_of()
    ring._own = OwnTokens((), typ=TOKEN_TYPE, issuer=ISSUER, audience=AUDIENCE)
    return ring


def signed(header: str, payload: str | bytes, key: SigningKey = KEYS[0]) -> str:
    """A token of any words, with a genuine signature."""
    raw = payload if isinstance(payload, bytes) else payload.encode()
    text = f"{encoded(header.encode())}.{encoded(raw)}"
    return f"{text}.{encoded(key.private.sign(text.encode()))}"


def verdict(ring: KeyRing, token: str) -> Any:
    """What is read, or which refusal is raised."""
    try:
        return ring.read_access_token(token, NOW)
    except InvalidTokenError as error:
        return type(error)


def as_pyjwt(token: str) -> Any:
    """The verdict, which is that of PyJWT alone."""
    found, wanted = verdict(ring_of(), token), verdict(by_pyjwt(), token)
    assert found == wanted
    return found


@settings(max_examples=400, deadline=None)
@given(
    header=plainly | st.builds(lambda members, write: write(members), headers, written),
    payload=st.builds(lambda members, write: write(members), payloads, written),
    key=st.sampled_from([KEYS[0], KEYS[0], KEYS[1], FOREIGN]),
    misspell=misspelled,
)
def test_both_ways_give_one_verdict(header: str, payload: str, key: SigningKey, misspell: Callable[[str], str]) -> None:
    """Of tokens with any header, claims, signer and spelling, genuine ones among them."""
    as_pyjwt(misspell(signed(header, payload, key)))


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 1000), other=st.characters())
@example(place=1000, other="=")
def test_one_wrong_character(place: int, other: str) -> None:
    """Wherever it stands: as PyJWT has it, which is a refusal unless the character was the same."""
    token = signed(json.dumps(HEADER, separators=(",", ":"), sort_keys=True), json.dumps(CLAIMS))
    place = min(place, len(token) - 1)
    changed = token[:place] + other + token[place + 1 :]
    assert isinstance(as_pyjwt(changed), type) == (changed != token)


def test_ours_are_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Genuine tokens of every key, and forged ones that are spelled like these, need no PyJWT."""
    ring = ring_of()
    genuine = [
        ring.access_token(
            user_id=7, session_key=SESSION, counter=1, issued_at=at, authentication=Authentication(1, ("pwd",), at)
        )
        for at in (NOW - timedelta(minutes=5), NOW)
    ]
    forged = signed(json.dumps(HEADER, separators=(",", ":"), sort_keys=True), json.dumps(CLAIMS), FOREIGN)
    for name in ("decode", "get_unverified_header"):
        monkeypatch.setattr(jwt, name, None)
    assert [ring.read_access_token(token, NOW).user_id for token in genuine] == [7, 7]
    assert verdict(ring, forged) is InvalidTokenError


@pytest.mark.parametrize(
    ("payload", "user_id"),
    [
        (json.dumps(CLAIMS | {"aud": [AUDIENCE]}), 7),
        (json.dumps(CLAIMS | {"exp": CLAIMS["exp"] + 0.5}), 7),
        (json.dumps(CLAIMS | {"note": "\ud800"}), 7),
        (json.dumps(CLAIMS)[:-1] + ', "note": NaN}', 7),
        (json.dumps(CLAIMS).encode("utf-16"), 7),
        (json.dumps(CLAIMS | {"iat": "now"}), 7),
        (json.dumps(CLAIMS | {"iss": "https://elsewhere.example"}), None),
        (json.dumps(CLAIMS | {"exp": 10**30}), None),
        ("[]", None),
        (b"\xff", None),
    ],
)
def test_what_we_do_not_write_is_left_to_pyjwt(payload: str | bytes, user_id: int | None) -> None:
    """It reads some of it and refuses the rest, though the signature is genuine."""
    token = signed(json.dumps(HEADER, separators=(",", ":"), sort_keys=True), payload)
    assert ring_of()._own.read(token) is None
    found = as_pyjwt(token)
    assert found is InvalidTokenError if user_id is None else found.user_id == user_id


def test_a_payload_is_spelled_in_one_way() -> None:
    """One that has bits set beyond its bytes is none that we have written, whoever signed it."""
    header = encoded(json.dumps(HEADER, separators=(",", ":"), sort_keys=True).encode())
    raw = json.dumps(CLAIMS).encode()
    payload = encoded(raw + b" " * ((1 - len(raw)) % 3))
    text = f"{header}.{payload[:-1]}{chr(ord(payload[-1]) + 1)}"
    token = f"{text}.{encoded(KEYS[0].private.sign(text.encode()))}"
    assert ring_of()._own.read(token) is None
    assert as_pyjwt(token) is InvalidTokenError
