"""Passwords: which are accepted, changing one, and setting another by a letter."""

import asyncio
import time
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.password_rules import (
    ALONE,
    JUDGED_WHEN_DEAR,
    WITH_FACTOR,
    InvalidPassword,
    context_words,
    measured,
    weaknesses,
)
from models import AuditEvent, Device, OneTimeToken, Session, Totp, User
from models.accounts import Role
from models.one_time_tokens import Purpose
from services import one_time_tokens
from tests.clock import ManualClock
from tests.letters_by_hand import waiting
from tests.mailbox import letter_to, letters_to, settled, token_in
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Person, Porchlight

NEW = "violet lantern under the stairs"
ADA = "ada@example.com"
CHANGE = """mutation($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) {
  __typename ... on Error { message } ... on InvalidPassword { reasons }
  ... on ChangePasswordSuccess { user { email } tokens { accessToken refreshToken } } } }"""
REQUEST = "mutation($e: String!) { requestPasswordReset(email: $e) }"
RESET = """mutation($t: String!, $n: String!) { resetPassword(token: $t, newPassword: $n) {
  __typename ... on Error { message } ... on InvalidPassword { reasons } ... on ResetPasswordSuccess { email } } }"""
ME = "{ me { email } }"


async def change(porchlight: Porchlight, person: Person, new: str = NEW, current: str = PASSWORD) -> dict[str, Any]:
    data = await porchlight.ask(CHANGE, {"c": current, "n": new}, token=person.access_token)
    result: dict[str, Any] = data["changePassword"]
    return result


async def request(porchlight: Porchlight, email: str = ADA) -> str:
    """The token of the letter."""
    assert await porchlight.ask(REQUEST, {"e": email}) == {"requestPasswordReset": True}
    return token_in(await letter_to(porchlight, email, "Set a new password"))


async def reset(porchlight: Porchlight, token: str, new: str = NEW) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(RESET, {"t": token, "n": new}))["resetPassword"]
    return result


async def login(porchlight: Porchlight, password: str) -> str:
    kind: str = (await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": password}}))["login"]["__typename"]
    return kind


async def add_factor(porchlight: Porchlight) -> None:
    """Give everybody an authenticator app, which their sessions have just used."""
    now = porchlight.clock.now()
    with porchlight.app.database.bound():
        user = await User.get()
        await Totp.create(user_id=user.id, sealed_secret="-", created_at=now, confirmed_at=now)
        await Session.all().update(assurance=2, factor_at=now)


# ── Which are accepted ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("momsanaladventure", "TOO_COMMON"),
        ("1QAZ2WSX3EDC4RFV", "TOO_COMMON"),
        ("123456789qwerty!", "TOO_COMMON"),
        ("passwordpassword", "TOO_EASY"),
        ("aaaaaaaaaaaaaaaaaaaa", "TOO_EASY"),
        ("qwertyuiopasdfghjkl", "TOO_EASY"),
        ("abcdefghijklmnopqr", "TOO_EASY"),
        ("ada@example.com 1815", "CONTEXT"),
        ("Example.com-2026-Ada", "CONTEXT"),
        ("Lovelace Lovelace 1", "CONTEXT"),
        ("porchlightPORCHLIGHT", "CONTEXT"),
        ("short one", "TOO_SHORT"),
        ("x" * 257, "TOO_LONG"),
    ],
)
async def test_what_a_guesser_begins_with_is_refused(porchlight: Porchlight, password: str, reason: str) -> None:
    """By a code, and nobody has registered."""
    given_ = {"email": ADA, "password": password, "name": "Ada Lovelace"}
    result = (await porchlight.ask(REGISTER, {"input": given_}))["register"]
    assert (result["__typename"], result["reasons"]) == ("InvalidPassword", [reason])
    assert result["message"]
    with porchlight.app.database.bound():
        assert await User.all().count() == 0


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        NEW,
        "ἐν ἀρχῇ ἦν ὁ λόγος",
        "my blue parrot walks",
        "  ;;vq-zR 4 %%m~",
        "🦜🌱🏔🎻🚲🐢🔑🪁⛵🧵🫖🪵🧿🪗🛶",
    ],
)
async def test_what_is_hard_to_guess_is_accepted(porchlight: Porchlight, password: str) -> None:
    """Of any characters, spaces and emoji among them; there are no rules of composition."""
    person = await porchlight.register(password=password)
    assert person.user_id


def test_a_second_factor_halves_what_is_asked() -> None:
    """Eight random characters are enough beside it, and nothing that is known."""
    words = context_words(ADA, "Ada")
    assert weaknesses(measured("x7!kQ2pL", WITH_FACTOR), WITH_FACTOR, words) == []
    for weak, reason in (("football", "TOO_COMMON"), ("Dragon12", "TOO_COMMON"), ("ada12!?5", "CONTEXT")):
        assert weaknesses(weak, WITH_FACTOR, words) == [reason]
    with pytest.raises(InvalidPassword) as refusal:
        measured("x7!kQ2p", WITH_FACTOR)
    assert refusal.value.message == "The password needs 8 characters or more."


def test_words_of_one_person_are_nobody_elses() -> None:
    """Zxcvbn keeps its caller's words in a global: the next one meets none of them."""
    password = "esmeralda esmeralda"
    assert weaknesses(password, ALONE, ("esmeralda",)) == ["CONTEXT"]
    from zxcvbn.matching import RANKED_DICTIONARIES

    assert "user_inputs" not in RANKED_DICTIONARIES


def test_judging_takes_bounded_time() -> None:
    """Digits and signs that stand for letters in hundreds of ways are no way to keep a processor busy: 1.7 s before."""
    dear = "".join(Random(4).choices("4@8({[<3691!|70$5+7%2", k=256))  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same text each time

    def taken() -> float:
        begun = time.thread_time()
        assert weaknesses(dear, ALONE, context_words(ADA, "Ada")) == []
        return time.thread_time() - begun

    assert min(taken() for _ in range(3)) < 0.5
    assert weaknesses("p@55w0rd1!|7" * 8, ALONE, ()) == weaknesses(("p@55w0rd1!|7" * 8)[:JUDGED_WHEN_DEAR], ALONE, ())


@given(st.text(max_size=256))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_judged(password: str) -> None:
    """Whatever it is made of."""
    assert weaknesses(password, ALONE, context_words(ADA, "Ada")) in ([], ["TOO_COMMON"], ["TOO_EASY"], ["CONTEXT"])


# ── Changing it ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_has_no_password_to_change(porchlight: Porchlight) -> None:
    """Who is not signed in changes none; ten minutes after signing in, one shows again who one is."""
    assert await porchlight.codes(CHANGE, {"c": PASSWORD, "n": NEW}) == ["UNAUTHENTICATED"]


async def test_changing_needs_a_fresh_proof(porchlight: Porchlight, clock: ManualClock) -> None:
    """Of the strongest factor: ten minutes after it, or on the staff without a second one, nothing is changed."""
    person = await porchlight.register()
    await clock.advance(timedelta(minutes=10, seconds=1))
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    codes = await porchlight.codes(CHANGE, {"c": PASSWORD, "n": NEW}, token=tokens["accessToken"])
    assert codes == ["STEP_UP_REQUIRED"]
    assert await login(porchlight, PASSWORD) == "LoginSuccess"
    with porchlight.app.database.bound():
        await User.all().update(role=Role.SUPPORT)
        await Session.all().update(password_at=clock.now())
    codes = await porchlight.codes(CHANGE, {"c": PASSWORD, "n": NEW}, token=tokens["accessToken"])
    assert codes == ["STEP_UP_REQUIRED"]


@pytest.mark.parametrize(
    ("current", "new", "told"),
    [
        ("wrong " * 5, NEW, ("InvalidCredentials", None)),
        (PASSWORD, "too short", ("InvalidPassword", ["TOO_SHORT"])),
        (PASSWORD, "passwordpassword", ("InvalidPassword", ["TOO_EASY"])),
        (PASSWORD, PASSWORD, ("InvalidPassword", ["UNCHANGED"])),
    ],
)
async def test_a_refused_change_changes_nothing(
    porchlight: Porchlight, current: str, new: str, told: tuple[str, list[str] | None]
) -> None:
    """Neither the password nor a session."""
    person = await porchlight.register()
    result = await change(porchlight, person, new, current)
    assert (result["__typename"], result.get("reasons")) == told
    assert (await porchlight.ask(ME, token=person.access_token))["me"] == {"email": ADA}
    assert await login(porchlight, PASSWORD) == "LoginSuccess"
    assert await letters_to(porchlight, ADA, "Your password") == []


async def test_wrong_passwords_are_limited(porchlight: Porchlight) -> None:
    """Whoever holds a session of somebody else guesses ten times in a quarter of an hour."""
    person = await porchlight.register()
    for _ in range(10):
        assert (await change(porchlight, person, current="wrong " * 5))["__typename"] == "InvalidCredentials"
    codes = await porchlight.codes(CHANGE, {"c": PASSWORD, "n": NEW}, token=person.access_token)
    assert codes == ["RATE_LIMITED"]


async def test_a_change_ends_what_the_old_password_had_opened(porchlight: Porchlight) -> None:
    """Other sessions, every token of this one, letters that are out, trust in devices; the owner is told."""
    person = await porchlight.register(device={"name": "Firefox"})
    other = (await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": PASSWORD}}))["login"]["tokens"]
    letter = await request(porchlight)
    with porchlight.app.database.bound():
        await Device.all().update(trusted_until=porchlight.clock.now() + timedelta(days=30))
    result = await change(porchlight, person)
    assert (result["__typename"], result["user"]) == ("ChangePasswordSuccess", {"email": ADA})
    for stale in (person.access_token, other["accessToken"]):
        assert (await porchlight.post(ME, token=stale)).status_code == 401
    assert (await porchlight.refresh(other["refreshToken"]))["__typename"] == "SessionRevoked"
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "InvalidToken"
    fresh = result["tokens"]
    assert (await porchlight.ask(ME, token=fresh["accessToken"]))["me"] == {"email": ADA}
    assert (await porchlight.refresh(fresh["refreshToken"]))["__typename"] == "RefreshSessionSuccess"
    assert [await login(porchlight, password) for password in (PASSWORD, NEW)] == ["InvalidCredentials", "LoginSuccess"]
    assert (await reset(porchlight, letter))["__typename"] == "InvalidToken"
    assert len(await letters_to(porchlight, ADA, "Your password has been changed")) == 1
    with porchlight.app.database.bound():
        assert not await Device.filter(trusted_until__isnull=False).exists()
        assert await AuditEvent.filter(action="password.changed").count() == 1


async def test_two_changes_at_once(porchlight: Porchlight) -> None:
    """One of them happens; the other meets a password that is not the current one any more."""
    person = await porchlight.register()
    both = [change(porchlight, person), change(porchlight, person, "amber kettle beside the window")]
    answers = await asyncio.gather(*both, return_exceptions=True)
    successes = [answer for answer in answers if isinstance(answer, dict) and "user" in answer]
    assert len(successes) == 1
    assert await letters_to(porchlight, ADA, "Your password has been changed")


async def test_a_session_that_ends_meanwhile_changes_nothing(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is revoked between the look at it and the change: the old password stands."""
    person = await porchlight.register()
    hashed = porchlight.app.passwords.hash

    async def revoke_then_hash(password: str) -> str:
        await Session.all().update(revoked_at=porchlight.clock.now(), revoked_reason="LOGOUT")
        return await hashed(password)

    monkeypatch.setattr(porchlight.app.passwords, "hash", revoke_then_hash)
    codes = await porchlight.codes(CHANGE, {"c": PASSWORD, "n": NEW}, token=person.access_token)
    monkeypatch.undo()
    assert codes == ["UNAUTHENTICATED"]
    assert await login(porchlight, PASSWORD) == "LoginSuccess"


async def test_a_short_password_is_marked_as_leaning_on_the_factor(porchlight: Porchlight) -> None:
    """Beside a second factor eight characters will do, and the account remembers."""
    person = await porchlight.register()
    assert (await change(porchlight, person, "x7!kQ2pL"))["reasons"] == ["TOO_SHORT"]
    await add_factor(porchlight)
    result = await change(porchlight, person, "x7!kQ2pL")
    assert result["__typename"] == "ChangePasswordSuccess"
    with porchlight.app.database.bound():
        assert (await User.get()).password_needs_factor
        session = await Session.get()
        assert (session.assurance, session.counter, session.previous_counter) == (2, 1, None)


# ── Setting another by a letter ─────────────────────────────────────────────────────────────────────────────────────


async def test_known_and_unknown_addresses_are_told_alike(porchlight: Porchlight) -> None:
    """The same answer after one statement; nobody is written to who has no account."""
    await porchlight.register()
    await settled(porchlight)
    counts = []
    for email in (ADA, "nobody@example.com", "no address"):
        with porchlight.counting_queries() as statements:
            assert await porchlight.ask(REQUEST, {"e": email}) == {"requestPasswordReset": True}
        counts.append(len(statements))
    assert counts == [1, 1, 1]
    assert len(await letters_to(porchlight, ADA, "Set a new password")) == 1
    assert await letters_to(porchlight, "nobody@example.com") == []
    with porchlight.app.database.bound():
        assert await OneTimeToken.filter(purpose="RESET_PASSWORD").count() == 1
        assert await AuditEvent.filter(action="password.reset_requested").count() == 1


async def test_letters_to_one_address_are_limited(porchlight: Porchlight) -> None:
    """Five in a quarter of an hour for each address, known or not; one a minute is sent."""
    await porchlight.register()
    for email in (ADA, "nobody@example.com"):
        codes = [await porchlight.codes(REQUEST, {"e": email}) for _ in range(5)]
        assert codes == [[]] * 5
    assert await porchlight.codes(REQUEST, {"e": "Ada@example.com"}) == ["RATE_LIMITED"]
    with porchlight.app.database.bound():
        assert len(await waiting("reset_password")) == 2


async def test_a_reset_ends_every_session(porchlight: Porchlight) -> None:
    """And nobody is signed in by it; the address is proven, the token spent, the owner told."""
    person = await porchlight.register(device={"name": "Firefox"})
    with porchlight.app.database.bound():
        await Device.all().update(trusted_until=porchlight.clock.now() + timedelta(days=30))
        half = await one_time_tokens.issue(
            porchlight.app,
            Purpose.MFA,
            lifetime=timedelta(minutes=5),
            user_id=person.user_id,
        )
    token = await request(porchlight)
    assert await reset(porchlight, token) == {"__typename": "ResetPasswordSuccess", "email": ADA}
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 401
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"
    assert [await login(porchlight, password) for password in (PASSWORD, NEW)] == ["InvalidCredentials", "LoginSuccess"]
    assert (await reset(porchlight, token, "amber kettle beside the window"))["__typename"] == "InvalidToken"
    assert len(await letters_to(porchlight, ADA, "Your password has been changed")) == 1
    with porchlight.app.database.bound():
        user = await User.get()
        assert user.email_verified_at == porchlight.clock.now()
        assert not await Device.filter(trusted_until__isnull=False).exists()
        assert await one_time_tokens.find(porchlight.app, Purpose.MFA, half) is None
        assert await Session.filter(revoked_reason="ADDRESS_PROVEN").count() == 1  # which the letter has just done
        assert await AuditEvent.filter(action="password.reset").count() == 1


async def test_a_refused_password_leaves_the_link_alive(porchlight: Porchlight) -> None:
    """The person tries another one; meanwhile nothing has changed."""
    await porchlight.register()
    token = await request(porchlight)
    assert (await reset(porchlight, token, "passwordpassword"))["reasons"] == ["TOO_EASY"]
    assert await login(porchlight, PASSWORD) == "LoginSuccess"
    assert (await reset(porchlight, token))["__typename"] == "ResetPasswordSuccess"


async def test_two_resets_with_one_link_at_once(porchlight: Porchlight) -> None:
    """One password is set."""
    await porchlight.register()
    token = await request(porchlight)
    answers = await asyncio.gather(*(reset(porchlight, token) for _ in range(4)))
    assert sorted(answer["__typename"] for answer in answers) == ["InvalidToken"] * 3 + ["ResetPasswordSuccess"]


async def test_a_link_is_bound_to_its_address(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the account has moved it is dead, also when it moves at the last moment: nothing is set."""
    await porchlight.register()
    token = await request(porchlight)
    before = porchlight.app.passwords.hash

    async def move_then_hash(password: str) -> str:
        await User.all().update(email_key="new@example.com", email_verified_at=porchlight.clock.now())
        return await before(password)

    monkeypatch.setattr(porchlight.app.passwords, "hash", move_then_hash)
    assert (await reset(porchlight, token))["__typename"] == "InvalidToken"
    assert (await reset(porchlight, token))["__typename"] == "InvalidToken"
    monkeypatch.undo()
    with porchlight.app.database.bound():
        await User.all().update(email_key=ADA)
    assert await login(porchlight, PASSWORD) == "LoginSuccess"


async def test_links_last_ten_minutes_and_are_replaced(porchlight: Porchlight, clock: ManualClock) -> None:
    """From sending, to the second; a newer letter voids the older."""
    await porchlight.register()
    first = await request(porchlight)
    await clock.advance(timedelta(minutes=1))
    second = await request(porchlight)
    assert first != second
    assert (await reset(porchlight, first))["__typename"] == "InvalidToken"
    await clock.advance(timedelta(minutes=10))
    assert (await reset(porchlight, second))["__typename"] == "InvalidToken"
    assert await login(porchlight, PASSWORD) == "LoginSuccess"


async def test_a_reset_knows_the_second_factor(porchlight: Porchlight) -> None:
    """A short password is accepted beside it, and the factor stays."""
    await porchlight.register()
    await add_factor(porchlight)
    with porchlight.app.database.bound():
        await User.all().update(email_verified_at=porchlight.clock.now())
    assert (await reset(porchlight, await request(porchlight), "x7!kQ2pL"))["__typename"] == "ResetPasswordSuccess"
    with porchlight.app.database.bound():
        assert (await User.get()).password_needs_factor
        assert await Totp.all().count() == 1
