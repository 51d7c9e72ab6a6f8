"""Tokens, keys, passwords and addresses by themselves."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event, get_native_id
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core import tokens
from core.emails import InvalidEmail, email_key, parse_email
from core.errors import Unavailable
from core.keys import SealingKey, SigningKey
from core.passwords import NICER, NICEST, QUEUE_PER_WORKER, SOONEST, USUAL, Passwords
from core.tokens import AUDIENCE, Authentication, InvalidTokenError, KeyRing, UnknownKeyError
from tests.clock import ManualClock
from tests.services.valkey import until

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ISSUER = "https://porchlight.example"
OLD, NEW = "o" * 48, "n" * 48
SALT = b"s" * 16
SESSION = "5e" * 16


KEYS = {
    "first": SigningKey(b"1" * 32, NOW - timedelta(days=9), retired_at=NOW),
    "old": SigningKey(b"2" * 32, NOW - timedelta(days=1), retired_at=NOW + timedelta(minutes=10)),
    "new": SigningKey(b"3" * 32, NOW - timedelta(minutes=5)),
    "next": SigningKey(b"4" * 32, NOW + timedelta(minutes=5)),
    "foreign": SigningKey(b"5" * 32, NOW),
}
"""A ring in the middle of a rotation that follows another one."""


def ring_of(*secrets: str) -> KeyRing:
    """A ring with all our keys."""
    ring = KeyRing(secrets, issuer=ISSUER, clock=ManualClock(NOW))
    signing = [key for name, key in KEYS.items() if name != "foreign"]
    ring.load(signing, [SealingKey("5ea1", b"6" * 32, NOW)], b"7" * 32)
    return ring


@pytest.fixture
def ring() -> KeyRing:
    return ring_of(NEW, OLD)


def signed(signer: str = "new", *, kid: str | None = None, typ: str | None = "at+jwt", **changes: object) -> str:
    """A token signed with one of our keys, with something about it changed; None leaves a claim out."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "7",
        "sid": SESSION,
        "jti": f"{SESSION}.1",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 600,
    } | changes
    key = KEYS[signer]
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key.private, algorithm="EdDSA", headers={"kid": kid or key.id, "typ": typ})


def test_a_token_of_ours_is_read(ring: KeyRing) -> None:
    """Whichever of our standing keys signed it, the next one too."""
    for token in (
        signed("old"),
        signed("new"),
        signed("next"),
        ring.access_token(
            user_id=7, session_key=SESSION, counter=1, issued_at=NOW, authentication=Authentication(1, ("pwd",), NOW)
        ),
    ):
        claims = ring.read_access_token(token, NOW)
        assert (claims.user_id, claims.session_key, claims.expires_at) == (7, SESSION, NOW + timedelta(minutes=10))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * 3000,
        signed("first"),
        signed("foreign"),
        signed(typ="JWT"),
        signed(typ=None),
        signed(kid="unknown"),
        signed(aud="somebody-else"),
        signed(iss="https://elsewhere.example"),
        signed(exp=None),
        signed(sid=None),
        signed(jti=None),
        signed(jti="no counter"),
        signed(sub=None),
        signed(sub="not a number"),
        signed(exp=int(NOW.timestamp())),
        signed(exp=10**20),
        jwt.encode({"sub": "7"}, "", algorithm="none"),
        jwt.encode(
            {"sub": "7", "sid": SESSION, "jti": f"{SESSION}.1", "exp": 9e9, "iat": 0, "aud": AUDIENCE, "iss": ISSUER},
            "k" * 32,
            headers={"typ": "at+jwt"},
        ),
    ],
    ids=range(20),
)
def test_any_other_token_is_refused(ring: KeyRing, token: str) -> None:
    """Forged, expired, of another kind, incomplete, or no token at all: one answer."""
    with pytest.raises(InvalidTokenError):
        ring.read_access_token(token, NOW)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures are verified from now on."""
    seen: list[str] = []
    verify = KeyRing._verified

    def counted(ring: KeyRing, token: str) -> Any:
        seen.append(token)
        return verify(ring, token)

    monkeypatch.setattr(KeyRing, "_verified", counted)
    return seen


def refused(ring: KeyRing, token: str, now: datetime) -> None:
    with pytest.raises(InvalidTokenError):
        ring.read_access_token(token, now)


def test_a_signature_is_verified_once(ring: KeyRing, verified: list[str]) -> None:
    """What a genuine token says is known the second time; what is not genuine is looked at each time."""
    token, forged = signed(), signed("foreign", kid=KEYS["new"].id)
    claims = [ring.read_access_token(token, NOW) for _ in range(3)]
    assert claims[0] == claims[1] == claims[2]
    refused(ring, forged, NOW)
    refused(ring, forged, NOW)
    refused(ring, token[:-1] + ("A" if token[-1] != "A" else "B"), NOW)
    assert verified[:3] == [token, forged, forged]
    assert token not in str(vars(ring))


def test_a_known_token_expires(ring: KeyRing, verified: list[str]) -> None:
    """By the clock that is handed in, to the second, and for good: what has expired is not kept."""
    token, end = signed(), NOW + timedelta(minutes=10)
    ring.read_access_token(token, end - timedelta(seconds=1))
    refused(ring, token, end)
    assert ring._known == {}
    ring.read_access_token(token, NOW)
    assert verified == [token, token]


def test_what_a_withdrawn_key_has_signed_is_refused_at_once(ring: KeyRing, verified: list[str]) -> None:
    """Whether the key retires by its time, or the ring is loaded anew without it."""
    token = signed("old", exp=int(NOW.timestamp()) + 6000)
    ring.read_access_token(token, NOW)
    refused(ring, token, NOW + timedelta(minutes=10))
    ring.read_access_token(token, NOW)
    ring.load([KEYS["new"]], [], b"")
    with pytest.raises(UnknownKeyError):
        ring.read_access_token(token, NOW)
    assert verified == [token] * 3


def test_known_tokens_are_bounded(ring: KeyRing, verified: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the one that came first is verified anew."""
    monkeypatch.setattr(tokens, "KNOWN_TOKENS", 2)
    one, two, three = (signed(jti=f"{SESSION}.{number}") for number in (1, 2, 3))
    for token in (one, two, three, three, two, one):
        ring.read_access_token(token, NOW)
        assert len(ring._known) <= 2
    assert verified == [one, two, three, one]


def test_a_public_key_signs_nothing(ring: KeyRing) -> None:
    """The classic confusion: our public key used as an HMAC secret."""
    public = KEYS["new"].jwk
    forged = jwt.api_jwt.PyJWT().encode(
        {
            "sub": "7", "sid": SESSION, "jti": f"{SESSION}.1", "iat": 0, "exp": 9_999_999_999,
            "aud": AUDIENCE, "iss": ISSUER,
        },
        public["x"], algorithm="HS256", headers={"kid": public["kid"], "typ": "at+jwt"},
    )  # fmt: skip
    with pytest.raises(InvalidTokenError):
        ring.read_access_token(forged, NOW)


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers(text: str) -> None:
    """Whatever comes, it is an invalid token and nothing else."""
    ring = ring_of(NEW)
    with pytest.raises(InvalidTokenError):
        ring.read_access_token(text, NOW)
    with pytest.raises(InvalidTokenError):
        ring.read_refresh_token(text)


def test_refresh_tokens_prove_session_salt_and_counter(ring: KeyRing) -> None:
    """Any other of the three, or another secret, and the proof fails."""
    token = ring.refresh_token(session_key=SESSION, salt=SALT, counter=3)
    claims = ring.read_refresh_token(token)
    assert (claims.session_key, claims.counter, ring.is_genuine(claims, SALT)) == (SESSION, 3, True)
    assert ring.is_genuine(claims, b"t" * 16) is False
    assert ring_of(OLD).is_genuine(claims, SALT) is False
    other = ring.read_refresh_token(token.replace(".3.", ".4."))
    assert ring.is_genuine(other, SALT) is False


def test_purposes_have_keys_of_their_own(ring: KeyRing) -> None:
    """A keyed hash made for one thing proves nothing about another."""
    assert ring.mac("device-token", "x") != ring.mac("message-id", "x")
    assert ring.macs("device-token", "x")[0] == ring.mac("device-token", "x").hex()
    assert len(set(ring.macs("device-token", "x"))) == 2


@pytest.mark.parametrize(
    ("text", "key", "person"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        (" ADA+news@Example.COM ", "ada+news@example.com", "ada@example.com"),
        ("A.d.a+x@googlemail.com", "a.d.a+x@googlemail.com", "ada@gmail.com"),
        ("a.da@outlook.com", "a.da@outlook.com", "a.da@outlook.com"),
        ("ada-shop@yahoo.co.uk", "ada-shop@yahoo.co.uk", "ada@yahoo.co.uk"),
        ("ada@pm.me", "ada@pm.me", "ada@proton.me"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ａｄａ＠example.com", "ada@example.com", "ada@example.com"),
        ("+tag@example.com", "+tag@example.com", "+tag@example.com"),
        ("JÖRG@example.com", "jörg@example.com", "jörg@example.com"),
    ],
)
def test_addresses_have_three_forms(text: str, key: str, person: str) -> None:
    """As written, as an account, as a person."""
    address = parse_email(text)
    assert (address.key, address.person) == (key, person)
    assert parse_email(address.key).key == key


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    """Nothing else happens, and the key that counts tries is bounded."""
    try:
        address = parse_email(text)
    except InvalidEmail:
        assert len(email_key(text)) < 6000
    else:
        assert (len(address.key) <= 254, email_key(text) == address.key) == (True, True)


async def test_a_full_pool_sheds_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue the answer is UNAVAILABLE within a second, and places come back when hashes end."""
    passwords = Passwords(memory=8, time=1, parallelism=1, pool=1)
    gate = Event()
    monkeypatch.setattr(passwords, "_verify", lambda *_: gate.wait(10))
    blocked = [asyncio.ensure_future(passwords.verify("x", None)) for _ in range(1 + QUEUE_PER_WORKER)]
    await asyncio.sleep(0)
    started = time.monotonic()
    with pytest.raises(Unavailable) as refusal:
        await passwords.hash("correct horse battery staple")
    assert refusal.value.retry_after == SOONEST
    assert USUAL <= time.monotonic() - started < 5
    with pytest.raises(Unavailable):
        async with passwords.place():
            pytest.fail("There is no room.")
    assert await passwords.run(str, "x") == "x"
    gate.set()
    await asyncio.gather(*blocked)
    assert (await passwords.hash("correct horse battery staple")).startswith("$argon2id$")
    passwords.close()


async def test_weak_passwords_keep_nobody_from_signing_in() -> None:
    """Thinking about passwords has a bound of its own, and takes no place of a hash."""
    passwords = Passwords(memory=8, time=1, parallelism=1, pool=1)
    gate = Event()
    blocked = [asyncio.ensure_future(passwords.run(lambda _: gate.wait(10), "x")) for _ in range(1 + QUEUE_PER_WORKER)]
    await asyncio.sleep(0)
    assert await passwords.verify("x", None) is False
    with pytest.raises(Unavailable):
        await passwords.run(str, "x")
    gate.set()
    await asyncio.gather(*blocked)
    assert await passwords.run(str, "x") == "x"
    passwords.close()


async def test_hashing_stands_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hashes leaves processors to the loop, and to who holds Python's lock while thinking about a password."""

    def niceness(*_: object) -> int:
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    passwords, ours = Passwords(memory=8, time=1, parallelism=1, pool=1), niceness()
    monkeypatch.setattr(passwords, "_verify", niceness)
    nicer = min(NICEST, ours + NICER) if sys.platform == "linux" else ours
    assert await passwords.verify("x", None) == nicer
    assert (await passwords.run(niceness), niceness()) == (ours, ours)
    passwords.close()


async def test_hashing_goes_on_where_it_may_not_stand_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter of system calls that forbids it costs nobody their sign-in."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "setpriority", Mock(side_effect=PermissionError(1, "not permitted")))
    passwords = Passwords(memory=8, time=1, parallelism=1, pool=1)
    with capture_logs() as told:
        hashed = await passwords.hash("correct horse battery staple")
    assert await passwords.verify("correct horse battery staple", hashed)
    assert [line["event"] for line in told] == ["passwords.not_nice"]
    passwords.close()


async def test_an_impatient_caller_frees_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is cancelled leaves its hash running and its place taken until the thread is done."""
    passwords = Passwords(memory=8, time=1, parallelism=1, pool=1)
    gate = Event()
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_verify", lambda *_: gate.wait(10))
        asked = asyncio.ensure_future(passwords.verify("x", None))
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert passwords._hashing.pending == 1
    gate.set()
    assert await passwords.verify("x", "no hash at all") is False
    await until(lambda: passwords._hashing.pending == 0)
    passwords.close()
