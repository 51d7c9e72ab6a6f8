"""Sessions and their tokens, through the front door."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import Session
from models.accounts import Role
from services import keys, sessions
from services.app import App
from services.sessions import State, refreshing
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight

ME = "{ me { email } }"


async def session_of(porchlight: Porchlight, person: Person) -> Session:
    with porchlight.app.database.bound():
        return await Session.get(user_id=person.user_id)


async def test_refreshing_rotates_both_tokens(porchlight: Porchlight, clock: ManualClock) -> None:
    """Successors of ten minutes and of fourteen idle days; the session stays one row."""
    person = await porchlight.register()
    await clock.advance(timedelta(minutes=9))
    result = await porchlight.refresh(person.refresh_token)
    tokens = result["tokens"]
    assert result["__typename"] == "RefreshSessionSuccess"
    assert tokens["refreshToken"] != person.refresh_token
    assert tokens["accessTokenExpiresAt"] == "2026-03-02T09:19:00+00:00"
    assert tokens["refreshTokenExpiresAt"] == "2026-03-16T09:09:00+00:00"
    assert (await porchlight.ask(ME, token=tokens["accessToken"]))["me"] == {"email": person.email}
    session = await session_of(porchlight, person)
    assert (session.counter, session.revoked_at) == (2, None)


async def test_access_tokens_end_after_ten_minutes(porchlight: Porchlight, clock: ManualClock) -> None:
    """By the app's clock, to the second."""
    person = await porchlight.register()
    await clock.advance(timedelta(seconds=599))
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 200
    await clock.advance(timedelta(seconds=1))
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 401


async def test_fifty_parallel_refreshes_give_one_successor(start: Start) -> None:
    """Tabs that wake together get the same answer, on two processes too, and nobody is signed out."""
    one = await start()
    two = await start()
    person = await one.register()
    answers = await asyncio.gather(*(door.refresh(person.refresh_token) for door in (one, two) for _ in range(25)))
    assert {answer["__typename"] for answer in answers} == {"RefreshSessionSuccess"}
    assert len({str(answer["tokens"]) for answer in answers}) == 1
    assert (await session_of(one, person)).counter == 2
    again = await one.refresh(answers[0]["tokens"]["refreshToken"])
    assert again["__typename"] == "RefreshSessionSuccess"


async def test_a_lost_answer_may_be_asked_for_again_for_thirty_seconds(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """The previous token gives the very same successor; after its grace it ends the session."""
    person = await porchlight.register()
    first = await porchlight.refresh(person.refresh_token)
    await clock.advance(timedelta(seconds=30))
    assert await porchlight.refresh(person.refresh_token) == first
    await clock.advance(timedelta(seconds=1))
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"
    assert (await porchlight.refresh(first["tokens"]["refreshToken"]))["__typename"] == "SessionRevoked"


async def test_a_token_older_than_the_previous_one_ends_the_session(porchlight: Porchlight) -> None:
    """Whoever holds it copied it: the family dies, access tokens included."""
    person = await porchlight.register()
    second = (await porchlight.refresh(person.refresh_token))["tokens"]
    third = (await porchlight.refresh(second["refreshToken"]))["tokens"]
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"
    assert (await porchlight.refresh(third["refreshToken"]))["__typename"] == "SessionRevoked"
    assert (await porchlight.post(ME, token=third["accessToken"])).status_code == 401
    session = await session_of(porchlight, person)
    assert session.revoked_reason == "TOKEN_REUSED"


async def test_sessions_end_after_fourteen_idle_days(porchlight: Porchlight, clock: ManualClock) -> None:
    """To the second, for refresh and access alike."""
    person = await porchlight.register()
    await clock.advance(timedelta(days=14, seconds=-1))
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    await clock.advance(timedelta(days=14))
    assert (await porchlight.refresh(tokens["refreshToken"]))["__typename"] == "SessionRevoked"


async def test_sessions_end_after_ninety_days_whatever_happens(porchlight: Porchlight, clock: ManualClock) -> None:
    """The absolute end is not moved by use."""
    person = await porchlight.register()
    tokens = person.registered["tokens"]
    for _ in range(8):
        await clock.advance(timedelta(days=11))
        tokens = (await porchlight.refresh(tokens["refreshToken"]))["tokens"]
    assert tokens["refreshTokenExpiresAt"] == "2026-05-31T09:00:00+00:00"
    await clock.advance(timedelta(days=2))
    assert (await porchlight.refresh(tokens["refreshToken"]))["__typename"] == "SessionRevoked"


@pytest.mark.parametrize(
    "token", [None, "", "v1", "v1.x.1.y", "v1." + "0" * 32 + ".1." + "A" * 43, "v2" * 5000, "é\x00"]
)
async def test_what_is_no_token_of_ours_is_refused(porchlight: Porchlight, token: str | None) -> None:
    """And harms no session."""
    person = await porchlight.register()
    assert (await porchlight.refresh(token))["__typename"] == "InvalidToken"
    assert (await porchlight.refresh(person.access_token))["__typename"] == "InvalidToken"
    assert (await session_of(porchlight, person)).revoked_at is None


async def test_a_forged_counter_ends_no_session(porchlight: Porchlight) -> None:
    """Knowing a session's name is not enough to end it: only genuine old tokens do."""
    person = await porchlight.register()
    version, key, _, mac = person.refresh_token.split(".")
    for forged in (f"{version}.{key}.0.{mac}", f"{version}.{key}.2.{mac}", f"{version}.{key}.1.{'A' * 43}"):
        assert (await porchlight.refresh(forged))["__typename"] == "InvalidToken"
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "RefreshSessionSuccess"


async def test_signing_out_ends_this_session_alone(porchlight: Porchlight) -> None:
    """Its tokens are refused from then on; another session of the same person goes on."""
    person = await porchlight.register()
    other = await porchlight.ask(
        "mutation($e: String!, $p: String!) { login(input: {email: $e, password: $p}) "
        "{ ... on LoginSuccess { tokens { accessToken } } } }",
        {"e": person.email, "p": "correct horse battery staple"},
    )
    assert await porchlight.ask("mutation { logout }", token=person.access_token) == {"logout": True}
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 401
    assert (await porchlight.post("mutation { logout }", token=person.access_token)).status_code == 401
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"
    assert (await porchlight.ask(ME, token=other["login"]["tokens"]["accessToken"]))["me"] == {"email": person.email}


async def test_signing_out_without_having_signed_in(porchlight: Porchlight) -> None:
    """Is refused."""
    assert await porchlight.codes("mutation { logout }") == ["UNAUTHENTICATED"]


async def test_a_refresh_that_meets_a_revocation_is_refused(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session ends between the look at its row and the rotation: the rotation does not happen."""
    person = await porchlight.register()
    go_on = refreshing._go_on

    async def end_before(app: App, session: Session, *given: Any, **more: Any) -> bool:
        await sessions.revoke(app, session, reason="LOGOUT")
        return await go_on(app, session, *given, **more)

    monkeypatch.setattr(refreshing, "_go_on", end_before)
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"
    session = await session_of(porchlight, person)
    assert (session.counter, session.revoked_reason) == (1, "LOGOUT")


async def test_tokens_follow_from_the_row(porchlight: Porchlight) -> None:
    """The same row gives the same tokens: that is what makes a refresh repeatable."""
    person = await porchlight.register()
    session = await session_of(porchlight, person)
    tokens = sessions.tokens_of(porchlight.app, session)
    assert (tokens.access_token, tokens.refresh_token) == (person.access_token, person.refresh_token)


async def test_states_of_sessions_are_found_among_many(porchlight: Porchlight) -> None:
    """What sockets ask after messages may have been lost."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    await porchlight.ask("mutation { logout }", token=other.access_token)
    keys = [who.refresh_token.split(".")[1] for who in (person, other)]
    with porchlight.app.database.bound():
        states = await sessions.states_of(porchlight.app, [*keys, "unknown"])
    assert states == {
        keys[0]: State(live=True, role=Role.USER, suspended=False),
        keys[1]: State(live=False, role=Role.USER, suspended=False),
    }


async def test_keys_rotate_without_signing_anybody_out(start: Start) -> None:
    """A new secret in front makes; tokens and devices of the old one stay good until it is dropped."""
    old = await start(secret_key=("o" * 48,))
    person = await old.register(device={"name": "Firefox"})
    both = await start(secret_key=("n" * 48, "o" * 48))
    assert (await both.ask(ME, token=person.access_token))["me"] == {"email": person.email}
    tokens = (await both.refresh(person.refresh_token))["tokens"]
    with both.app.database.bound():
        await keys.rotate(both.app)
    new = await start(secret_key=("n" * 48,))
    for token in (tokens["accessToken"], person.access_token):
        assert (await new.ask(ME, token=token))["me"] == {"email": person.email}
    assert (await new.refresh(person.refresh_token))["__typename"] == "InvalidToken"
    assert (await new.refresh(tokens["refreshToken"]))["__typename"] == "RefreshSessionSuccess"
