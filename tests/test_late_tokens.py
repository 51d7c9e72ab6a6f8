"""Refresh tokens that come late or twice, through the front door."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Unauthenticated
from models import AuditEvent, Device, Job, Session, User
from services import access, sessions
from services.app import App
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Person, Porchlight

ME = "{ me { email } }"
REFRESH = """
mutation($token: String, $device: String) {
  refreshSession(refreshToken: $token, deviceToken: $device) {
    __typename
    ... on RefreshSessionSuccess { tokens { accessToken refreshToken } }
  }
}
"""
LATER = timedelta(hours=3)


async def refresh(porchlight: Porchlight, token: str, device: str | None = None) -> dict[str, Any]:
    """What `refreshSession` answers to a client that says which device it is."""
    answer: dict[str, Any] = (await porchlight.ask(REFRESH, {"token": token, "device": device}))["refreshSession"]
    return answer


async def works(porchlight: Porchlight, token: str, device: str | None = None) -> dict[str, Any]:
    """The tokens of a refresh that is not refused."""
    answer = await refresh(porchlight, token, device)
    assert answer["__typename"] == "RefreshSessionSuccess", answer
    tokens: dict[str, Any] = answer["tokens"]
    return tokens


def device_of(person: Person) -> str:
    token: str = person.registered["deviceToken"]
    return token


async def evidence(porchlight: Porchlight, person: Person) -> tuple[str | None, list[dict[str, Any]], int]:
    """Why the session ended, what was written down of it, and how many letters say so."""
    with porchlight.app.database.bound():
        session = await Session.get(user_id=person.user_id)
        events = await AuditEvent.filter(user_id=person.user_id, action="session.token_reused")
        letters = await Job.filter(dedup_key=f"mail.notice:token_reused:{session.id}").count()
        assert all(event.subject == f"Session:{session.id}" and event.ip == "127.0.0.1" for event in events)
        return session.revoked_reason, [event.data for event in events], letters


async def test_a_lost_answer_is_made_good_hours_later(porchlight: Porchlight, clock: ManualClock) -> None:
    """Once, from the same device; the answer that was lost is worth nothing from then on, nor its access token."""
    person = await porchlight.register()
    lost = await works(porchlight, person.refresh_token)
    await clock.advance(timedelta(minutes=5))
    found = await works(porchlight, person.refresh_token, device_of(person))
    assert found["refreshToken"] != lost["refreshToken"]
    assert (await porchlight.post(ME, token=lost["accessToken"])).status_code == 401
    assert (await porchlight.ask(ME, token=found["accessToken"]))["me"] == {"email": person.email}
    assert await works(porchlight, person.refresh_token, device_of(person)) == found
    await works(porchlight, found["refreshToken"])
    assert await evidence(porchlight, person) == (None, [], 0)


async def test_whoever_shows_the_replaced_answer_ends_the_session(porchlight: Porchlight, clock: ManualClock) -> None:
    """Two hold what one should: which of them is the owner cannot be known."""
    person = await porchlight.register()
    lost = await works(porchlight, person.refresh_token)
    await clock.advance(LATER)
    found = await works(porchlight, person.refresh_token, device_of(person))
    assert (await refresh(porchlight, lost["refreshToken"], device_of(person)))["__typename"] == "SessionRevoked"
    assert (await porchlight.post(ME, token=found["accessToken"])).status_code == 401
    assert await evidence(porchlight, person) == ("TOKEN_REUSED", [{"shown": 2, "current": 3}], 1)


@pytest.mark.parametrize(
    "case", ["no device", "another device", "after a day", "after use", "again", "forgotten device"]
)
async def test_a_late_token_is_refused_and_ends_the_session(
    porchlight: Porchlight, clock: ManualClock, case: str
) -> None:
    """Unless all of it holds: the same device, a day, an answer that nobody used, the first time."""
    person = await porchlight.register()
    other = await porchlight.register("grace@example.com")
    device: str | None = device_of(person)
    answer = await works(porchlight, person.refresh_token)
    if case == "after use":
        await porchlight.ask(ME, token=answer["accessToken"])
    await clock.advance(timedelta(hours=24, seconds=case == "after a day"))
    if case == "again":
        await works(porchlight, person.refresh_token, device)
        await clock.advance(timedelta(seconds=31))
    if case in {"no device", "another device"}:
        device = None if case == "no device" else device_of(other)
    if case == "forgotten device":
        with porchlight.app.database.bound():
            await Device.filter(user_id=person.user_id).delete()
    assert (await refresh(porchlight, person.refresh_token, device))["__typename"] == "SessionRevoked"
    reason, events, letters = await evidence(porchlight, person)
    assert (reason, len(events), letters) == ("TOKEN_REUSED", 1, 1)
    assert await evidence(porchlight, other) == (None, [], 0)


async def test_a_device_token_without_end_is_no_device(porchlight: Porchlight, clock: ManualClock) -> None:
    """Nothing oversized is hashed."""
    person = await porchlight.register()
    await works(porchlight, person.refresh_token)
    await clock.advance(LATER)
    assert (await refresh(porchlight, person.refresh_token, "x" * 100_000))["__typename"] == "SessionRevoked"


async def test_fifty_late_tokens_at_once_are_one(start: Start, clock: ManualClock) -> None:
    """On two processes: one new successor for all of them."""
    one, two = await start(), await start()
    person = await one.register()
    await works(one, person.refresh_token)
    await clock.advance(LATER)
    answers = await asyncio.gather(
        *(refresh(door, person.refresh_token, device_of(person)) for door in (one, two) for _ in range(25))
    )
    assert {answer["__typename"] for answer in answers} == {"RefreshSessionSuccess"}
    assert len({str(answer["tokens"]) for answer in answers}) == 1
    assert await evidence(one, person) == (None, [], 0)


async def test_fifty_copies_at_once_leave_one_trace(start: Start, clock: ManualClock) -> None:
    """One event and one letter, with the revocation, however many come on two processes."""
    one, two = await start(), await start()
    person = await one.register()
    await works(one, person.refresh_token)
    await clock.advance(LATER)
    answers = await asyncio.gather(
        *(refresh(door, person.refresh_token, None) for door in (one, two) for _ in range(25))
    )
    assert {answer["__typename"] for answer in answers} == {"SessionRevoked"}
    assert await evidence(one, person) == ("TOKEN_REUSED", [{"shown": 1, "current": 2}], 1)


async def test_evidence_and_revocation_are_one(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the letter cannot be written the session does not end either: the next try does both."""
    person = await porchlight.register()
    await works(porchlight, person.refresh_token)
    await clock.advance(LATER)

    async def fails(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr("services.notifications.notify", fails)
        assert await porchlight.codes(REFRESH, {"token": person.refresh_token}) == ["UNAVAILABLE"]
    assert await evidence(porchlight, person) == (None, [], 0)
    assert (await refresh(porchlight, person.refresh_token))["__typename"] == "SessionRevoked"
    assert (await evidence(porchlight, person))[2] == 1


async def test_first_use_of_an_answer_meets_its_replacement(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is replaced between the look at the row and the note of its use: it does not count."""
    person = await porchlight.register()
    lost = await works(porchlight, person.refresh_token)
    await clock.advance(timedelta(minutes=1))
    see, replaced = sessions.see, list[dict[str, Any]]()

    async def replace_before(app: App, session: Session, counter: int = 0) -> bool:
        if not replaced:
            replaced.append({})
            await sessions.refresh(app, person.refresh_token, device_token=device_of(person))
        return await see(app, session, counter)

    monkeypatch.setattr(sessions, "see", replace_before)
    with porchlight.app.database.bound(), pytest.raises(Unauthenticated, match="replaced"):
        await access.authenticate(porchlight.app, lost["accessToken"])
    with porchlight.app.database.bound():
        session = await Session.get(user_id=person.user_id)
    assert (session.counter, session.seen_counter) == (3, 1)


async def test_suspended_people_refresh_nothing(porchlight: Porchlight) -> None:
    """And no access token of theirs is good; their sessions stay as they are."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.all().update(suspended_at=porchlight.clock.now())
    answer = await porchlight.post(ME, token=person.access_token)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == "This account has been suspended."
    assert (await refresh(porchlight, person.refresh_token))["__typename"] == "SessionRevoked"
    assert await evidence(porchlight, person) == (None, [], 0)
