"""What was tried against accounts and worked once: each attack as it was, and what meets it now."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from core.errors import Unavailable
from models import Passkey, Totp, User
from tests import passkeys as keys
from tests import second_factors as factors
from tests.mailbox import letter_to, letters_to, settled, token_in
from tests.passkeys import enrol, finish_creation
from tests.porchlight import LOGIN, PASSWORD, REFRESH, REGISTER, Person, Porchlight
from tests.services.authenticator import Authenticator

ADA = "ada@example.com"
NEW = "violet lantern under the stairs"
ME = "{ me { email } }"
ASK_RESET = "mutation($e: String!) { requestPasswordReset(email: $e) }"
RESET = "mutation($t: String!, $n: String!) { resetPassword(token: $t, newPassword: $n) { __typename } }"
CHANGE_PASSWORD = """
mutation($c: String!, $n: String!) {
  changePassword(currentPassword: $c, newPassword: $n) {
    __typename
    ... on ChangePasswordSuccess { tokens { accessToken } }
  }
}
"""
MOVE = "mutation($e: String!) { requestEmailChange(newEmail: $e) { __typename } }"
CONFIRM = "mutation($t: String!) { confirmEmailChange(token: $t) { __typename } }"
COMPLETE_LINK = """
mutation($t: String!) { completeMagicLink(token: $t) { __typename ... on LoginSuccess { tokens { accessToken } } } }
"""


async def thief(porchlight: Porchlight, person: Person) -> Person:
    """Somebody who knows the password, signed in."""
    result = (await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]
    return replace(person, access_token=result["tokens"]["accessToken"], refresh_token=result["tokens"]["refreshToken"])


async def prove_address(porchlight: Porchlight) -> None:
    with porchlight.app.database.bound():
        await User.all().update(email_verified_at=porchlight.clock.now())


async def reset_token(porchlight: Porchlight) -> str:
    await porchlight.ask(ASK_RESET, {"e": ADA})
    return token_in(await letter_to(porchlight, ADA, "Set a new password"))


async def reset(porchlight: Porchlight, token: str) -> None:
    result = (await porchlight.ask(RESET, {"t": token, "n": NEW}))["resetPassword"]
    assert result["__typename"] == "ResetPasswordSuccess"


@pytest.mark.parametrize("protected", [False, True])
async def test_a_password_that_is_reset_while_it_is_verified_opens_nothing(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, *, protected: bool
) -> None:
    """Neither a session nor half a one: what was verified must be the account's password still."""
    person = await porchlight.register()
    await prove_address(porchlight)
    guarded = await factors.protect(porchlight, person) if protected else None
    token = await reset_token(porchlight)
    passwords = porchlight.app.passwords
    verify, verified, go_on = passwords.verify, asyncio.Event(), asyncio.Event()

    async def verify_and_wait(password: str, stored: str | None, *held: Any) -> bool:
        genuine = await verify(password, stored, *held)
        verified.set()
        await go_on.wait()
        return genuine

    monkeypatch.setattr(passwords, "verify", verify_and_wait)
    trying = asyncio.create_task(porchlight.post(factors.LOGIN, {"input": {"email": ADA, "password": PASSWORD}}))
    await verified.wait()
    await reset(porchlight, token)
    go_on.set()
    result = (await trying).json()["data"]["login"]
    assert result["__typename"] == "InvalidCredentials"
    assert guarded is None or "mfaToken" not in result


async def test_a_step_up_beside_a_refresh_signs_nobody_out(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One tab confirms the password while another one refreshes: the tokens that it gets are the newest."""
    person = await porchlight.register()
    passwords, newest = porchlight.app.passwords, {}
    verify = passwords.verify

    async def refresh_then_verify(password: str, stored: str | None, *held: Any) -> bool:
        newest.update((await porchlight.refresh(person.refresh_token))["tokens"])
        return await verify(password, stored, *held)

    monkeypatch.setattr(passwords, "verify", refresh_then_verify)
    result = await factors.step_up(porchlight, person.access_token, password=PASSWORD)
    assert result["tokens"]["refreshToken"] == newest["refreshToken"]
    await porchlight.clock.advance(timedelta(minutes=5))
    assert (await porchlight.refresh(result["tokens"]["refreshToken"]))["__typename"] == "RefreshSessionSuccess"


async def test_a_reported_thief_who_has_changed_the_password_is_signed_out(porchlight: Porchlight) -> None:
    """The session has new tokens since; the letter's link means the session, whatever its tokens."""
    stolen = await thief(porchlight, await porchlight.register())
    token = token_in(await letter_to(porchlight, ADA, "A new sign-in"))
    changed = await porchlight.ask(CHANGE_PASSWORD, {"c": PASSWORD, "n": NEW}, token=stolen.access_token)
    renewed = changed["changePassword"]["tokens"]["accessToken"]
    assert (await porchlight.post(ME, token=renewed)).status_code == 200
    assert (await porchlight.http.post("/links/report-sign-in", data={"token": token})).status_code == 200
    assert (await porchlight.post(ME, token=renewed)).status_code == 401


@pytest.mark.parametrize("way", ["letter", "reset"])
async def test_factors_that_were_planted_before_the_owner_came_are_gone(porchlight: Porchlight, way: str) -> None:
    """Who registers with somebody's address and adds a passkey and an app is shut out when the address is proven."""
    intruder = await porchlight.register()
    passkey = await enrol(porchlight, intruder)
    with porchlight.app.database.bound():
        await User.all().update(deletion_at=porchlight.clock.now() + timedelta(days=3))
    if way == "letter":
        await porchlight.ask(f'mutation {{ requestMagicLink(email: "{ADA}") }}')
        token = token_in(await letter_to(porchlight, ADA, "Sign in to"))
        entered = (await porchlight.ask(COMPLETE_LINK, {"t": token}))["completeMagicLink"]
    else:
        await reset(porchlight, await reset_token(porchlight))
        entered = (await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": NEW}}))["login"]
    assert entered["__typename"] == "LoginSuccess"
    assert (await porchlight.ask(ME, token=entered["tokens"]["accessToken"]))["me"] == {"email": ADA}
    assert (await keys.sign_in(porchlight, passkey))["__typename"] == "InvalidCredentials"
    assert (await porchlight.post(ME, token=intruder.access_token)).status_code == 401
    with porchlight.app.database.bound():
        assert await Passkey.all().count() == 0
        assert (await User.get()).deletion_at is None


async def test_a_session_that_ended_adds_no_passkey(porchlight: Porchlight) -> None:
    """A thief's document that is under way while the owner resets the password leaves no way back in."""
    owner = await porchlight.register()
    await prove_address(porchlight)
    stolen = await thief(porchlight, owner)
    token = await reset_token(porchlight)
    authenticator = Authenticator()
    credential = authenticator.create(await keys.creation_options(porchlight, stolen))
    document = """mutation($t: String!, $n: String!, $c: JSON!) {
      resetPassword(token: $t, newPassword: $n) { __typename }
      finishPasskeyRegistration(credential: $c) { __typename }
      regenerateRecoveryCodes { __typename }
      requestEmailChange(newEmail: "thief@example.org") { __typename }
      exportMyData { url }
    }"""
    variables = {"t": token, "n": NEW, "c": credential}
    answer = (await porchlight.post(document, variables, token=stolen.access_token)).json()
    assert answer["data"].pop("resetPassword") == {"__typename": "ResetPasswordSuccess"}
    added = answer["data"].pop("finishPasskeyRegistration")
    assert added is None or added["__typename"] == "InvalidPasskey"
    assert set(answer["data"].values()) == {None}
    assert (await keys.sign_in(porchlight, authenticator))["__typename"] == "InvalidCredentials"


async def test_a_passkey_that_was_begun_before_an_app_was_added_is_not_kept(porchlight: Porchlight) -> None:
    """It was begun with the password alone: it would go around the factor that the owner has added meanwhile."""
    owner = await porchlight.register()
    stolen = await thief(porchlight, owner)
    credential = Authenticator().create(await keys.creation_options(porchlight, stolen))
    await factors.protect(porchlight, owner)
    assert (await finish_creation(porchlight, stolen, credential))["__typename"] == "InvalidPasskey"


async def test_a_passkey_that_was_begun_before_the_owners_first_one_is_not_kept(porchlight: Porchlight) -> None:
    """As with the app: both were begun with the password alone, and the owner's is there first."""
    owner = await porchlight.register()
    stolen = await thief(porchlight, owner)
    credential = Authenticator().create(await keys.creation_options(porchlight, stolen))
    await enrol(porchlight, owner)
    assert (await finish_creation(porchlight, stolen, credential))["__typename"] == "InvalidPasskey"
    with porchlight.app.database.bound():
        assert await Passkey.all().count() == 1


@pytest.mark.parametrize("way", ["change", "reset"])
async def test_a_short_password_whose_factor_goes_meanwhile_is_not_set(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """It was long enough beside the factor when it was looked at; the factor is removed while it is hashed."""
    person = await porchlight.register()
    await prove_address(porchlight)
    guarded = await factors.protect(porchlight, person)
    token = await reset_token(porchlight)
    hashed = porchlight.app.passwords.hash

    async def remove_then_hash(password: str) -> str:
        await Totp.all().delete()
        return await hashed(password)

    monkeypatch.setattr(porchlight.app.passwords, "hash", remove_then_hash)
    if way == "reset":
        variables = {"t": token, "n": "x7!kQ2pL"}
        kind = (await porchlight.ask(RESET, variables))["resetPassword"]["__typename"]
    else:
        variables = {"c": PASSWORD, "n": "x7!kQ2pL"}
        answer = await porchlight.ask(CHANGE_PASSWORD, variables, token=guarded.person.access_token)
        kind = answer["changePassword"]["__typename"]
    assert kind == "InvalidPassword"
    with porchlight.app.database.bound():
        user = await User.get()
    assert not user.password_needs_factor
    assert await porchlight.app.passwords.verify(PASSWORD, user.password_hash)


async def test_who_was_signed_out_moves_the_account_nowhere(porchlight: Porchlight) -> None:
    """The letter to the new address is out; the owner ends the thief's session; its link does not work any more."""
    owner = await porchlight.register()
    stolen = await thief(porchlight, owner)
    await porchlight.ask(MOVE, {"e": "thief@example.org"}, token=stolen.access_token)
    token = token_in(await letter_to(porchlight, "thief@example.org", "Confirm your new"))
    await porchlight.ask("mutation { revokeOtherSessions }", token=owner.access_token)
    assert (await porchlight.ask(CONFIRM, {"t": token}))["confirmEmailChange"]["__typename"] == "InvalidToken"
    assert (await porchlight.ask(ME, token=owner.access_token))["me"] == {"email": ADA}


async def test_a_letter_that_is_late_moves_no_account(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new mailbox refuses it at first; the owner resets the password meanwhile; it is never sent."""
    owner = await porchlight.register()
    await prove_address(porchlight)
    stolen = await thief(porchlight, owner)
    mail, refusing = porchlight.app.mail, True
    hand_over = mail.send

    async def hand_over_later(message: EmailMessage) -> None:
        if refusing and message["Subject"].startswith("Confirm your new"):
            raise Unavailable("Not now.")
        await hand_over(message)

    monkeypatch.setattr(mail, "send", hand_over_later)
    await porchlight.ask(MOVE, {"e": "thief@example.org"}, token=stolen.access_token)
    await reset(porchlight, await reset_token(porchlight))
    refusing = False
    await porchlight.clock.advance(timedelta(minutes=30))
    await settled(porchlight)
    assert await letters_to(porchlight, "thief@example.org") == []


async def test_a_socket_that_a_cookie_opened_changes_nothing(porchlight: Porchlight) -> None:
    """It could set no cookie, and would hand tokens to the page's script."""
    async with httpx.AsyncClient(base_url=porchlight.url, headers={"Porchlight-Session": "cookie"}) as browser:
        given = {"input": {"email": ADA, "password": PASSWORD}}
        await browser.post("/graphql", json={"query": REGISTER, "variables": given})
        cookie = f"porchlight-access={browser.cookies['porchlight-access']}"
    headers = {"Cookie": cookie, "Origin": porchlight.app.settings.public_url}
    async with porchlight.connect(additional_headers=headers) as connection:
        step_up = f'mutation {{ stepUp(input: {{password: "{PASSWORD}"}}) {{ __typename }} }}'
        await connection.subscribe(step_up)
        message = await connection.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
        await connection.subscribe(ME)
        assert (await connection.next())["data"]["me"] == {"email": ADA}


async def test_signing_out_works_when_the_access_cookie_has_run_out(porchlight: Porchlight) -> None:
    """On a shared machine, ten minutes after the last look: nobody stays signed in."""
    async with httpx.AsyncClient(base_url=porchlight.url, headers={"Porchlight-Session": "cookie"}) as browser:
        given = {"input": {"email": ADA, "password": PASSWORD}}
        await browser.post("/graphql", json={"query": REGISTER, "variables": given})
        kept = dict(browser.cookies)
        await porchlight.clock.advance(timedelta(minutes=11))
        browser.cookies.delete("porchlight-access")
        answer = (await browser.post("/graphql", json={"query": "mutation { logout }"})).json()
        assert answer == {"data": {"logout": True}}
        assert dict(browser.cookies) == {"porchlight-device": kept["porchlight-device"]}
        browser.cookies.set("porchlight-refresh", kept["porchlight-refresh"])
        refreshed = (await browser.post("/graphql", json={"query": REFRESH})).json()
        assert refreshed["data"]["refreshSession"]["__typename"] == "SessionRevoked"


@pytest.mark.parametrize("address", ["a\0b@example.com", "\0", "\ufdfa" * 254, "\u00df" * 250 + "@e.de", ""])
async def test_strange_addresses_make_no_fault(porchlight: Porchlight, address: str) -> None:
    """Neither where a letter is asked for, nor in the job that would send it."""
    for operation in ("requestMagicLink", "requestPasswordReset"):
        document = f"mutation($e: String!) {{ {operation}(email: $e) }}"
        assert (await porchlight.post(document, {"e": address})).json() == {"data": {operation: True}}
    await settled(porchlight)


async def test_a_passkey_without_shape_costs_no_try(porchlight: Porchlight) -> None:
    """It is no guess: the half session and the account's count stay as they were."""
    guarded = await factors.somebody_protected(porchlight)
    half = await factors.half_session(porchlight)
    for _ in range(6):
        assert await porchlight.codes(factors.COMPLETE, {"token": half, "passkey": {}}) == ["BAD_USER_INPUT"]
    assert (await factors.complete(porchlight, half, guarded.code(porchlight)))["__typename"] == "LoginSuccess"


async def test_an_account_that_is_gone_lets_nobody_in(porchlight: Porchlight) -> None:
    """From the moment of its deletion on, whether or not the job has come by: not by a passkey either."""
    person = await porchlight.register()
    passkey = await enrol(porchlight, person)
    with porchlight.app.database.bound():
        await User.all().update(deletion_at=porchlight.clock.now() - timedelta(seconds=1))
    credential = passkey.get(await keys.request_options(porchlight))
    document = "mutation($c: JSON!) { finishPasskeySignIn(credential: $c) { __typename } }"
    assert await porchlight.codes(document, {"c": credential}) == ["UNAUTHENTICATED"]
