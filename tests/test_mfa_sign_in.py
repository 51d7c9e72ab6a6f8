"""Signing in with a second factor: half sessions, codes that work once, the count of failures."""

import asyncio
import json
from datetime import timedelta
from itertools import starmap
from typing import Any

import pyotp
import pytest

from core.setting_values import networks
from models import Device, OneTimeToken, Passkey, RecoveryCode, Session, Totp, User
from models.one_time_tokens import Purpose
from services import mfa, one_time_tokens
from services.accounts.signing_in import enter
from services.app import App
from services.mfa import passkeys, proving, totp_codes
from services.sessions import PASSWORD as PASSWORD_PROOF
from services.sessions import Client, Proof
from tests.conftest import Start
from tests.letters_by_hand import waiting
from tests.porchlight import PASSWORD, REGISTER, Porchlight
from tests.program import Programs
from tests.second_factors import (
    COMPLETE,
    CONFIRM,
    ENROLL,
    FACTORS,
    LOGIN,
    WRONG,
    claims,
    complete,
    events,
    forgive,
    half_session,
    login,
    next_step,
    notices,
    sessions_of,
    signed_in,
    somebody_protected,
)
from tests.test_accounts import shapes

DAY = timedelta(days=1)


@pytest.fixture
async def porchlight(start: Start) -> Porchlight:
    """A server that counts no calls: what is tested here is what holds without."""
    return await start(rate_limits=False)


# ── half sessions ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_password_alone_opens_half_a_session(porchlight: Porchlight) -> None:
    """It says what may be given, begins no session, and is stored as a hash beside a sealed description."""
    protected = await somebody_protected(porchlight)
    with porchlight.app.database.bound():
        devices = await Device.all().count()
    result = await login(porchlight, device={"deviceToken": "known-to-nobody", "name": "Firefox"})
    assert result["__typename"] == "MfaRequired"
    assert result["methods"] == ["TOTP", "RECOVERY_CODE"]
    assert result["message"] == "Confirm this sign-in with your second factor."
    assert await sessions_of(porchlight, protected) == 1
    with porchlight.app.database.bound():
        [row] = await OneTimeToken.filter(purpose=Purpose.MFA).values()
        assert await Device.all().count() == devices
    assert result["mfaToken"] not in str(row)
    assert "known-to-nobody" not in str(row)
    assert "Firefox" not in str(row)
    [event] = await events(porchlight, "mfa.asked")
    assert (event["actor_id"], event["user_id"]) == (None, protected.person.user_id)
    assert len(await events(porchlight, "account.signed_in")) == 0


async def test_half_a_session_can_do_nothing_else(porchlight: Porchlight) -> None:
    """It is neither an access token nor a refresh token, on HTTP or on a socket, and its caller is still nobody."""
    await somebody_protected(porchlight)
    token = await half_session(porchlight)
    assert (await porchlight.post(FACTORS, token=token)).status_code == 401
    assert (await porchlight.refresh(token))["__typename"] == "InvalidToken"
    async with porchlight.connect(init=False) as connection:
        await connection.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert (await connection.closed())[0] == 4403
    query = LOGIN.rstrip().removesuffix("}") + "logout }"
    answer = (await porchlight.post(query, {"input": {"email": "ada@example.com", "password": PASSWORD}})).json()
    assert answer["data"]["login"]["__typename"] == "MfaRequired"
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_only_the_right_password_tells_of_a_factor(porchlight: Porchlight) -> None:
    """A wrong one is told what everybody is; who is suspended is told that, and no half session begins."""
    protected = await somebody_protected(porchlight)
    wrong = {"input": {"email": protected.person.email, "password": "not the right one"}}
    assert (await porchlight.ask(LOGIN, wrong))["login"]["__typename"] == "InvalidCredentials"
    with porchlight.app.database.bound():
        await User.all().update(suspended_at=porchlight.clock.now())
    assert (await login(porchlight))["__typename"] == "AccountSuspended"
    with porchlight.app.database.bound():
        assert not await OneTimeToken.filter(purpose=Purpose.MFA).exists()


async def test_the_second_factor_makes_it_whole(porchlight: Porchlight) -> None:
    """The caller is the viewer, the session and its token say that two factors were used, and of which kind."""
    protected = await somebody_protected(porchlight)
    result = await signed_in(porchlight, protected)
    assert result["user"] == {"email": "ada@example.com", "mfaEnabled": True, "recoveryCodesLeft": 10}
    said = claims(result["tokens"]["accessToken"])
    assert (said["acr"], said["amr"]) == ("2", ["pwd", "otp", "mfa"])
    with porchlight.app.database.bound():
        session = await Session.all().order_by("-id").first()
    assert session is not None
    assert session.password_at == session.factor_at == porchlight.clock.now()
    [event] = await events(porchlight, "account.signed_in")
    assert event["data"] == {"methods": ["pwd", "otp", "mfa"]}


async def test_the_device_of_the_password_is_the_device_of_the_session(porchlight: Porchlight) -> None:
    """A known one is recognised across the two steps, and its token is given back."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight, device={"name": "Firefox"})
    first = await complete(porchlight, token, protected.code(porchlight))
    await next_step(porchlight)
    token = await half_session(porchlight, device={"deviceToken": first["deviceToken"], "platform": "Linux"})
    second = await complete(porchlight, token, protected.code(porchlight))
    assert second["deviceToken"] == first["deviceToken"]
    with porchlight.app.database.bound():
        device = await Device.get(name="Firefox")
    assert (device.name, device.platform, device.trusted_until) == ("Firefox", "Linux", None)


async def test_half_a_session_lasts_ten_minutes(porchlight: Porchlight) -> None:
    """To the second; and it works once."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    await porchlight.clock.advance(timedelta(seconds=599))
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "LoginSuccess"
    await next_step(porchlight)
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    token = await half_session(porchlight)
    await porchlight.clock.advance(timedelta(seconds=600))
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    assert await sessions_of(porchlight, protected) == 2


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 5000, "é\x00"])
async def test_what_is_no_half_session_is_refused(porchlight: Porchlight, token: str) -> None:
    """Whatever the code; a token of another purpose is none either."""
    protected = await somebody_protected(porchlight)
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    with porchlight.app.database.bound():
        other = await one_time_tokens.issue(
            porchlight.app, Purpose.RESET_PASSWORD, lifetime=DAY, user_id=protected.person.user_id
        )
    assert (await complete(porchlight, other, protected.code(porchlight)))["__typename"] == "InvalidToken"
    assert await events(porchlight, "mfa.failed") == []


@pytest.mark.parametrize("given", [{}, {"code": "000000", "passkey": {}}, {"code": None, "passkey": None}])
async def test_exactly_one_answer_is_given(porchlight: Porchlight, given: dict[str, Any]) -> None:
    """A code or a passkey; anything else costs no try."""
    await somebody_protected(porchlight)
    token = await half_session(porchlight)
    assert await porchlight.codes(COMPLETE, {"token": token, **given}) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        assert (await OneTimeToken.get(purpose=Purpose.MFA)).attempts == 0


async def test_five_wrong_codes_spend_the_token(porchlight: Porchlight) -> None:
    """However patient the account's own count is: a right code comes too late, another sign-in does not."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    for left in (4, 3, 2, 1, 0):
        await forgive(porchlight)
        assert (await complete(porchlight, token, WRONG))["attemptsLeft"] == left
    await forgive(porchlight)
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    assert (await signed_in(porchlight, protected))["__typename"] == "LoginSuccess"


@pytest.mark.parametrize("event", ["suspended", "voided", "removed", "gone"])
async def test_what_happens_meanwhile_counts(porchlight: Porchlight, event: str) -> None:
    """Suspended, the password changed, the factor removed, the account gone: the half session is worth nothing."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    with porchlight.app.database.bound():
        match event:
            case "suspended":
                await User.all().update(suspended_at=porchlight.clock.now())
            case "voided":
                await one_time_tokens.void(porchlight.app, protected.person.user_id, Purpose.MFA)
            case "removed":
                await Totp.all().delete()
            case _:
                await User.all().delete()
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    assert await sessions_of(porchlight, protected) == (0 if event == "gone" else 1)


@pytest.mark.parametrize("event", ["suspended", "voided"])
async def test_what_happens_at_the_last_moment_counts(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """After the code was found right and before the session begins: the user's row decides, and then the token."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    accept = totp_codes.accept

    async def accept_then(app: App, user_id: int, code: str) -> bool:
        accepted = await accept(app, user_id, code)
        if event == "suspended":
            await User.all().update(suspended_at=porchlight.clock.now())
        else:
            await one_time_tokens.void(app, user_id, Purpose.MFA)
        return accepted

    monkeypatch.setattr(totp_codes, "accept", accept_then)
    assert (await complete(porchlight, token, protected.code(porchlight)))["__typename"] == "InvalidToken"
    assert await sessions_of(porchlight, protected) == 1


# ── codes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_clocks_may_differ_by_a_step(porchlight: Porchlight, steps: int, *, accepted: bool) -> None:
    """Thirty seconds either way, no more."""
    protected = await somebody_protected(porchlight)
    await next_step(porchlight, 5)
    result = await complete(porchlight, await half_session(porchlight), protected.code(porchlight, steps))
    assert (result["__typename"] == "LoginSuccess") is accepted


async def test_steps_begin_and_end_to_the_second(porchlight: Porchlight) -> None:
    """A code is good from 30 s before its half minute until 30 s after it."""
    protected = await somebody_protected(porchlight)
    await next_step(porchlight, 5)
    code = protected.code(porchlight)
    await porchlight.clock.advance(timedelta(seconds=59))
    assert (await complete(porchlight, await half_session(porchlight), code))["__typename"] == "LoginSuccess"
    await porchlight.clock.advance(timedelta(seconds=61))
    code = protected.code(porchlight)
    await porchlight.clock.advance(timedelta(seconds=60))
    assert (await complete(porchlight, await half_session(porchlight), code))["__typename"] == "InvalidCode"


async def test_a_code_works_once(porchlight: Porchlight) -> None:
    """Nor does an earlier one work after a later one."""
    protected = await somebody_protected(porchlight)
    await next_step(porchlight, 5)
    used, earlier = protected.code(porchlight), protected.code(porchlight, -1)
    assert (await complete(porchlight, await half_session(porchlight), used))["__typename"] == "LoginSuccess"
    for code in (used, earlier):
        assert (await complete(porchlight, await half_session(porchlight), code))["__typename"] == "InvalidCode"
    later = protected.code(porchlight, 1)
    assert (await complete(porchlight, await half_session(porchlight), later))["__typename"] == "LoginSuccess"


async def test_the_code_that_confirmed_does_not_sign_in(porchlight: Porchlight) -> None:
    """It has been used."""
    protected = await somebody_protected(porchlight)
    code = protected.code(porchlight, -1)
    assert (await complete(porchlight, await half_session(porchlight), code))["__typename"] == "InvalidCode"


@pytest.mark.parametrize("form", ["{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}", " {0}\n", "{1}"])
async def test_a_code_may_be_typed_as_it_is_shown(porchlight: Porchlight, form: str) -> None:
    """With spaces, and on a keyboard whose digits are wide."""
    protected = await somebody_protected(porchlight)
    code = protected.code(porchlight)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    result = await complete(porchlight, await half_session(porchlight), form.format(code, wide))
    assert result["__typename"] == "LoginSuccess"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "½½½½½½", "٣٣٣٣٣٣", "0" * 24, "U" * 24, "x" * 9999])
async def test_what_is_no_code_is_a_wrong_one(porchlight: Porchlight, code: str) -> None:
    """It costs a try, and no more."""
    await somebody_protected(porchlight)
    result = await complete(porchlight, await half_session(porchlight), code)
    assert (result["__typename"], result["attemptsLeft"]) == ("InvalidCode", 4)


async def test_of_one_code_at_once_one_sign_in_comes(porchlight: Porchlight) -> None:
    """Ten half sessions, one code of the app; then five and one recovery code."""
    protected = await somebody_protected(porchlight)
    for code, many in ((protected.code(porchlight), 5), (protected.recovery_codes[0], 5)):
        tokens = [await half_session(porchlight) for _ in range(many)]
        found = await asyncio.gather(*(complete(porchlight, token, code) for token in tokens))
        assert [result["__typename"] for result in found].count("LoginSuccess") == 1
        await forgive(porchlight)
    assert await sessions_of(porchlight, protected) == 3


async def test_of_two_right_answers_at_once_one_sign_in_comes(porchlight: Porchlight) -> None:
    """A code of the app and recovery codes, all right, for one half session."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    codes = [protected.code(porchlight), *protected.recovery_codes[:4]]
    found = await asyncio.gather(*(complete(porchlight, token, code) for code in codes))
    assert [result["__typename"] for result in found].count("LoginSuccess") == 1
    assert await sessions_of(porchlight, protected) == 2


async def test_a_passkey_is_a_second_factor(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its assertion is handed on as the browser gave it; a wrong one counts as a wrong code does."""
    protected = await somebody_protected(porchlight)
    asked: list[tuple[int, Any]] = []

    async def verify(_: App, user_id: int, response: Any, **_more: Any) -> bool:
        await asyncio.sleep(0)
        asked.append((user_id, response))
        return bool(response["right"])

    monkeypatch.setattr(passkeys, "verify", verify)
    monkeypatch.setattr(proving, "read_used", dict)  # the shape is looked at elsewhere
    token = await half_session(porchlight)
    wrong = await complete(porchlight, token, passkey={"right": False})
    assert (wrong["__typename"], wrong["attemptsLeft"]) == ("InvalidCode", 4)
    right = await complete(porchlight, token, passkey={"right": True, "response": {"a": [1, "b", None]}})
    assert claims(right["tokens"]["accessToken"])["amr"] == ["pwd", "pop", "mfa"]
    user_id = protected.person.user_id
    assert asked == [(user_id, {"right": False}), (user_id, {"right": True, "response": {"a": [1, "b", None]}})]


# ── the count of failures ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hundred_guesses_at_once_get_five_looks(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """From as many networks and half sessions, on two processes; each is written down, and the owner is told once."""
    trusted = networks("127.0.0.0/8")
    one = await start(trusted_proxies=trusted, rate_limits=False)
    two = await start(trusted_proxies=trusted, rate_limits=False)
    protected = await somebody_protected(one)
    tokens = [await half_session(one) for _ in range(20)]
    accept, looks = totp_codes.accept, 0

    async def counted(app: App, user_id: int, code: str) -> bool:
        nonlocal looks
        looks += 1
        return await accept(app, user_id, code)

    monkeypatch.setattr(totp_codes, "accept", counted)
    right = {protected.code(one, steps) for steps in (-1, 0, 1)}
    guesses = [f"{number:06}" for number in range(103) if f"{number:06}" not in right][:100]

    async def guess(number: int, code: str) -> dict[str, Any]:
        door = (one, two)[number % 2]
        return await complete(door, tokens[number % 20], code)

    found = await asyncio.gather(*starmap(guess, enumerate(guesses)))
    assert {result["__typename"] for result in found} == {"InvalidCode"}
    assert looks == 5
    states = [event["data"]["state"] for event in await events(one, "mfa.failed")]
    assert (states.count("LOOKED"), states.count("WAITING")) == (5, 95)
    assert await notices(one) == ["factor_added", "factor_failed"]
    with one.app.database.bound():
        assert (await User.get()).factor_failures == 5


async def test_waits_double_from_half_a_minute_to_an_hour(porchlight: Porchlight) -> None:
    """Five tries are free, then each costs a wait; meanwhile a right code gets the answer of a wrong one, unspent."""
    protected = await somebody_protected(porchlight)
    found = [
        (result["attemptsLeft"], result["retryAfter"])
        for result in [await complete(porchlight, await half_session(porchlight), WRONG) for _ in range(5)]
    ]
    assert found == [(4, None), (3, None), (2, None), (1, None), (0, 30)]
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        await porchlight.clock.advance(timedelta(seconds=wait - 1))
        token = await half_session(porchlight)
        answers = [
            await complete(porchlight, token, code)
            for code in (WRONG, protected.code(porchlight), protected.recovery_codes[0])
        ]
        assert answers[0] == answers[1] == answers[2]
        assert (answers[0]["attemptsLeft"], answers[0]["retryAfter"]) == (0, 1)
        await porchlight.clock.advance(timedelta(seconds=1))
        answer = await complete(porchlight, await half_session(porchlight), WRONG)
        assert (answer["attemptsLeft"], answer["retryAfter"]) == (0, min(wait * 2, 3600))
    await porchlight.clock.advance(timedelta(hours=1))
    assert (await signed_in(porchlight, protected))["user"]["recoveryCodesLeft"] == 10
    answer = await complete(porchlight, await half_session(porchlight), WRONG)
    assert (answer["attemptsLeft"], answer["retryAfter"]) == (4, None)


async def test_kinds_share_one_count(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes of the app, recovery codes and passkeys; a right one of any kind begins it anew."""

    async def verify(*_: Any, client: Client | None = None) -> bool:  # ruff: ignore[unused-async] -- awaited
        return client is None

    monkeypatch.setattr(passkeys, "verify", verify)
    monkeypatch.setattr(proving, "read_used", dict)  # the shape is looked at elsewhere
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight)
    given: list[dict[str, Any]] = [{"code": "000000"}, {"code": "0" * 24}, {"passkey": {}}, {"code": WRONG}]
    left = [(await complete(porchlight, token, **answer))["attemptsLeft"] for answer in given]
    assert left == [4, 3, 2, 1]
    assert (await complete(porchlight, token, protected.recovery_codes[0]))["__typename"] == "LoginSuccess"
    assert (await complete(porchlight, await half_session(porchlight), WRONG))["attemptsLeft"] == 4


async def test_a_hundred_failures_in_a_row_are_the_last(porchlight: Porchlight) -> None:
    """No code is looked at any more, however long one waits, until a reset of the password lifts the stop."""
    protected = await somebody_protected(porchlight)
    with porchlight.app.database.bound():
        await User.all().update(factor_failures=99)
    last = await complete(porchlight, await half_session(porchlight), WRONG)
    await porchlight.clock.advance(365 * DAY)
    right = await complete(porchlight, await half_session(porchlight), protected.code(porchlight))
    assert last == right
    assert right == {
        "__typename": "InvalidCode",
        "message": "There were too many wrong codes. Reset your password to go on.",
        "attemptsLeft": 0,
        "retryAfter": None,
    }
    with porchlight.app.database.bound():
        assert (await User.get()).factor_failures == 100
        await mfa.reopen(protected.person.user_id)
        assert (await User.get()).factor_failures == 12
    assert (await signed_in(porchlight, protected))["__typename"] == "LoginSuccess"


async def test_the_owner_is_told_once_a_day(porchlight: Porchlight) -> None:
    """That somebody may know the password: the letter goes to the account's own address."""
    protected = await somebody_protected(porchlight)
    for _ in range(2):
        for _ in range(7):
            await complete(porchlight, await half_session(porchlight), WRONG)
        assert (await notices(porchlight)).count("factor_failed") == 1
        await forgive(porchlight)
    await porchlight.clock.advance(DAY)
    for _ in range(5):
        await complete(porchlight, await half_session(porchlight), WRONG)
    assert (await notices(porchlight)).count("factor_failed") == 2
    with porchlight.app.database.bound():
        payloads = [job.payload for job in await waiting("notice")]
    assert {payload["user_id"] for payload in payloads} == {protected.person.user_id}


async def test_one_account_does_not_wait_for_another(porchlight: Porchlight) -> None:
    """Each has its own count."""
    await somebody_protected(porchlight)
    grace = await somebody_protected(porchlight, "grace@example.com")
    for _ in range(6):
        await complete(porchlight, await half_session(porchlight), WRONG)
    assert (await signed_in(porchlight, grace))["__typename"] == "LoginSuccess"


# ── other ways in, limits, queries, the log ─────────────────────────────────────────────────────────────────────────


async def test_every_way_in_passes_the_same_door(porchlight: Porchlight) -> None:
    """A first factor of any kind is asked for the second one; a passkey that verified its user is both."""
    protected = await somebody_protected(porchlight)
    app = porchlight.app
    with app.database.bound():
        user = await User.get(id=protected.person.user_id)
        for proof in (PASSWORD_PROOF, Proof(methods=("email",))):
            with pytest.raises(mfa.MfaRequired) as refused:
                await enter(app, user, None, Client(), proof)
            result = await complete(porchlight, refused.value.mfa_token, protected.code(porchlight))
            assert claims(result["tokens"]["accessToken"])["amr"] == [*proof.methods, "otp", "mfa"]
            await next_step(porchlight)
        whole = Proof(methods=("pop", "user"), assurance=2, factor=True)
        assert (await enter(app, user, None, Client(), whole)).session.assurance == 2


async def test_a_magic_links_session_has_given_no_password(porchlight: Porchlight) -> None:
    """What the first factor was is kept over the two steps."""
    protected = await somebody_protected(porchlight)
    app = porchlight.app
    with app.database.bound():
        user = await User.get()
        with pytest.raises(mfa.MfaRequired) as refused:
            await enter(app, user, None, Client(), Proof(methods=("email",)))
        await complete(porchlight, refused.value.mfa_token, protected.code(porchlight))
        session = await Session.all().order_by("-id").first()
    assert session is not None
    assert (session.password_at, session.factor_at) == (None, porchlight.clock.now())


async def test_passkeys_are_named_before_recovery_codes(porchlight: Porchlight) -> None:
    """What the account has and may give now; recovery codes only while there are some."""
    protected = await somebody_protected(porchlight)
    with porchlight.app.database.bound():
        await Passkey.create(
            user_id=protected.person.user_id,
            credential_id="credential",
            handle="handle",
            public_key=b"key",
            name="Laptop",
            created_at=porchlight.clock.now(),
        )
        assert (await login(porchlight))["methods"] == ["TOTP", "PASSKEY", "RECOVERY_CODE"]
        await RecoveryCode.all().update(used_at=porchlight.clock.now())
        assert (await login(porchlight))["methods"] == ["TOTP", "PASSKEY"]


async def test_completing_is_counted_by_network(start: Start) -> None:
    """Ten a minute, whoever's the half session."""
    porchlight = await start()
    for _ in range(10):
        assert (await complete(porchlight, "x", "000000"))["__typename"] == "InvalidToken"
    assert await porchlight.codes(COMPLETE, {"token": "x", "code": "000000"}) == ["RATE_LIMITED"]


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """What a sign-in in two steps costs in statements."""
    protected = await somebody_protected(porchlight)
    with porchlight.counting_queries() as statements:
        token = await half_session(porchlight)
    assert shapes(statements) == [
        "SELECT users", "SELECT users",  # which hash to compare with, and whose it is
        "SELECT totps",  # and passkeys, and recovery codes, in one
        "UPDATE users", "INSERT one_time_tokens", "INSERT audit_events",
    ]  # fmt: skip
    document = "mutation($t: String!, $c: String) { completeMfa(mfaToken: $t, code: $c) { __typename } }"
    with porchlight.counting_queries() as statements:
        await porchlight.ask(document, {"t": token, "c": protected.code(porchlight)})
    assert shapes(statements) == [
        "SELECT one_time_tokens", "SELECT totps",  # whose it is, and that a factor is still asked for
        "UPDATE one_time_tokens", "SELECT one_time_tokens",  # a try of the token
        "SELECT users", "UPDATE users",  # a look of the account
        "SELECT totps", "UPDATE totps",
        "UPDATE users", "UPDATE one_time_tokens",
        "INSERT devices", "INSERT sessions", "INSERT audit_events", "INSERT events",
        "SELECT devices", "INSERT audit_events", "INSERT jobs",  # a device that is new to the account
    ]  # fmt: skip


async def test_log_at_debug_holds_no_factor(programs: Programs) -> None:
    """Neither a seed nor a code nor half a session, from enrolling to signing in."""
    program = await programs.serve(LOG_LEVEL="debug", LOG_FORMAT="json").listening()
    given = {"email": "ada@example.com", "password": PASSWORD}
    token = (await program.ask(REGISTER, {"input": given}))["register"]["tokens"]["accessToken"]
    secret = (await program.ask(ENROLL, token=token))["enrollTotp"]["secret"]
    code = pyotp.TOTP(secret).now()
    spare = (await program.ask(CONFIRM, {"code": code}, token))["confirmTotp"]["recoveryCodes"]
    half = (await program.ask(LOGIN, {"input": given}))["login"]["mfaToken"]
    wrong = {"token": half, "code": "guess-of-a-stranger"}
    assert (await program.ask(COMPLETE, wrong))["completeMfa"]["__typename"] == "InvalidCode"
    right = {"token": half, "code": spare[0]}
    assert (await program.ask(COMPLETE, right))["completeMfa"]["__typename"] == "LoginSuccess"
    assert await program.stop() == 0
    secrets = [secret, f'"{code}"', half, *spare, *(text.replace("-", "") for text in spare), "guess-of-a-stranger"]
    assert [text for text in secrets if text in program.err] == []
    assert "graphql.operation" in {json.loads(line)["event"] for line in program.err.splitlines()}
