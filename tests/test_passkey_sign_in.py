"""Passkeys in use: signing in, as a second factor, and the count of uses."""

import asyncio
from datetime import timedelta
from itertools import starmap
from typing import Any

import pytest

from models import OneTimeToken, Passkey, Purpose, Session, User
from services import one_time_tokens
from services.app import App
from services.mfa import passkeys
from services.mfa.passkeys import using
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.mailbox import settled
from tests.passkeys import (
    FINISH_SIGN_IN,
    PASSKEYS,
    REMOVE,
    START_SIGN_IN,
    actions_of,
    creation_options,
    enrol,
    finish_creation,
    finish_use,
    notices_of,
    passkeys_of,
    request_options,
    sign_in,
    token_of,
    unspent,
)
from tests.porchlight import Person, Porchlight
from tests.services.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    elliptic,
    encoded,
)

SYNCED = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP


async def sessions_of(porchlight: Porchlight, person: Person) -> list[Session]:
    """The rows, the oldest first."""
    with porchlight.app.database.bound():
        return await Session.filter(user_id=person.user_id).order_by("id")


async def half_session(porchlight: Porchlight, person: Person) -> str:
    """The token of somebody who has given the password and owes the second factor."""
    with porchlight.app.database.bound():
        return await one_time_tokens.issue(
            porchlight.app, Purpose.MFA, lifetime=timedelta(minutes=5), user_id=person.user_id
        )


async def verified(porchlight: Porchlight, person: Person, response: Any) -> bool:
    """As `completeMfa` and `stepUp` ask."""
    with porchlight.app.database.bound():
        return await passkeys.verify(porchlight.app, person.user_id, response, client=Client(ip="192.0.2.1"))


async def test_options_for_anybody_tell_of_no_account(porchlight: Porchlight) -> None:
    """The same but for the challenge, whoever has passkeys."""
    before = await request_options(porchlight)
    await enrol(porchlight, await porchlight.register())
    after = await request_options(porchlight)
    assert before.pop("challenge") != after.pop("challenge")
    assert before == after
    assert after == {
        "timeout": 300_000,
        "rpId": "localhost",
        "allowCredentials": [],
        "userVerification": "required",
    }


async def test_a_passkey_signs_its_owner_in(porchlight: Porchlight, clock: ManualClock) -> None:
    """Without a password, as two factors, on a device that is recognised the next time."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person, Authenticator(flags=SYNCED, counts=False))
    await clock.advance(timedelta(hours=1))
    result = await sign_in(porchlight, authenticator, device={"name": "Firefox"})
    assert result["__typename"] == "LoginSuccess"
    assert result["user"]["email"] == person.email
    assert result["deviceToken"]
    used = {"name": "Passkey", "lastUsedAt": (START + timedelta(hours=1)).isoformat(), "backedUp": True}
    assert result["user"]["passkeys"] == [used]
    session = (await sessions_of(porchlight, person))[-1]
    assert (session.assurance, session.methods) == (2, "pop user mfa")
    assert (session.password_at, session.factor_at) == (None, clock.now())
    assert await actions_of(porchlight, person) == [
        "account.registered",
        "passkey.added",
        "account.signed_in",
        "device.added",
    ]
    answer = await porchlight.ask(PASSKEYS, token=result["tokens"]["accessToken"])
    assert len(answer["me"]["passkeys"]) == 1
    again = await sign_in(porchlight, authenticator, device={"deviceToken": result["deviceToken"]})
    assert again["deviceToken"] == result["deviceToken"]


async def test_what_is_stored_lost_its_backup(porchlight: Porchlight) -> None:
    """Whether a copy is kept is as the last use tells it."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person, Authenticator(flags=SYNCED, counts=False))
    authenticator.flags = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE
    await sign_in(porchlight, authenticator)
    [row] = await passkeys_of(porchlight, person)
    assert not row.backed_up


async def test_the_rest_of_the_operation_is_the_owner_s(porchlight: Porchlight) -> None:
    """Whoever signs in is the viewer of what follows in the same document."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    credential = authenticator.get(await request_options(porchlight))
    data = await porchlight.ask(
        """mutation($one: JSON!) {
          finishPasskeySignIn(credential: $one) { __typename }
          logout
        }""",
        {"one": credential},
    )
    assert data == {"finishPasskeySignIn": {"__typename": "LoginSuccess"}, "logout": True}


LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://localhost:8000"},
    "another site": {"rp_id": "localhost.example"},
    "nobody present": {"flags": USER_VERIFIED},
    "nobody verified": {"flags": USER_PRESENT},
    "another key": {"key": elliptic()},
    "another id": {"id": b"x" * 32},
    "no owner": {"handle": None},
    "another owner": {"handle": encoded(bytes(32))},
    "a frame of another site": {"said": {"crossOrigin": True}},
    "the other ceremony": {"said": {"type": "webauthn.create"}},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_refused_with_one_answer(porchlight: Porchlight, lie: str) -> None:
    """Whatever is wrong: no session, no use counted, the challenge spent; written down where the owner is known."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    options = await request_options(porchlight)
    result = await finish_use(porchlight, authenticator.copy(**LIES[lie]).get(options))
    assert result == {
        "__typename": "InvalidCredentials",
        "message": "This passkey does not open an account here. Try again, or sign in another way.",
    }
    assert await finish_use(porchlight, authenticator.get(options)) == result
    [row] = await passkeys_of(porchlight, person)
    assert (row.sign_count, row.last_used_at) == (0, None)
    assert len(await sessions_of(porchlight, person)) == 1
    failures = [] if lie == "another id" else ["account.sign_in_failed"]
    assert await actions_of(porchlight, person) == ["account.registered", "passkey.added", *failures]


async def test_a_response_works_once_and_not_for_long(porchlight: Porchlight, clock: ManualClock) -> None:
    """Played again, made five minutes later, or for a challenge that is not ours: refused."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    credential = authenticator.get(await request_options(porchlight))
    assert (await finish_use(porchlight, credential))["__typename"] == "LoginSuccess"
    assert (await finish_use(porchlight, credential))["__typename"] == "InvalidCredentials"
    options = await request_options(porchlight)
    await clock.advance(timedelta(minutes=5))
    assert (await finish_use(porchlight, authenticator.get(options)))["__typename"] == "InvalidCredentials"
    of_enrolment = await creation_options(porchlight, await porchlight.register("grace@example.com"))
    for challenge in (of_enrolment["challenge"], await half_session(porchlight, person), encoded(bytes(32)), "", "é"):
        credential = authenticator.get({"challenge": challenge})
        assert (await finish_use(porchlight, credential))["__typename"] == "InvalidCredentials"
    assert len(await sessions_of(porchlight, person)) == 2


async def test_of_many_who_finish_at_once_one_is_signed_in(start: Start) -> None:
    """The same response on two processes: one UPDATE decides."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    authenticator = await enrol(doors[0], person)
    credential = authenticator.get(await request_options(doors[0]))
    results = await asyncio.gather(*(finish_use(door, credential) for door in doors for _ in range(4)))
    assert sorted(result["__typename"] for result in results) == ["InvalidCredentials"] * 7 + ["LoginSuccess"]
    assert len(await sessions_of(doors[0], person)) == 2


async def test_a_challenge_that_another_spends_first_is_worth_nothing(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found unspent by both, it is spent by one, in either ceremony."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    used = authenticator.get(await request_options(porchlight))
    other = await porchlight.register("grace@example.com")
    made = Authenticator().create(await creation_options(porchlight, other))
    spend = one_time_tokens.spend

    async def after_another(app: App, row: OneTimeToken) -> bool:
        assert await spend(app, row)
        return await spend(app, row)

    monkeypatch.setattr(one_time_tokens, "spend", after_another)
    assert (await finish_use(porchlight, used))["__typename"] == "InvalidCredentials"
    assert (await finish_creation(porchlight, other, made))["__typename"] == "InvalidPasskey"
    assert (await passkeys_of(porchlight, person))[0].last_used_at is None
    assert await passkeys_of(porchlight, other) == []


async def test_a_suspended_owner_is_told_so_and_stays_out(porchlight: Porchlight) -> None:
    """After the right passkey alone."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(suspended_at=START)
    wrong = authenticator.copy(key=elliptic())
    assert (await sign_in(porchlight, wrong))["__typename"] == "InvalidCredentials"
    assert (await sign_in(porchlight, authenticator))["__typename"] == "AccountSuspended"
    assert len(await sessions_of(porchlight, person)) == 1


async def test_a_half_session_names_its_owner_s_passkeys(porchlight: Porchlight) -> None:
    """The challenge is bound to them: their passkey answers it, with or without its handle; another's does not."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    authenticator, foreign = await enrol(porchlight, person), await enrol(porchlight, other)
    token = await half_session(porchlight, person)
    options = await request_options(porchlight, mfa_token=token)
    assert options["allowCredentials"] == [
        {"type": "public-key", "id": encoded(authenticator.id), "transports": ["hybrid", "internal"]}
    ]
    assert (await finish_use(porchlight, foreign.get(options)))["__typename"] == "InvalidCredentials"
    options = await request_options(porchlight, mfa_token=token)
    result = await finish_use(porchlight, authenticator.copy(handle=None).get(options))
    assert (result["__typename"], result["user"]["email"]) == ("LoginSuccess", person.email)
    for wrong in ("", "nonsense", "é", options["challenge"]):
        data = await porchlight.ask(START_SIGN_IN, {"mfaToken": wrong}, token=person.access_token)
        assert data["startPasskeySignIn"]["__typename"] == "InvalidToken"


async def test_a_viewer_without_a_passkey_is_told_so(porchlight: Porchlight) -> None:
    """There is nothing to step up with."""
    person = await porchlight.register()
    await settled(porchlight)
    before = await unspent(porchlight)
    assert await porchlight.codes(START_SIGN_IN, token=person.access_token) == ["BAD_USER_INPUT"]
    assert await unspent(porchlight) == before


async def test_verify_takes_the_owner_s_answer_to_their_own_challenge(porchlight: Porchlight) -> None:
    """Neither another's, nor one to a challenge for anybody, nor the same one again."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    authenticator, foreign = await enrol(porchlight, person), await enrol(porchlight, other)
    options = await request_options(porchlight, token=person.access_token)
    response = authenticator.get(options)
    assert not await verified(porchlight, other, response)
    assert await verified(porchlight, person, response)
    assert not await verified(porchlight, person, response)
    assert not await verified(porchlight, person, authenticator.get(await request_options(porchlight)))
    for liar in (foreign, authenticator.copy(key=elliptic()), authenticator.copy(flags=USER_PRESENT)):
        options = await request_options(porchlight, token=person.access_token)
        assert not await verified(porchlight, person, liar.get(options))
        assert not await verified(porchlight, person, authenticator.get(options))


async def test_a_count_that_falls_behind_is_refused_and_told(porchlight: Porchlight) -> None:
    """A copy of a passkey that counts: its use is refused, written down, and its owner gets one letter."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    clone = authenticator.copy()
    for _ in range(3):
        assert (await sign_in(porchlight, authenticator))["__typename"] == "LoginSuccess"
    for _ in range(3):
        assert (await sign_in(porchlight, clone))["__typename"] == "InvalidCredentials"
    assert (await sign_in(porchlight, clone.copy(counts=False, sign_count=0)))["__typename"] == "InvalidCredentials"
    [row] = await passkeys_of(porchlight, person)
    assert row.sign_count == 3
    actions = await actions_of(porchlight, person)
    assert actions.count("passkey.clone_suspected") == actions.count("account.sign_in_failed") == 4
    assert await notices_of(porchlight, person) == ["factor_added", "passkey_clone_suspected"]
    assert (await sign_in(porchlight, authenticator))["__typename"] == "LoginSuccess"
    assert not await verified(
        porchlight, person, clone.get(await request_options(porchlight, token=person.access_token))
    )
    assert await notices_of(porchlight, person) == ["factor_added"] + ["passkey_clone_suspected"] * 2


async def test_of_two_copies_at_once_one_is_refused(start: Start) -> None:
    """Two responses that say the same count, on two processes: one UPDATE decides."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    authenticator = await enrol(doors[0], person)
    responses = [authenticator.copy().get(await request_options(door)) for door in doors]
    results = await asyncio.gather(*starmap(finish_use, zip(doors, responses, strict=True)))
    assert sorted(result["__typename"] for result in results) == ["InvalidCredentials", "LoginSuccess"]
    assert (await actions_of(doors[0], person)).count("passkey.clone_suspected") == 1


async def test_synced_passkeys_may_be_used_at_once(porchlight: Porchlight) -> None:
    """They do not count: nought after nought is no copy."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person, Authenticator(counts=False))
    responses = [authenticator.get(await request_options(porchlight)) for _ in range(3)]
    results = await asyncio.gather(*(finish_use(porchlight, one) for one in responses))
    assert {result["__typename"] for result in results} == {"LoginSuccess"}
    assert await notices_of(porchlight, person) == ["factor_added"]


async def test_a_forged_count_cries_no_clone(porchlight: Porchlight) -> None:
    """The signature is looked at first: a stranger who knows the credential's id makes no letters."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    await sign_in(porchlight, authenticator)
    assert (await sign_in(porchlight, authenticator.copy(key=elliptic(), counts=False, sign_count=0)))[
        "__typename"
    ] == "InvalidCredentials"
    assert await notices_of(porchlight, person) == ["factor_added"]


async def test_a_passkey_that_goes_meanwhile_is_no_clone(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed between its verification and its count: refused, and nobody is alarmed."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    count = using._count

    async def after_removal(app: Any, passkey: Passkey, used: Any) -> bool:
        await Passkey.filter(id=passkey.id).delete()
        return await count(app, passkey, used)

    monkeypatch.setattr(using, "_count", after_removal)
    assert (await sign_in(porchlight, authenticator))["__typename"] == "InvalidCredentials"
    assert "passkey.clone_suspected" not in await actions_of(porchlight, person)
    assert len(await sessions_of(porchlight, person)) == 1


WRONG_SHAPES: list[Any] = [
    "a string",
    [],
    {},
    7,
    {"id": 1},
    {"response": []},
    {"type": "password"},
    {"rawId": "AAAA"},
    {"id": "é", "rawId": "é"},
    {"id": "\x00\x00", "rawId": "\x00\x00"},
    {"id": "AB", "rawId": "AB"},
    {"id": "AAAA=", "rawId": "AAAA="},
    {"response": {"clientDataJSON": "AAAA"}},
    {"response": {"clientDataJSON": encoded(b"[]")}},
    {"response": {"clientDataJSON": encoded(b'{"challenge": 1}')}},
    {"response": {"clientDataJSON": encoded(b"[" * 9000)}},
    {"response": {"clientDataJSON": encoded(b"\xff\xfe")}},
    {"response": {"signature": None}},
    {"response": {"signature": "AA.A"}},
    {"response": {"userHandle": 7}},
    {"response": {"authenticatorData": ["AAAA"]}},
    {"response": {"authenticatorData": "A" * 16_385}},
]


@pytest.mark.parametrize("wrong", WRONG_SHAPES, ids=range(len(WRONG_SHAPES)))
async def test_what_is_no_credential_is_bad_input(porchlight: Porchlight, wrong: Any) -> None:
    """Said before anything is looked up: the challenge stays good."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    options = await request_options(porchlight)
    credential = authenticator.get(options)
    if isinstance(wrong, dict) and wrong:
        response = wrong.get("response", {})
        wrong = {**credential, **wrong}
        if isinstance(response, dict):
            wrong["response"] = {**credential["response"], **response}
    assert await porchlight.codes(FINISH_SIGN_IN, {"credential": wrong}) == ["BAD_USER_INPUT"]
    assert (await finish_use(porchlight, credential))["__typename"] == "LoginSuccess"


async def test_what_we_do_not_read_does_no_harm(porchlight: Porchlight) -> None:
    """Unknown members of any shape, an empty handle, transports that are none; inline as well as in a variable."""
    person = await porchlight.register()
    authenticator = Authenticator(transports=["internal", 7, None, ["x"], "unheard-of", "internal"])
    credential = authenticator.create(await creation_options(porchlight, person))
    credential |= {"authenticatorAttachment": [[]], "clientExtensionResults": {"a": [None]}, "more": "x" * 20_000}
    assert (await finish_creation(porchlight, person, credential))["__typename"] == "FinishPasskeyRegistrationSuccess"
    assert (await passkeys_of(porchlight, person))[0].transports == "internal"
    options = await request_options(porchlight, token=person.access_token)
    used = authenticator.get(options)
    used["response"]["userHandle"] = ""
    used["response"]["transports"] = "internal"
    said = ", ".join(f'{name}: "{value}"' for name, value in used["response"].items())
    document = f"""mutation {{ finishPasskeySignIn(credential: {{
      id: "{used["id"]}", rawId: "{used["rawId"]}", type: "public-key", response: {{ {said} }}
    }}) {{ __typename }} }}"""
    assert await porchlight.ask(document) == {"finishPasskeySignIn": {"__typename": "LoginSuccess"}}


async def test_signing_in_costs_so_many_queries(porchlight: Porchlight) -> None:
    """One to begin. To finish: two of the challenge, two of the passkey, the rest for a session on a new device."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    with porchlight.counting_queries() as statements:
        options = await request_options(porchlight)
    assert len(statements) == 1, statements
    document = "mutation($one: JSON!) { finishPasskeySignIn(credential: $one) { __typename } }"
    with porchlight.counting_queries() as statements:
        await porchlight.ask(document, {"one": authenticator.get(options)})
    assert len(statements) == 12, statements


async def test_passkeys_of_many_users_are_read_together(porchlight: Porchlight) -> None:
    """One query, however often they are asked for."""
    person = await porchlight.register()
    token = await token_of(porchlight, await enrol(porchlight, person))
    with porchlight.counting_queries() as statements:
        await porchlight.ask("{ a: me { passkeys { id } } b: me { passkeys { id } } }", token=token)
    assert len(statements) == 2, statements


async def test_a_removed_passkey_s_challenge_is_worth_nothing(porchlight: Porchlight) -> None:
    """Begun before the removal, finished after it."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    token = await token_of(porchlight, authenticator)
    options = await request_options(porchlight, token=token)
    passkey_id = (await porchlight.ask(PASSKEYS, token=token))["me"]["passkeys"][0]["id"]
    await porchlight.ask(REMOVE, {"id": passkey_id}, token=token)
    assert (await finish_use(porchlight, authenticator.get(options)))["__typename"] == "InvalidCredentials"


async def test_beginning_is_limited_by_network(porchlight: Porchlight) -> None:
    """Each beginning writes a row: thirty a minute, signed in or not."""
    person = await porchlight.register()
    await enrol(porchlight, person)
    for number in range(30):
        await request_options(porchlight, token=person.access_token if number % 2 else None)
    assert await porchlight.codes(START_SIGN_IN) == ["RATE_LIMITED"]
    assert await porchlight.codes(START_SIGN_IN, token=person.access_token) == ["RATE_LIMITED"]


async def test_challenges_are_kept_as_hashes(porchlight: Porchlight) -> None:
    """Who reads the database cannot answer for anybody."""
    options = await request_options(porchlight)
    with porchlight.app.database.bound():
        row = await OneTimeToken.get(purpose=Purpose.PASSKEY)
    assert options["challenge"] not in str(row.__dict__)
    assert (row.user_id, row.expires_at - row.created_at) == (None, timedelta(minutes=5))
