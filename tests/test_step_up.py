"""Stepping up, and the guard that asks for it: the strongest factor that the account has, used lately."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Rejection, StepUpRequired
from models import Session, User
from models.accounts import Role
from schema.context import Context
from schema.directives import Auth
from services.access import authenticate
from services.accounts.signing_in import enter
from services.mfa import passkeys, proving
from services.sessions import Client, Proof
from tests.conftest import Start
from tests.porchlight import PASSWORD, Porchlight
from tests.second_factors import (
    FACTORS,
    REGENERATE,
    STEP_UP,
    WRONG,
    claims,
    complete,
    events,
    half_session,
    login,
    next_step,
    protect,
    signed_in,
    somebody_protected,
    step_up,
)
from tests.test_accounts import shapes

AN_HOUR = timedelta(hours=1)
GUARDED = "mutation { enrollTotp { uri } }"
"""Something that asks for a step-up and needs no second factor."""


@pytest.fixture
async def porchlight(start: Start) -> Porchlight:
    """A server that counts no calls: what is tested here is what holds without."""
    return await start(rate_limits=False)


async def later(porchlight: Porchlight, tokens: dict[str, Any], step: timedelta = AN_HOUR) -> str:
    """The access token of the same session after a while."""
    await porchlight.clock.advance(step)
    return str((await porchlight.refresh(tokens["refreshToken"]))["tokens"]["accessToken"])


async def passes(porchlight: Porchlight, token: str, guard: Auth) -> bool:
    """Whether a guard lets a session pass."""
    with porchlight.app.database.bound():
        viewer = await authenticate(porchlight.app, token)
        try:
            await guard.check(Context(app=porchlight.app, client=Client(), viewer=viewer), "field", {})
        except StepUpRequired:
            return False
    return True


# ── the guard ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_password_counts_where_it_is_all_there_is(porchlight: Porchlight) -> None:
    """For ten minutes to the second, from the sign-in as from a step-up."""
    person = await porchlight.register()
    token = await later(porchlight, person.registered["tokens"], timedelta(seconds=600))
    assert await porchlight.codes(GUARDED, token=token) == []
    await porchlight.clock.advance(timedelta(seconds=1))
    assert await porchlight.codes(GUARDED, token=token) == ["STEP_UP_REQUIRED"]
    result = await step_up(porchlight, token, password=PASSWORD)
    assert result["__typename"] == "StepUpSuccess"
    assert result["validUntil"] == "2026-03-02T09:20:01+00:00"
    token = await later(porchlight, result["tokens"], timedelta(seconds=600))
    assert await porchlight.codes(GUARDED, token=token) == []
    await porchlight.clock.advance(timedelta(seconds=1))
    assert await porchlight.codes(GUARDED, token=token) == ["STEP_UP_REQUIRED"]


async def test_a_factor_counts_where_there_is_one(porchlight: Porchlight) -> None:
    """For ten minutes to the second; a password that was given this moment does not count."""
    protected = await somebody_protected(porchlight)
    signed = await signed_in(porchlight, protected)
    token = await later(porchlight, signed["tokens"], timedelta(seconds=600))
    assert await porchlight.codes(REGENERATE, token=token) == []
    await porchlight.clock.advance(timedelta(seconds=1))
    with porchlight.app.database.bound():
        await Session.all().update(password_at=porchlight.clock.now())
    assert await porchlight.codes(REGENERATE, token=token) == ["STEP_UP_REQUIRED"]
    result = await step_up(porchlight, token, code=protected.code(porchlight))
    token = await later(porchlight, result["tokens"], timedelta(seconds=600))
    assert await porchlight.codes(REGENERATE, token=token) == []
    await porchlight.clock.advance(timedelta(seconds=1))
    assert await porchlight.codes(REGENERATE, token=token) == ["STEP_UP_REQUIRED"]


async def test_a_session_from_before_the_factor_steps_up(porchlight: Porchlight) -> None:
    """Only the one that set the app up has used it."""
    person = await porchlight.register()
    other = (await login(porchlight))["tokens"]["accessToken"]
    protected = await protect(porchlight, person)
    assert await porchlight.codes(REGENERATE, token=other) == ["STEP_UP_REQUIRED"]
    assert await porchlight.codes(REGENERATE, token=person.access_token) == []
    await step_up(porchlight, other, code=protected.code(porchlight))
    assert await porchlight.codes(REGENERATE, token=other) == []


async def test_a_trusted_device_steps_up(porchlight: Porchlight) -> None:
    """It spares the factor at sign-in and nowhere else."""
    protected = await somebody_protected(porchlight)
    result = await complete(porchlight, await half_session(porchlight), protected.code(porchlight), trust=True)
    trusted = await login(porchlight, device={"deviceToken": result["deviceToken"]})
    assert trusted["__typename"] == "LoginSuccess"
    assert await porchlight.codes(REGENERATE, token=trusted["tokens"]["accessToken"]) == ["STEP_UP_REQUIRED"]


async def test_a_magic_link_is_no_password(porchlight: Porchlight) -> None:
    """A session that has never given one steps up, for as long as the password is all there is."""
    person = await porchlight.register()
    app = porchlight.app
    with app.database.bound():
        user = await User.get(id=person.user_id)
        signed = await enter(app, user, None, Client(), Proof(methods=("email",)))
    token = signed.tokens.access_token
    assert await porchlight.codes(GUARDED, token=token) == ["STEP_UP_REQUIRED"]
    result = await step_up(porchlight, token, password=PASSWORD)
    assert claims(result["tokens"]["accessToken"])["amr"] == ["email", "pwd"]
    assert await porchlight.codes(GUARDED, token=token) == []


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYST, Role.ADMIN])
async def test_staff_without_a_factor_never_pass(porchlight: Porchlight, role: Role) -> None:
    """However freshly they gave their password; the one thing they may do with it is to add a factor."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.all().update(role=role)
    guards = [Auth(assurance=2), Auth(assurance=2, max_age=600), Auth(assurance=2, max_age=10**9)]
    for _ in range(2):
        assert [await passes(porchlight, person.access_token, guard) for guard in guards] == [False] * 3
        assert await passes(porchlight, person.access_token, Auth(assurance=2, max_age=600, adds_factor=True))
        assert (await step_up(porchlight, person.access_token, password=PASSWORD))["__typename"] == "StepUpSuccess"


@pytest.mark.parametrize("role", [Role.USER, Role.SUPPORT])
async def test_one_pass_of_many_ages(porchlight: Porchlight, role: Role) -> None:
    """Without an age any use of the factor in this session will do; a role is asked for before."""
    protected = await somebody_protected(porchlight)
    with porchlight.app.database.bound():
        await User.all().update(role=role)
    token = await later(porchlight, protected.person.registered["tokens"])
    assert await passes(porchlight, token, Auth(assurance=2))
    assert not await passes(porchlight, token, Auth(assurance=2, max_age=3629))
    assert await passes(porchlight, token, Auth(assurance=2, max_age=3630))
    with pytest.raises(Rejection, match="may not"):
        await passes(porchlight, token, Auth(Role.ADMIN, assurance=2, max_age=600))


async def test_nobody_is_asked_to_sign_in_first(porchlight: Porchlight) -> None:
    """UNAUTHENTICATED, not STEP_UP_REQUIRED."""
    assert await porchlight.codes(REGENERATE) == ["UNAUTHENTICATED"]


# ── stepping up ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"password": None, "code": None, "passkey": None},
        {"password": PASSWORD, "code": "000000"},
        {"code": "000000", "passkey": {}},
        {"password": PASSWORD, "code": "000000", "passkey": {}},
    ],
)
async def test_exactly_one_is_given(porchlight: Porchlight, given: dict[str, Any]) -> None:
    """Anything else is neither looked at nor counted."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    assert await porchlight.codes(STEP_UP, {"input": given}, token=token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        assert (await User.get()).factor_failures == 0


async def test_what_the_account_has_is_asked_for(porchlight: Porchlight) -> None:
    """Who gives a password for a factor, or a code for none, is told which is needed; nothing is looked at."""
    person = await porchlight.register()
    wrong_kinds: list[dict[str, Any]] = [{"code": "000000"}, {"passkey": {}}]
    for given in wrong_kinds:
        answer = (await porchlight.post(STEP_UP, {"input": given}, token=person.access_token)).json()
        assert "give the password" in answer["errors"][0]["message"]
    protected = await somebody_protected(porchlight, "grace@example.com")
    before = (await sessions_row(porchlight, protected.person.user_id)).password_at
    await porchlight.clock.advance(timedelta(minutes=1))
    for password in (PASSWORD, "not the right one"):
        variables = {"input": {"password": password}}
        answer = (await porchlight.post(STEP_UP, variables, token=protected.person.access_token)).json()
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert "give a code or a passkey" in answer["errors"][0]["message"]
    assert (await sessions_row(porchlight, protected.person.user_id)).password_at == before


async def sessions_row(porchlight: Porchlight, user_id: int) -> Session:
    with porchlight.app.database.bound():
        return await Session.get(user_id=user_id)


async def test_a_wrong_password_steps_nobody_up(porchlight: Porchlight) -> None:
    """It is written down where failed sign-ins are, and the session stays as it was."""
    person = await porchlight.register()
    token = await later(porchlight, person.registered["tokens"])
    result = await step_up(porchlight, token, password="not the right one")
    assert result == {"__typename": "InvalidCredentials", "message": "The password is wrong."}
    assert await porchlight.codes(GUARDED, token=token) == ["STEP_UP_REQUIRED"]
    [event] = await events(porchlight, "account.sign_in_failed")
    assert event["user_id"] == person.user_id


async def test_a_wrong_code_steps_nobody_up(porchlight: Porchlight) -> None:
    """It counts with those of sign-ins, and the right one is refused while they must wait."""
    protected = await somebody_protected(porchlight)
    token = await later(porchlight, protected.person.registered["tokens"])
    half = await half_session(porchlight)
    assert (await complete(porchlight, half, WRONG))["attemptsLeft"] == 4
    assert (await step_up(porchlight, token, code=WRONG))["attemptsLeft"] == 3
    assert (await complete(porchlight, half, WRONG))["attemptsLeft"] == 2
    assert (await step_up(porchlight, token, code="0" * 24))["attemptsLeft"] == 1
    assert (await step_up(porchlight, token, code=WRONG))["retryAfter"] == 30
    for code in (protected.code(porchlight), protected.recovery_codes[0]):
        result = await step_up(porchlight, token, code=code)
        assert (result["__typename"], result["attemptsLeft"], result["retryAfter"]) == ("InvalidCode", 0, 30)
    assert await porchlight.codes(REGENERATE, token=token) == ["STEP_UP_REQUIRED"]
    await next_step(porchlight)
    assert (await step_up(porchlight, token, code=protected.code(porchlight)))["__typename"] == "StepUpSuccess"
    assert (await complete(porchlight, half, WRONG))["attemptsLeft"] == 2, "the count began anew, the token's did not"


async def test_tokens_say_what_was_used(porchlight: Porchlight) -> None:
    """The same session and refresh token, a new access token with how and when."""
    protected = await somebody_protected(porchlight)
    trusting = await complete(porchlight, await half_session(porchlight), protected.code(porchlight), trust=True)
    await next_step(porchlight)
    tokens = (await login(porchlight, device={"deviceToken": trusting["deviceToken"]}))["tokens"]
    assert (claims(tokens["accessToken"])["acr"], claims(tokens["accessToken"])["amr"]) == ("1", ["pwd"])
    await next_step(porchlight)
    result = await step_up(porchlight, tokens["accessToken"], code=protected.code(porchlight))
    assert result["tokens"]["refreshToken"] == tokens["refreshToken"]
    before, after = claims(tokens["accessToken"]), claims(result["tokens"]["accessToken"])
    assert (after["acr"], after["amr"]) == ("2", ["pwd", "otp", "mfa"])
    assert after["auth_time"] == before["auth_time"] + 30
    assert (after["sid"], after["exp"], after["jti"]) == (before["sid"], before["exp"], before["jti"])
    assert (await porchlight.ask(FACTORS, token=result["tokens"]["accessToken"]))["me"]["mfaEnabled"] is True
    [event] = await events(porchlight, "mfa.stepped_up")
    assert (event["actor_id"], event["data"]) == (protected.person.user_id, {"method": "TOTP"})


async def test_a_recovery_code_or_a_passkey_will_do(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each counts as the factor."""

    async def verify(_: Any, user_id: int, response: Any, **_more: Any) -> bool:
        await asyncio.sleep(0)
        return bool(response == {"of": user_id})

    monkeypatch.setattr(passkeys, "verify", verify)
    monkeypatch.setattr(proving, "read_used", dict)  # the shape is looked at elsewhere
    protected = await somebody_protected(porchlight)
    user_id, tokens = protected.person.user_id, protected.person.registered["tokens"]
    for given in ({"code": protected.recovery_codes[0]}, {"passkey": {"of": user_id}}):
        token = await later(porchlight, tokens)
        assert (await step_up(porchlight, token, passkey={"of": user_id + 1}))["__typename"] == "InvalidCode"
        assert await porchlight.codes(REGENERATE, token=token) == ["STEP_UP_REQUIRED"]
        result = await step_up(porchlight, token, **given)
        assert result["__typename"] == "StepUpSuccess"
        tokens = result["tokens"]
    assert claims(tokens["accessToken"])["amr"] == ["pwd", "otp", "mfa", "pop"]
    assert await porchlight.codes(REGENERATE, token=tokens["accessToken"]) == []


async def test_anothers_code_steps_nobody_up(porchlight: Porchlight) -> None:
    """Neither of the app nor for recovery; and it stays good for its owner."""
    ada, grace = await somebody_protected(porchlight), await somebody_protected(porchlight, "grace@example.com")
    for code in (ada.code(porchlight), ada.recovery_codes[0]):
        assert (await step_up(porchlight, grace.person.access_token, code=code))["__typename"] == "InvalidCode"
        assert (await step_up(porchlight, ada.person.access_token, code=code))["__typename"] == "StepUpSuccess"


async def test_of_one_code_at_once_one_session_steps_up(porchlight: Porchlight) -> None:
    """Two sessions of one user, one code."""
    protected = await somebody_protected(porchlight)
    other = (await signed_in(porchlight, protected))["tokens"]["accessToken"]
    await next_step(porchlight)
    code = protected.code(porchlight)
    found = await asyncio.gather(
        *(step_up(porchlight, token, code=code) for token in (protected.person.access_token, other))
    )
    assert sorted(result["__typename"] for result in found) == ["InvalidCode", "StepUpSuccess"]


async def test_this_session_alone_steps_up(porchlight: Porchlight) -> None:
    """The others stay as they were."""
    person = await porchlight.register()
    other = (await login(porchlight))["tokens"]
    mine = await later(porchlight, person.registered["tokens"])
    theirs = str((await porchlight.refresh(other["refreshToken"]))["tokens"]["accessToken"])
    await step_up(porchlight, mine, password=PASSWORD)
    assert await porchlight.codes(GUARDED, token=mine) == []
    assert await porchlight.codes(GUARDED, token=theirs) == ["STEP_UP_REQUIRED"]


async def test_a_session_that_ends_meanwhile_steps_up_no_more(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoked between the look at the password and the mark: no tokens are given."""
    person = await porchlight.register()
    verify = porchlight.app.passwords.verify

    async def verify_then_end(password: str, stored: str | None, *held: Any) -> bool:
        genuine = await verify(password, stored, *held)
        await Session.all().update(revoked_at=porchlight.clock.now(), revoked_reason="LOGOUT")
        return genuine

    monkeypatch.setattr(porchlight.app.passwords, "verify", verify_then_end)
    variables = {"input": {"password": PASSWORD}}
    assert await porchlight.codes(STEP_UP, variables, token=person.access_token) == ["UNAUTHENTICATED"]
    assert await events(porchlight, "mfa.stepped_up") == []


async def test_what_follows_in_the_same_operation_has_stepped_up(porchlight: Porchlight) -> None:
    """And what comes before has not."""
    person = await porchlight.register()
    token = await later(porchlight, person.registered["tokens"])
    query = STEP_UP.rstrip().removesuffix("}").replace("stepUp(", "before: enrollTotp { uri } stepUp(")
    query += "after: enrollTotp { uri } }"
    answer = (await porchlight.post(query, {"input": {"password": PASSWORD}}, token=token)).json()
    assert answer["data"]["before"] is None
    assert answer["data"]["after"]["uri"]
    assert [error["path"] for error in answer["errors"]] == [["before"]]


async def test_sockets_are_asked_and_may_answer(porchlight: Porchlight) -> None:
    """The guard looks at the session as it is at each operation, whenever the socket was opened."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    async with porchlight.connect(token=token) as connection:
        await porchlight.clock.advance(AN_HOUR)
        await connection.subscribe(REGENERATE)
        assert (await connection.next())["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"
        await connection.receive()
        await connection.subscribe(STEP_UP, "2", input={"code": protected.code(porchlight)})
        assert (await connection.next())["data"]["stepUp"]["__typename"] == "StepUpSuccess"
        await connection.receive()
        await connection.subscribe(REGENERATE, "3")
        assert len((await connection.next())["data"]["regenerateRecoveryCodes"]["recoveryCodes"]) == 10
        await connection.receive()
        await porchlight.clock.advance(timedelta(seconds=601))
        await connection.subscribe(REGENERATE, "4")
        assert (await connection.next())["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_stepping_up_is_counted_by_viewer(start: Start) -> None:
    """Ten a minute: a stolen session is no place to guess at a password."""
    porchlight = await start()
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    for _ in range(10):
        assert (await step_up(porchlight, person.access_token, password="wrong"))["__typename"] == "InvalidCredentials"
    right = {"input": {"password": PASSWORD}}
    assert await porchlight.codes(STEP_UP, right, token=person.access_token) == ["RATE_LIMITED"]
    assert await porchlight.codes(STEP_UP, right, token=other.access_token) == []


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """What a step-up costs in statements, and what the guard adds to what it guards."""
    person = await porchlight.register()
    document = "mutation($input: StepUpInput!) { stepUp(input: $input) { __typename } }"
    with porchlight.counting_queries() as statements:
        await porchlight.ask(document, {"input": {"password": PASSWORD}}, token=person.access_token)
    factors = ["SELECT totps", "SELECT passkeys"]
    changes = ["UPDATE sessions", "INSERT audit_events", "SELECT sessions"]
    assert shapes(statements) == ["SELECT asked", *factors, *changes]
    with porchlight.counting_queries() as statements:
        await porchlight.ask(GUARDED, token=person.access_token)
    assert shapes(statements) == ["SELECT asked", "SELECT asked", *factors, "SELECT totps", "INSERT totps"]
    protected = await somebody_protected(porchlight, "grace@example.com")
    with porchlight.counting_queries() as statements:
        variables = {"input": {"code": protected.code(porchlight)}}
        await porchlight.ask(document, variables, token=protected.person.access_token)
    assert shapes(statements) == [
        "SELECT asked", "SELECT totps",
        "SELECT users", "UPDATE users", "SELECT totps", "UPDATE totps",
        "UPDATE users", *changes,
    ]  # fmt: skip
