"""Authenticator apps and recovery codes: setting them up and doing without them, through the front door."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # ruff: ignore[suspicious-xml-etree-import] -- reads our own picture

import pyotp
import pytest
from graphql import build_schema, parse, validate

from core.errors import NotFound
from models import Device, Passkey, RecoveryCode, Session, Totp, User
from models.accounts import Role
from resolvers.schema_file import printed_schema
from schema.accounts import User as UserType
from schema.context import Context
from services.access import authenticate
from services.mfa import totp_codes
from services.sessions import Client
from tests.conftest import Start
from tests.porchlight import Person, Porchlight
from tests.second_factors import (
    COMPLETE,
    CONFIRM,
    DISABLE,
    ENROLL,
    FACTORS,
    REGENERATE,
    STEP_UP,
    WRONG,
    complete,
    confirm,
    enroll,
    events,
    half_session,
    login,
    next_step,
    notices,
    protect,
    signed_in,
    somebody_protected,
    step_up,
)


@pytest.fixture
async def porchlight(start: Start) -> Porchlight:
    """A server that counts no calls: what is tested here is what holds without."""
    return await start(rate_limits=False)


async def add_passkey(porchlight: Porchlight, person: Person) -> None:
    with porchlight.app.database.bound():
        await Passkey.create(
            user_id=person.user_id,
            credential_id="credential",
            handle="handle",
            public_key=b"key",
            name="Laptop",
            created_at=porchlight.clock.now(),
        )


async def renewed(porchlight: Porchlight, person: Person) -> str:
    """The access token of a session whose first one has run out."""
    return str((await porchlight.refresh(person.refresh_token))["tokens"]["accessToken"])


# ── who may ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("operation", "variables"),
    [
        (ENROLL, {}),
        (CONFIRM, {"code": "000000"}),
        (DISABLE, {"code": "000000"}),
        (REGENERATE, {}),
        (STEP_UP, {"input": {"code": "000000"}}),
    ],
)
async def test_nobody_may_do_anything(porchlight: Porchlight, operation: str, variables: dict[str, Any]) -> None:
    """All but completing a sign-in is for who is signed in."""
    assert await porchlight.codes(operation, variables) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("operation", [ENROLL, CONFIRM, DISABLE, REGENERATE])
async def test_an_old_session_steps_up_first(porchlight: Porchlight, operation: str) -> None:
    """Ten minutes after the password, whoever holds the session alone changes no factor."""
    person = await porchlight.register()
    await enroll(porchlight, person.access_token)
    with porchlight.app.database.bound():
        before = await Totp.get().values()
    await porchlight.clock.advance(timedelta(seconds=601))
    token = await renewed(porchlight, person)
    variables = None if operation in {ENROLL, REGENERATE} else {"code": pyotp.TOTP("A" * 32).now()}
    assert await porchlight.codes(operation, variables, token=token) == ["STEP_UP_REQUIRED"]
    with porchlight.app.database.bound():
        assert await Totp.get().values() == before
        assert await RecoveryCode.all().count() == 0


async def test_only_owner_and_support_see_factors(porchlight: Porchlight) -> None:
    """To anybody else they are NOT_FOUND; for support two queries tell of all users at once, and one of their codes."""
    ada, grace = await somebody_protected(porchlight), await porchlight.register("grace@example.com")
    assert (await porchlight.ask(FACTORS, token=grace.access_token))["me"] == {
        "mfaEnabled": False,
        "recoveryCodesLeft": 0,
    }
    app = porchlight.app
    with app.database.bound():
        users = [UserType.of(row) for row in await User.all().order_by("id")]
        info: Any = type("Info", (), {"context": Context(app=app, client=Client())})
        for viewer in (None, await authenticate(app, grace.access_token)):
            info.context.viewer = viewer
            for edge in (users[0].mfa_enabled, users[0].recovery_codes_left):
                with pytest.raises(NotFound):
                    await edge(info)
        await User.filter(id=grace.user_id).update(role=Role.SUPPORT)
        info.context.viewer = await authenticate(app, grace.access_token)
        assert await asyncio.gather(*(user.mfa_enabled(info) for user in users)) == [True, False]
        assert await asyncio.gather(*(user.recovery_codes_left(info) for user in users)) == [10, 0]
    assert (await porchlight.ask(FACTORS, token=ada.person.access_token))["me"] == {
        "mfaEnabled": True,
        "recoveryCodesLeft": 10,
    }


# ── setting an app up ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_seed_is_shown_in_three_ways(porchlight: Porchlight) -> None:
    """As text, as a link and as a picture that a page can hold; the database has it sealed."""
    person = await porchlight.register("ada+tag@example.com")
    shown = (await porchlight.ask(ENROLL, token=person.access_token))["enrollTotp"]
    assert re.fullmatch(r"[A-Z2-7]{32}", shown["secret"])
    read = pyotp.parse_uri(shown["uri"])
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.issuer, read.name) == (shown["secret"], "Porchlight", "ada+tag@example.com")
    assert (read.digits, read.interval) == (6, 30)
    assert shown["qrSvg"].startswith("<svg ")
    assert ET.fromstring(shown["qrSvg"]).tag == "{http://www.w3.org/2000/svg}svg"  # ruff: ignore[suspicious-xml-element-tree-usage] -- as above
    with porchlight.app.database.bound():
        row = await Totp.get()
    assert shown["secret"] not in row.sealed_secret
    assert (row.confirmed_at, row.user_id) == (None, person.user_id)


async def test_an_app_counts_once_it_is_confirmed(porchlight: Porchlight) -> None:
    """Until then a sign-in asks for nothing: who never scanned the code is not shut out."""
    person = await porchlight.register()
    await enroll(porchlight, person.access_token)
    assert (await login(porchlight))["__typename"] == "LoginSuccess"
    assert (await porchlight.ask(FACTORS, token=person.access_token))["me"]["mfaEnabled"] is False


async def test_confirming(porchlight: Porchlight) -> None:
    """Ten recovery codes, kept as hashes; this session has used a factor, the others go on; the owner is told."""
    person = await porchlight.register()
    other = (await login(porchlight))["tokens"]["accessToken"]
    protected = await protect(porchlight, person)
    codes = protected.recovery_codes
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    for token in (person.access_token, other):
        assert (await porchlight.ask(FACTORS, token=token))["me"] == {"mfaEnabled": True, "recoveryCodesLeft": 10}
    with porchlight.app.database.bound():
        sessions = await Session.all().order_by("id").values_list("assurance", "methods", "revoked_at")
        stored = await RecoveryCode.all().values_list("code_hash", flat=True)
    assert sessions == [(2, "pwd otp mfa", None), (1, "pwd", None)]
    assert not {code.replace("-", "") for code in codes} & set(stored)
    [confirmed] = await events(porchlight, "mfa.totp_confirmed")
    assert (confirmed["actor_id"], confirmed["data"]) == (person.user_id, {"replaced": False})
    assert len(await events(porchlight, "mfa.recovery_codes_made")) == 1
    assert await notices(porchlight) == ["factor_added"]


async def test_a_wrong_code_confirms_nothing(porchlight: Porchlight) -> None:
    """It says how many tries are left, and is written down."""
    person = await porchlight.register()
    await enroll(porchlight, person.access_token)
    result = await confirm(porchlight, person.access_token, "000000")
    assert result == {
        "__typename": "InvalidCode",
        "message": "This code is not valid.",
        "attemptsLeft": 4,
        "retryAfter": None,
    }
    assert (await porchlight.ask(FACTORS, token=person.access_token))["me"]["mfaEnabled"] is False
    [event] = await events(porchlight, "mfa.failed")
    assert (event["actor_id"], event["data"]) == (person.user_id, {"state": "CONFIRMING"})


async def test_enrolling_again_replaces_what_was_never_confirmed(porchlight: Porchlight) -> None:
    """Only the newest picture counts."""
    person = await porchlight.register()
    first, second = [await enroll(porchlight, person.access_token) for _ in range(2)]
    now = porchlight.clock.now()
    assert (await confirm(porchlight, person.access_token, pyotp.TOTP(first).at(now)))["__typename"] == "InvalidCode"
    result = await confirm(porchlight, person.access_token, pyotp.TOTP(second).at(now))
    assert result["__typename"] == "ConfirmTotpSuccess"


async def test_there_must_be_something_to_confirm(porchlight: Porchlight) -> None:
    """Neither without an enrolment nor a second time."""
    person = await porchlight.register()
    assert await porchlight.codes(CONFIRM, {"code": "000000"}, token=person.access_token) == ["BAD_USER_INPUT"]
    protected = await protect(porchlight, person)
    variables = {"code": protected.code(porchlight), "current": protected.code(porchlight)}
    assert await porchlight.codes(CONFIRM, variables, token=person.access_token) == ["BAD_USER_INPUT"]
    assert (await porchlight.ask(FACTORS, token=person.access_token))["me"]["recoveryCodesLeft"] == 10


async def test_twenty_tabs_confirm_one_app_once(porchlight: Porchlight) -> None:
    """One gets the recovery codes, which are the ten that count."""
    person = await porchlight.register()
    secret = await enroll(porchlight, person.access_token)
    code = pyotp.TOTP(secret).at(porchlight.clock.now())
    answers = await asyncio.gather(
        *(porchlight.post(CONFIRM, {"code": code}, token=person.access_token) for _ in range(20))
    )
    results = [answer.json()["data"]["confirmTotp"] for answer in answers]
    successes = [result for result in results if result and result["__typename"] == "ConfirmTotpSuccess"]
    assert len(successes) == 1
    with porchlight.app.database.bound():
        assert await RecoveryCode.all().count() == 10
        await User.all().update(factor_failures=0, factor_retry_at=None)
    token = await half_session(porchlight)
    assert (await complete(porchlight, token, successes[0]["recoveryCodes"][0]))["__typename"] == "LoginSuccess"


async def test_tabs_that_enroll_at_once_leave_one_seed(porchlight: Porchlight) -> None:
    """It is one of those that were shown."""
    person = await porchlight.register()
    secrets = await asyncio.gather(*(enroll(porchlight, person.access_token) for _ in range(10)))
    now = porchlight.clock.now()
    found = []
    for secret in secrets:
        with porchlight.app.database.bound():
            await User.all().update(factor_failures=0, factor_retry_at=None)
        answer = (
            await porchlight.post(CONFIRM, {"code": pyotp.TOTP(secret).at(now)}, token=person.access_token)
        ).json()
        found.append((answer["data"]["confirmTotp"] or {}).get("__typename"))
    assert found.count("ConfirmTotpSuccess") == 1


async def test_a_tab_that_comes_second_has_no_say(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one enrolls, or confirms, between the look at the row and the change: the other one's stays."""
    person = await porchlight.register()
    look, others = Totp.get_or_none, list[str]()

    async def look_then_change(**which: Any) -> Totp | None:
        row = await look(**which)
        if others and row is None:
            sealed = totp_codes.sealed(porchlight.app, others.pop())
            await Totp.create(user_id=person.user_id, sealed_secret=sealed, created_at=porchlight.clock.now())
        elif others:
            others.pop()
            await Totp.all().update(confirmed_at=porchlight.clock.now())
        return row

    with monkeypatch.context() as patch:
        patch.setattr(Totp, "get_or_none", look_then_change)
        others = ["other tab"]
        secret = await enroll(porchlight, person.access_token)
        others = ["once more"]
        code = pyotp.TOTP(secret).at(porchlight.clock.now())
        assert await porchlight.codes(CONFIRM, {"code": code}, token=person.access_token) == ["BAD_USER_INPUT"]
    with porchlight.app.database.bound():
        assert (await Totp.get()).last_step == 0
        assert await RecoveryCode.all().count() == 0


async def test_without_an_app_no_code_of_one_is_right(porchlight: Porchlight) -> None:
    """An app that was never confirmed, beside a passkey, opens nothing."""
    person = await porchlight.register()
    secret = await enroll(porchlight, person.access_token)
    await add_passkey(porchlight, person)
    code = pyotp.TOTP(secret).at(porchlight.clock.now())
    assert (await complete(porchlight, await half_session(porchlight), code))["__typename"] == "InvalidCode"


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMIN])
async def test_staff_add_their_first_factor_with_the_password(porchlight: Porchlight, role: Role) -> None:
    """Else who has become staff without one could never get one. With one, the password is not enough any more."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.all().update(role=role)
    assert await porchlight.codes(REGENERATE, token=person.access_token) == ["STEP_UP_REQUIRED"]
    await protect(porchlight, person)
    await porchlight.ask(REGENERATE, token=person.access_token)
    await porchlight.clock.advance(timedelta(seconds=601))
    assert await porchlight.codes(ENROLL, token=await renewed(porchlight, person)) == ["STEP_UP_REQUIRED"]


# ── another app in its place ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_app_stays_until_its_successor_is_confirmed(porchlight: Porchlight) -> None:
    """A new seed changes nothing yet; confirmed with a code of the old app, it takes its place, recovery codes too."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    await enroll(porchlight, token)
    secret = await enroll(porchlight, token)
    signed = await signed_in(porchlight, protected)
    assert signed["user"]["recoveryCodesLeft"] == 10
    await next_step(porchlight)
    new = pyotp.TOTP(secret).at(porchlight.clock.now())
    result = await confirm(porchlight, token, new, protected.code(porchlight))
    assert result["__typename"] == "ConfirmTotpSuccess"
    await next_step(porchlight)
    half = await half_session(porchlight)
    for old in (protected.code(porchlight), protected.recovery_codes[0]):
        assert (await complete(porchlight, half, old))["__typename"] == "InvalidCode"
    new = pyotp.TOTP(secret).at(porchlight.clock.now())
    assert (await complete(porchlight, half, new))["user"]["recoveryCodesLeft"] == 10
    assert [event["data"] for event in await events(porchlight, "mfa.totp_confirmed")][1:] == [{"replaced": True}]


async def test_an_open_session_alone_replaces_no_app(porchlight: Porchlight) -> None:
    """Whoever finds one has neither a code of the app nor a recovery code; a recovery code will do."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    secret = await enroll(porchlight, token)
    new = pyotp.TOTP(secret).at(porchlight.clock.now())
    assert await porchlight.codes(CONFIRM, {"code": new}, token=token) == ["BAD_USER_INPUT"]
    for current in ("000000", new, WRONG, ""):
        assert (await confirm(porchlight, token, new, current))["__typename"] == "InvalidCode"
        with porchlight.app.database.bound():
            await User.all().update(factor_failures=0, factor_retry_at=None)
    result = await confirm(porchlight, token, new, protected.recovery_codes[3])
    assert result["__typename"] == "ConfirmTotpSuccess"


# ── recovery codes ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_recovery_code_works_once_however_it_is_typed(porchlight: Porchlight) -> None:
    """Case, spaces, hyphens and look-alikes do not matter. The owner is told, with what is left."""
    protected = await somebody_protected(porchlight)
    code = protected.recovery_codes[0]
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    token = await half_session(porchlight)
    assert (await complete(porchlight, token, typed))["user"]["recoveryCodesLeft"] == 9
    for again in (code, typed):
        result = await complete(porchlight, await half_session(porchlight), again)
        assert result["__typename"] == "InvalidCode"
    [event] = await events(porchlight, "mfa.recovery_code_used")
    assert (event["user_id"], event["data"]) == (protected.person.user_id, {"left": 9})
    assert await notices(porchlight) == ["factor_added", "recovery_code_used"]


async def test_recovery_codes_belong_to_their_owner(porchlight: Porchlight) -> None:
    """Another's code opens nothing and is not spent."""
    ada, grace = await somebody_protected(porchlight), await somebody_protected(porchlight, "grace@example.com")
    token = await half_session(porchlight, "grace@example.com")
    assert (await complete(porchlight, token, ada.recovery_codes[0]))["__typename"] == "InvalidCode"
    assert (await complete(porchlight, token, grace.recovery_codes[0]))["__typename"] == "LoginSuccess"
    me = await porchlight.ask(FACTORS, token=ada.person.access_token)
    assert me["me"]["recoveryCodesLeft"] == 10


async def test_new_recovery_codes_void_the_old_ones(porchlight: Porchlight) -> None:
    """All ten of them, used or not."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    codes = (await porchlight.ask(REGENERATE, token=token))["regenerateRecoveryCodes"]["recoveryCodes"]
    assert len(set(codes) - set(protected.recovery_codes)) == 10
    half = await half_session(porchlight)
    assert (await complete(porchlight, half, protected.recovery_codes[0]))["__typename"] == "InvalidCode"
    assert (await complete(porchlight, half, codes[0]))["user"]["recoveryCodesLeft"] == 9
    assert len(await events(porchlight, "mfa.recovery_codes_made")) == 2


async def test_ten_tabs_leave_ten_recovery_codes(porchlight: Porchlight) -> None:
    """Each set voids the one before, at once as in a row."""
    protected = await somebody_protected(porchlight)
    await asyncio.gather(*(porchlight.ask(REGENERATE, token=protected.person.access_token) for _ in range(10)))
    me = await porchlight.ask(FACTORS, token=protected.person.access_token)
    assert me["me"]["recoveryCodesLeft"] == 10


async def test_recovery_codes_are_for_a_second_factor(porchlight: Porchlight) -> None:
    """There are none without one; a passkey is one, too."""
    person = await porchlight.register()
    assert await porchlight.codes(REGENERATE, token=person.access_token) == ["BAD_USER_INPUT"]
    await add_passkey(porchlight, person)
    assert await porchlight.codes(REGENERATE, token=person.access_token) == ["STEP_UP_REQUIRED"]
    with porchlight.app.database.bound():
        assert await RecoveryCode.all().count() == 0
        await Session.all().update(assurance=2, factor_at=porchlight.clock.now())
    answer = await porchlight.ask(REGENERATE, token=person.access_token)
    assert len(answer["regenerateRecoveryCodes"]["recoveryCodes"]) == 10


# ── doing without ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_disabling(porchlight: Porchlight) -> None:
    """App and codes go, sign-ins ask for nothing, half sessions and trusted devices end, sessions stay."""
    protected = await somebody_protected(porchlight)
    trusting = await complete(porchlight, await half_session(porchlight), protected.code(porchlight), trust=True)
    await next_step(porchlight)
    half = await half_session(porchlight)
    token = protected.person.access_token
    result = (await porchlight.ask(DISABLE, {"code": protected.code(porchlight)}, token=token))["disableMfa"]
    assert result == {"__typename": "DisableMfaSuccess", "user": {"mfaEnabled": False, "recoveryCodesLeft": 0}}
    assert (await login(porchlight))["__typename"] == "LoginSuccess"
    assert (await complete(porchlight, half, protected.recovery_codes[0]))["__typename"] == "InvalidToken"
    assert (await porchlight.ask(FACTORS, token=trusting["tokens"]["accessToken"]))["me"]["mfaEnabled"] is False
    with porchlight.app.database.bound():
        assert await Device.filter(trusted_until__isnull=False).count() == 0
        assert (await Totp.all().count(), await RecoveryCode.all().count()) == (0, 0)
    assert len(await events(porchlight, "mfa.disabled")) == 1
    assert await notices(porchlight) == ["factor_added", "factor_removed"]


async def test_disabling_takes_a_right_code(porchlight: Porchlight) -> None:
    """Of the app, or a recovery code; without, a session that was left open does nothing."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    answer = await porchlight.ask(DISABLE, {"code": WRONG}, token=token)
    assert answer["disableMfa"] == {"__typename": "InvalidCode", "attemptsLeft": 4, "retryAfter": None}
    assert (await porchlight.ask(FACTORS, token=token))["me"] == {"mfaEnabled": True, "recoveryCodesLeft": 10}
    answer = await porchlight.ask(DISABLE, {"code": protected.recovery_codes[9]}, token=token)
    assert answer["disableMfa"]["__typename"] == "DisableMfaSuccess"
    assert await porchlight.codes(DISABLE, {"code": "000000"}, token=token) == ["BAD_USER_INPUT"]


async def test_passkeys_stay(porchlight: Porchlight) -> None:
    """They are asked for as before."""
    protected = await somebody_protected(porchlight)
    await add_passkey(porchlight, protected.person)
    variables = {"code": protected.code(porchlight)}
    answer = await porchlight.ask(DISABLE, variables, token=protected.person.access_token)
    assert answer["disableMfa"]["user"] == {"mfaEnabled": True, "recoveryCodesLeft": 0}
    assert (await login(porchlight))["methods"] == ["PASSKEY"]


@pytest.mark.parametrize("change", [{"role": Role.SUPPORT}, {"role": Role.ANALYST}, {"password_needs_factor": True}])
async def test_some_keep_a_factor(porchlight: Porchlight, change: dict[str, Any]) -> None:
    """Staff, and who has a password too short to stand alone, may not be without; with a passkey the app may go."""
    protected = await somebody_protected(porchlight)
    token = protected.person.access_token
    with porchlight.app.database.bound():
        await User.all().update(**change)
    variables = {"code": protected.code(porchlight)}
    answer = (await porchlight.post(DISABLE, variables, token=token)).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert re.search(r"add another one first|choose a longer one", answer["errors"][0]["message"])
    assert (await porchlight.ask(FACTORS, token=token))["me"]["mfaEnabled"] is True
    await add_passkey(porchlight, protected.person)
    assert (await porchlight.ask(DISABLE, variables, token=token))["disableMfa"]["__typename"] == "DisableMfaSuccess"


async def test_a_passkey_that_goes_meanwhile_keeps_the_app(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last two factors of a short password do not go at once: it is looked again with the user's row held."""
    from services.mfa import attempts

    protected = await somebody_protected(porchlight)
    await add_passkey(porchlight, protected.person)
    with porchlight.app.database.bound():
        await User.all().update(password_needs_factor=True)
    forgive = attempts.forgive

    async def forgive_then_lose_the_passkey(user_id: int) -> bool:
        await Passkey.all().delete()
        return await forgive(user_id)

    monkeypatch.setattr(attempts, "forgive", forgive_then_lose_the_passkey)
    variables = {"code": protected.code(porchlight)}
    codes = await porchlight.codes(DISABLE, variables, token=protected.person.access_token)
    assert codes == ["BAD_USER_INPUT"]
    assert (await porchlight.ask(FACTORS, token=protected.person.access_token))["me"]["mfaEnabled"] is True


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_factors_outlive_a_new_secret(start: Start) -> None:
    """Seeds, recovery codes and half sessions that were made with the old one work while it is kept."""
    old = await start(secret_key=("o" * 48,))
    protected = await somebody_protected(old)
    half = await half_session(old)
    new = await start(secret_key=("n" * 48, "o" * 48))
    assert (await complete(new, half, protected.code(new)))["__typename"] == "LoginSuccess"
    half = await half_session(new)
    assert (await complete(new, half, protected.recovery_codes[0]))["__typename"] == "LoginSuccess"


async def test_who_signs_in_with_a_factor_is_the_viewer(porchlight: Porchlight) -> None:
    """Of the rest of the operation, as with a password; and the step-up counts for it, too."""
    protected = await somebody_protected(porchlight)
    half = await half_session(porchlight)
    query = COMPLETE.rstrip().removesuffix("}") + "enrollTotp { secret } logout }"
    answer = await porchlight.ask(query, {"token": half, "code": protected.code(porchlight)})
    assert (len(answer["enrollTotp"]["secret"]), answer["logout"]) == (32, True)
    await next_step(porchlight)
    assert (await step_up(porchlight, protected.person.access_token, code=protected.code(porchlight)))["validUntil"]


def test_the_papers_operations_are_the_schemas() -> None:
    """Each example of docs/second-factors.md can be sent as it stands."""
    paper = (Path(__file__).resolve().parent.parent / "docs" / "second-factors.md").read_text(encoding="utf-8")
    examples = re.findall(r"```graphql\n(.*?)```", paper, re.DOTALL)
    schema = build_schema(printed_schema())
    assert len(examples) == 8
    assert [error.message for example in examples for error in validate(schema, parse(example))] == []
