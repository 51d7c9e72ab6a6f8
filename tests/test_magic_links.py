"""Signing in by a letter, through the front door."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import AuditEvent, Device, OneTimeToken, Session, User
from services import one_time_tokens
from tests.clock import ManualClock
from tests.letters_by_hand import waiting
from tests.mailbox import code_in, letter_to, letters_to, settled, token_in
from tests.porchlight import LOGIN, PASSWORD, Porchlight

REQUEST = "mutation($e: String!) { requestMagicLink(email: $e) }"
COMPLETE = """mutation($token: String, $email: String, $code: String, $device: DeviceInput) {
  completeMagicLink(token: $token, email: $email, code: $code, device: $device) {
    __typename
    ... on Error { message }
    ... on InvalidCode { attemptsLeft }
    ... on LoginSuccess { user { email emailVerified } tokens { accessToken } deviceToken }
  }
}"""
SUBJECT = "Sign in to your account"
ADA = "ada@example.com"


async def request(porchlight: Porchlight, email: str = ADA) -> None:
    assert await porchlight.ask(REQUEST, {"e": email}) == {"requestMagicLink": True}
    await settled(porchlight)


async def complete(porchlight: Porchlight, **given: Any) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(COMPLETE, given))["completeMagicLink"]
    return result


async def proven(porchlight: Porchlight) -> None:
    """Somebody who has registered and proven their address."""
    await porchlight.register()
    with porchlight.app.database.bound():
        await User.all().update(email_verified_at=porchlight.clock.now())


async def sessions(porchlight: Porchlight) -> int:
    with porchlight.app.database.bound():
        return await Session.filter(revoked_at=None).count()


def wrong(code: str) -> str:
    """Another code than this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_nobody_gets_in_without_a_letter(porchlight: Porchlight) -> None:
    """Neither with a token of one's own making nor with a code that was never sent."""
    await proven(porchlight)
    assert (await complete(porchlight, token="A" * 43))["__typename"] == "InvalidToken"
    answer = await complete(porchlight, email=ADA, code="000000")
    assert (answer["__typename"], answer["attemptsLeft"]) == ("InvalidCode", 0)
    assert await sessions(porchlight) == 1


async def test_the_link_signs_in_once(porchlight: Porchlight) -> None:
    """It begins a session, on a device that is recognised, and is spent."""
    await proven(porchlight)
    await request(porchlight)
    token = token_in(await letter_to(porchlight, ADA, SUBJECT))
    answer = await complete(porchlight, token=token, device={"name": "Firefox"})
    assert (answer["__typename"], answer["user"]["email"]) == ("LoginSuccess", ADA)
    assert answer["deviceToken"]
    assert (await porchlight.ask("{ me { email } }", token=answer["tokens"]["accessToken"]))["me"] == {"email": ADA}
    assert (await complete(porchlight, token=token))["__typename"] == "InvalidToken"
    with porchlight.app.database.bound():
        session = await Session.all().order_by("-id").first()
        assert session is not None
        assert (session.methods, session.assurance, session.password_at) == ("otp", 1, None)
        actions = [event.action for event in await AuditEvent.all().order_by("id")]
    assert actions == ["account.registered", "magic_link.requested", "account.signed_in", "device.added"]


@pytest.mark.parametrize("spelled", ["{}{}", " {}{}\n", "{} {}"])
async def test_the_code_signs_in_too(porchlight: Porchlight, spelled: str) -> None:
    """With the address, in any case, and with the spaces that people type; then its link is spent with it."""
    await proven(porchlight)
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    code = code_in(letter)
    typed = spelled.format(code[:3], code[3:])
    assert (await complete(porchlight, email="ADA@example.com", code=typed))["__typename"] == "LoginSuccess"
    assert (await complete(porchlight, token=token_in(letter)))["__typename"] == "InvalidToken"
    assert (await complete(porchlight, email=ADA, code=code))["__typename"] == "InvalidCode"


async def test_the_caller_becomes_the_viewer(porchlight: Porchlight) -> None:
    """For the rest of the operation."""
    await proven(porchlight)
    await request(porchlight)
    token = token_in(await letter_to(porchlight, ADA, SUBJECT))
    data = await porchlight.ask(
        "mutation($t: String!) { completeMagicLink(token: $t) { __typename } resendVerificationEmail }", {"t": token}
    )
    assert data == {"completeMagicLink": {"__typename": "LoginSuccess"}, "resendVerificationEmail": True}


async def test_a_code_may_be_tried_five_times(porchlight: Porchlight) -> None:
    """Then the right one is wrong as well, until another letter is asked for."""
    await proven(porchlight)
    await request(porchlight)
    code = code_in(await letter_to(porchlight, ADA, SUBJECT))
    left = [(await complete(porchlight, email=ADA, code=wrong(code)))["attemptsLeft"] for _ in range(6)]
    assert left == [4, 3, 2, 1, 0, 0]
    assert (await complete(porchlight, email=ADA, code=code))["__typename"] == "InvalidCode"
    assert await sessions(porchlight) == 1


async def test_the_fifth_try_may_be_right(porchlight: Porchlight) -> None:
    """The count is of tries, not of failures before the last."""
    await proven(porchlight)
    await request(porchlight)
    code = code_in(await letter_to(porchlight, ADA, SUBJECT))
    for _ in range(4):
        await complete(porchlight, email=ADA, code=wrong(code))
    assert (await complete(porchlight, email=ADA, code=code))["__typename"] == "LoginSuccess"


async def test_tries_that_come_at_once_are_counted(porchlight: Porchlight) -> None:
    """Of ten wrong codes at the same moment five are looked at."""
    await proven(porchlight)
    await request(porchlight)
    code = code_in(await letter_to(porchlight, ADA, SUBJECT))
    answers = await asyncio.gather(*(complete(porchlight, email=ADA, code=wrong(code)) for _ in range(10)))
    assert sorted(answer["attemptsLeft"] for answer in answers)[:6] == [0] * 6
    with porchlight.app.database.bound():
        assert (await OneTimeToken.filter(attempts__gt=0).get()).attempts == 5


async def test_link_and_code_at_once_sign_in_once(porchlight: Porchlight) -> None:
    """One letter is one way in, whichever half of it comes first."""
    await proven(porchlight)
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    token, code = token_in(letter), code_in(letter)
    answers = await asyncio.gather(
        *(complete(porchlight, token=token) for _ in range(3)),
        *(complete(porchlight, email=ADA, code=code) for _ in range(3)),
    )
    assert [answer["__typename"] for answer in answers].count("LoginSuccess") == 1
    assert await sessions(porchlight) == 2


async def test_a_code_whose_link_is_spent_meanwhile(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the code and its use the link was used: the code does nothing."""
    await proven(porchlight)
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    attempt = one_time_tokens.attempt

    async def attempt_then_spend(app: Any, row: OneTimeToken, limit: int) -> int | None:
        left = await attempt(app, row, limit)
        await OneTimeToken.all().update(used_at=porchlight.clock.now())
        return left

    monkeypatch.setattr(one_time_tokens, "attempt", attempt_then_spend)
    answer = await complete(porchlight, email=ADA, code=code_in(letter))
    assert (answer["__typename"], answer["attemptsLeft"]) == ("InvalidCode", 0)
    assert await sessions(porchlight) == 1


async def test_letters_last_ten_minutes(porchlight: Porchlight, clock: ManualClock) -> None:
    """To the second, link and code alike."""
    await proven(porchlight)
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    await clock.advance(timedelta(minutes=10))
    assert (await complete(porchlight, token=token_in(letter)))["__typename"] == "InvalidToken"
    assert (await complete(porchlight, email=ADA, code=code_in(letter)))["__typename"] == "InvalidCode"


async def test_a_newer_letter_voids_the_older_one(porchlight: Porchlight, clock: ManualClock) -> None:
    """One a minute at most; the tries of the new code are counted anew."""
    await proven(porchlight)
    await request(porchlight)
    await request(porchlight)
    assert len(await letters_to(porchlight, ADA, SUBJECT)) == 1
    old = await letter_to(porchlight, ADA, SUBJECT)
    await complete(porchlight, email=ADA, code=wrong(code_in(old)))
    await clock.advance(timedelta(minutes=1))
    await request(porchlight)
    new = await letter_to(porchlight, ADA, SUBJECT)
    assert (await complete(porchlight, token=token_in(old)))["__typename"] == "InvalidToken"
    answer = await complete(porchlight, email=ADA, code=wrong(code_in(new)))
    assert answer["attemptsLeft"] == 4
    assert (await complete(porchlight, email=ADA, code=code_in(new)))["__typename"] == "LoginSuccess"


async def test_unknown_addresses_are_told_as_known_ones_are(porchlight: Porchlight) -> None:
    """The same answers after the same statements, at the request and at each code; the letter alone is missing."""
    await proven(porchlight)
    await settled(porchlight)
    told, counted = [], []
    for email in (ADA, "nobody@example.com"):
        with porchlight.counting_queries() as statements:
            answers = [await porchlight.ask(REQUEST, {"e": email})]
        counts = [len(statements)]
        await settled(porchlight)
        for _ in range(5):
            with porchlight.counting_queries() as statements:
                answers.append(await complete(porchlight, email=email, code="no code"))
            counts.append(len(statements))
        told.append(answers)
        counted.append(counts)
    assert told[0] == told[1]
    assert [answer["attemptsLeft"] for answer in told[0][1:]] == [4, 3, 2, 1, 0]
    assert counted[0] == counted[1]
    assert counted[0][0] == 1
    assert await letters_to(porchlight, "nobody@example.com") == []


async def test_an_unknown_address_is_one_row_however_often_it_asks(porchlight: Porchlight, clock: ManualClock) -> None:
    """Nobody fills our tables with addresses that are none."""
    for email in ("nobody@example.com", "NOBODY@example.com", "no address"):
        await request(porchlight, email)
        await clock.advance(timedelta(minutes=1))
    with porchlight.app.database.bound():
        assert await OneTimeToken.all().count() == 2


async def test_letters_are_limited_for_each_address(porchlight: Porchlight) -> None:
    """Five in a quarter of an hour, whoever asks; a known address and an unknown one alike."""
    await porchlight.register()
    for email in (ADA, "nobody@example.com"):
        codes = [await porchlight.codes(REQUEST, {"e": email}) for _ in range(5)]
        assert codes == [[]] * 5
    assert await porchlight.codes(REQUEST, {"e": "Ada@example.com"}) == ["RATE_LIMITED"]
    with porchlight.app.database.bound():
        assert len(await waiting("magic_link")) == 2


@pytest.mark.parametrize("given", [{}, {"email": ADA}, {"code": "1"}, {"token": "x", "code": "1"}])
async def test_either_a_token_or_a_code_with_its_address(porchlight: Porchlight, given: dict[str, str]) -> None:
    """Anything else is an error of the input."""
    assert await porchlight.codes(COMPLETE, given) == ["BAD_USER_INPUT"]


async def test_the_suspended_are_told_once_they_have_proven_who_they_are(porchlight: Porchlight) -> None:
    """And not before."""
    await proven(porchlight)
    with porchlight.app.database.bound():
        await User.all().update(suspended_at=porchlight.clock.now())
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    assert (await complete(porchlight, email=ADA, code=wrong(code_in(letter))))["__typename"] == "InvalidCode"
    assert (await complete(porchlight, token=token_in(letter)))["__typename"] == "AccountSuspended"
    assert await sessions(porchlight) == 1


async def test_a_letter_is_bound_to_its_address(porchlight: Porchlight) -> None:
    """Once the account has another one, neither half of it works."""
    await proven(porchlight)
    await request(porchlight)
    letter = await letter_to(porchlight, ADA, SUBJECT)
    with porchlight.app.database.bound():
        await User.all().update(email="new@example.com", email_key="new@example.com")
    assert (await complete(porchlight, token=token_in(letter)))["__typename"] == "InvalidToken"
    assert (await complete(porchlight, email=ADA, code=code_in(letter)))["__typename"] == "InvalidCode"


async def test_who_registered_with_a_foreign_address_is_shut_out_by_its_owner(porchlight: Porchlight) -> None:
    """A password from before the address was proven may be anybody's: it goes, with its sessions; the owner is told."""
    intruder = await porchlight.register(device={"name": "Intruder"})
    with porchlight.app.database.bound():
        await Device.all().update(trusted_until=porchlight.clock.now() + timedelta(days=30))
    await request(porchlight)
    answer = await complete(porchlight, token=token_in(await letter_to(porchlight, ADA, SUBJECT)))
    assert answer["user"] == {"email": ADA, "emailVerified": True}
    assert await sessions(porchlight) == 1
    assert (await porchlight.post("{ me { email } }", token=intruder.access_token)).status_code == 401
    login = await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": PASSWORD}})
    assert login["login"]["__typename"] == "InvalidCredentials"
    with porchlight.app.database.bound():
        assert not await Device.filter(trusted_until__isnull=False).exists()
    assert len(await letters_to(porchlight, ADA, "Set a new password")) == 1
