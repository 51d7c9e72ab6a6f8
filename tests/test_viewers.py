"""Who asked a moment ago: how long that serves, what ends it at once, and for whom it never serves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from core.errors import Unauthenticated
from models import Role, Session, Trial, User
from schema.context import Context
from services import access, accounts, sessions, viewers
from services.sessions import Client
from tests.clock import ManualClock
from tests.conftest import Start
from tests.mailbox import letter_to, token_in
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.services.valkey import until
from tests.staff import id_of, promote, staff

ME = "{ me { email name } }"
ME_PROVEN = "{ me { emailVerified } }"
RENAME = 'mutation { updateProfile(name: "Countess") { name } }'
SUSPEND = 'mutation($user: ID!) { suspendUser(userId: $user, reason: "farming") { __typename } }'
WHO_ASKS = "JOIN sessions s ON s.key"
LIFETIME = 5


class RealTime:
    """The seconds that rows are kept by."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def real_time(monkeypatch: pytest.MonkeyPatch) -> RealTime:
    """Real time stands still until it is moved."""
    real_time = RealTime()
    monkeypatch.setattr(viewers, "monotonic", real_time)
    return real_time


@pytest.fixture
async def warm(start: Start, real_time: RealTime) -> Porchlight:  # ruff: ignore[unused-function-argument] -- it stands still
    """A server that keeps rows for as long as it may."""
    return await start(session_cache=LIFETIME)


async def status(porchlight: Porchlight, token: str) -> int:
    """How a query with this token is answered."""
    return (await porchlight.post(ME, token=token)).status_code


async def reads(porchlight: Porchlight, token: str, query: str = ME) -> list[str]:
    """The first words of each statement that a request runs."""
    with porchlight.counting_queries() as statements:
        await porchlight.post(query, token=token)
    return [statement.split()[0] for statement in statements]


async def told(porchlight: Porchlight, act: Callable[[], Awaitable[Any]]) -> list[str]:
    """Whose rows other processes forget while somebody acts."""
    users: list[str] = []
    unsubscribe = porchlight.app.bus.subscribe(sessions.CHANGED, users.append)
    await act()
    unsubscribe()
    return users


async def behind_its_back(porchlight: Porchlight, model: Any, changes: dict[str, Any], **which: Any) -> None:
    """Another process changes a row, and no message of it arrives."""
    with porchlight.app.database.bound():
        assert await model.filter(**which).update(**changes) == 1


def nothing_is_kept(porchlight: Porchlight) -> bool:
    kept = porchlight.app.viewers
    return not (kept._kept or kept._sessions or kept._readings)


async def test_the_row_is_read_once(warm: Porchlight) -> None:
    """The next queries of the same session read no row of it; every other session has its own."""
    ada, bob = await warm.register(), await warm.register("bob@example.com")
    assert nothing_is_kept(warm)
    assert [await reads(warm, ada.access_token) for _ in range(3)] == [["SELECT"], [], []]
    assert await reads(warm, bob.access_token) == ["SELECT"]
    for person in (ada, bob, ada):
        assert (await warm.ask(ME, token=person.access_token))["me"]["email"] == person.email
    other = (await warm.ask(LOGIN, {"input": {"email": ada.email, "password": PASSWORD}}))["login"]["tokens"]
    assert await reads(warm, other["accessToken"]) == ["SELECT"]
    assert (await warm.ask(ME))["me"] is None


async def test_sessions_of_one_user_grow_old_by_themselves(warm: Porchlight, real_time: RealTime) -> None:
    """One may be too old while the other serves; read at the same time, both are kept."""
    person = await warm.register()
    other = (await warm.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]["tokens"]
    both = (person.access_token, other["accessToken"])
    await asyncio.gather(*(status(warm, token) for token in both))
    assert [await reads(warm, token) for token in both] == [[], []]
    real_time.seconds += 3
    warm.app.viewers.forget(person.user_id)
    await status(warm, both[0])
    real_time.seconds += 3
    await status(warm, both[1])
    real_time.seconds += 2
    assert [await reads(warm, token) for token in both] == [["SELECT"], []]
    unopened = viewers.Viewers(LIFETIME, warm.app.bus)
    unopened.close()


@pytest.mark.parametrize("lifetime", [5, 2, 0])
async def test_it_serves_for_seconds_of_real_time(start: Start, real_time: RealTime, lifetime: int) -> None:
    """Until as many have passed since its reading began, and at 0 not at all, whatever the app's clock says."""
    porchlight = await start(session_cache=lifetime)
    person = await porchlight.register()
    await status(porchlight, person.access_token)
    await behind_its_back(porchlight, User, {"name": "New"}, id=person.user_id)
    seen = []
    for _ in range(LIFETIME + 1):
        seen.append((await porchlight.ask(ME, token=person.access_token))["me"]["name"])
        real_time.seconds += 1
    assert seen == [None] * lifetime + ["New"] * (LIFETIME + 1 - lifetime)


async def test_its_age_counts_from_when_its_reading_began(warm: Porchlight, real_time: RealTime) -> None:
    """A row that took three seconds to come serves for two."""
    person = await warm.register()
    database, read = warm.app.database, warm.app.database.records

    async def slowly(sql: str, values: Any = ()) -> Any:
        rows = await read(sql, values)
        real_time.seconds += 3 * (WHO_ASKS in sql)  # jobs read too
        return rows

    database.records = slowly  # type: ignore[method-assign]
    await status(warm, person.access_token)
    database.records = read  # type: ignore[method-assign]
    real_time.seconds += 1.75
    assert await reads(warm, person.access_token) == []
    real_time.seconds += 0.25
    assert await reads(warm, person.access_token) == ["SELECT"]


async def signed_out(porchlight: Porchlight, person: Person, _: Person) -> None:
    await porchlight.ask("mutation { logout }", token=person.access_token)


async def ended_by_another(porchlight: Porchlight, person: Person, _: Person) -> None:
    tokens = (await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]["tokens"]
    assert (await porchlight.ask("mutation { revokeOtherSessions }", token=tokens["accessToken"])) == {
        "revokeOtherSessions": 1
    }


async def suspended(porchlight: Porchlight, person: Person, admin: Person) -> None:
    await porchlight.ask(SUSPEND, {"user": id_of(person)}, token=admin.access_token)


async def reused(porchlight: Porchlight, person: Person, _: Person) -> None:
    second = await porchlight.refresh(person.refresh_token)
    await porchlight.refresh(second["tokens"]["refreshToken"])
    assert (await porchlight.refresh(person.refresh_token))["__typename"] == "SessionRevoked"


async def test_what_is_ended_here_is_refused_here_at_once(warm: Porchlight) -> None:
    """The request after the answer finds the door closed, whichever way it was closed."""
    admin = await staff(warm, Role.ADMIN)
    for number, end in enumerate((signed_out, ended_by_another, suspended, reused)):
        person = await warm.register(f"{number}@example.com")
        assert await status(warm, person.access_token) == 200
        assert await reads(warm, person.access_token) == []
        await end(warm, person, admin)
        assert await status(warm, person.access_token) == 401, end


async def test_what_is_ended_here_is_refused_there(start: Start, real_time: RealTime) -> None:
    """Soon where the bus tells of it, and where none does, after five real seconds."""
    here, there = await start(session_cache=LIFETIME), await start(session_cache=LIFETIME)
    person = await here.register()
    kept = (await here.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}))["login"]["tokens"]
    assert await status(there, person.access_token) == 200
    await here.ask("mutation { revokeOtherSessions }", token=kept["accessToken"])
    if here.app.settings.redis_url:

        async def refused() -> bool:
            return await status(there, person.access_token) == 401

        await until(refused)
        return
    real_time.seconds += 4.99
    assert await status(there, person.access_token) == 200
    real_time.seconds += 0.01
    assert await status(there, person.access_token) == 401


async def ended(porchlight: Porchlight, person: Person) -> None:
    """Every session of a user ends, and all processes are told."""
    with porchlight.app.database.bound():
        assert await sessions.revoke_all(porchlight.app, person.user_id, reason="REVOKED") == 1
        await sessions.tell_of(porchlight.app, person.user_id)


async def missed(porchlight: Porchlight, person: Person) -> None:
    """Another process ends the sessions while none hears another."""
    await behind_its_back(porchlight, Session, {"revoked_at": porchlight.clock.now()}, user_id=person.user_id)
    bus: Any = porchlight.app.bus
    getattr(bus, "_local", bus).resync()


@pytest.mark.parametrize("end", [ended, missed])
async def test_a_reading_under_way_brings_nothing_old_back(
    warm: Porchlight, end: Callable[[Porchlight, Person], Awaitable[None]]
) -> None:
    """What was read before a session ended, and arrives after all were told, serves that one request alone."""
    person = await warm.register()
    database, read = warm.app.database, warm.app.database.records
    began, go_on = asyncio.Event(), asyncio.Event()

    async def held(sql: str, values: Any = ()) -> Any:
        rows = await read(sql, values)
        if WHO_ASKS in sql:
            began.set()
            await go_on.wait()
        return rows

    database.records = held  # type: ignore[method-assign]
    query = asyncio.create_task(status(warm, person.access_token))
    await began.wait()
    database.records = read  # type: ignore[method-assign]
    await end(warm, person)
    go_on.set()
    assert await query == 200
    assert nothing_is_kept(warm)
    assert await status(warm, person.access_token) == 401


async def test_messages_that_may_have_been_missed(warm: Porchlight) -> None:
    """When other processes could not be heard for a while, all is forgotten."""
    person = await warm.register()
    await status(warm, person.access_token)
    bus: Any = warm.app.bus
    getattr(bus, "_local", bus).resync()
    assert nothing_is_kept(warm)


async def test_a_mutation_is_for_who_asks_now(warm: Porchlight) -> None:
    """It reads the row whatever is kept, once, and changes nothing for a session that has ended meanwhile."""
    person = await warm.register()
    assert await reads(warm, person.access_token) == ["SELECT"]
    kept, cold = [await reads(warm, person.access_token, RENAME) for _ in range(2)]
    assert (kept[0], cold) == ("SELECT", ["SELECT"])
    assert nothing_is_kept(warm)
    assert (await warm.ask(ME, token=person.access_token))["me"]["name"] == "Countess"
    await behind_its_back(warm, Session, {"revoked_at": warm.clock.now()}, user_id=person.user_id)
    assert await status(warm, person.access_token) == 200
    assert await warm.codes(RENAME.replace("Countess", "Thief"), token=person.access_token) == ["UNAUTHENTICATED"]
    with warm.app.database.bound():
        assert (await User.get(id=person.user_id)).name == "Countess"


async def test_a_suspended_user_is_told_so_when_they_change_something(warm: Porchlight) -> None:
    """Though no message of it has come: looking goes on for five seconds, changing does not."""
    person = await warm.register()
    assert await status(warm, person.access_token) == 200
    await behind_its_back(warm, User, {"suspended_at": warm.clock.now()}, id=person.user_id)
    answer = (await warm.post(RENAME, token=person.access_token)).json()
    assert [error["message"] for error in answer["errors"]] == [access.Suspended.message]


@pytest.fixture
def after_reading(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Awaitable[None] | None]]:
    """What happens each time that a request or an operation has read who asks, and before it goes on."""
    acts: list[Callable[[], Awaitable[None] | None]] = []

    def watched(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def reading(*given: Any) -> Any:
            viewer = await read(*given)
            for act in acts:
                if (more := act()) is not None:
                    await more
            return viewer

        return reading

    for name in ("authenticate", "renewed"):
        monkeypatch.setattr(access, name, watched(getattr(access, name)))
    return acts


@pytest.mark.parametrize("lifetime", [5, 0])
async def test_a_mutation_that_waited_is_for_who_asks_now(
    start: Start, real_time: RealTime, after_reading: list[Callable[[], Awaitable[None] | None]], lifetime: int
) -> None:
    """What was read for it serves for a second, and is read again after that, once."""
    porchlight = await start(session_cache=lifetime)
    person = await porchlight.register()
    await porchlight.ask(RENAME, token=person.access_token)
    waits = [1.0, 1.01]

    def wait() -> None:
        real_time.seconds += waits.pop(0)

    after_reading.append(wait)
    assert await reads(porchlight, person.access_token, RENAME) == ["SELECT"]
    assert await reads(porchlight, person.access_token, RENAME) == ["SELECT", "SELECT"]


@pytest.mark.parametrize(("lifetime", "warmed"), [(5, True), (5, False), (0, False)])
async def test_who_signs_out_during_an_upload_sends_nothing(
    start: Start,
    real_time: RealTime,
    after_reading: list[Callable[[], Awaitable[None] | None]],
    lifetime: int,
    *,
    warmed: bool,
) -> None:
    """Who asks is looked at again when the body has come, whether it asks or changes something."""
    porchlight = await start(session_cache=lifetime)
    for number, query in enumerate((RENAME, ME)):
        person = await porchlight.register(f"{number}@example.com")
        if warmed:
            await status(porchlight, person.access_token)
        known, rest = asyncio.Event(), asyncio.Event()
        after_reading[:] = [known.set]

        async def body(rest: asyncio.Event = rest, query: str = query) -> AsyncGenerator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--b\r\n'
            await rest.wait()
            yield b'Content-Disposition: form-data; name="operations"\r\n\r\n'
            yield orjson.dumps({"query": query}) + b"\r\n--b--\r\n"

        head = {"GraphQL-Require-Preflight": "1", "Content-Type": "multipart/form-data; boundary=b"}
        head["Authorization"] = f"Bearer {person.access_token}"
        sent = asyncio.create_task(porchlight.http.post("/graphql", content=body(), headers=head))
        await known.wait()
        await porchlight.ask("mutation { logout }", token=person.access_token)
        real_time.seconds += 1.01
        rest.set()
        answer = await sent
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
        with porchlight.app.database.bound():
            assert (await User.get(id=person.user_id)).name is None


async def test_who_waited_to_open_a_subscription_is_looked_at_again(
    start: Start, real_time: RealTime, after_reading: list[Callable[[], Awaitable[None] | None]]
) -> None:
    """After a second in the line, and not before: nobody opens one for a session that has ended there."""
    porchlight = await start(session_cache=0)
    person = await porchlight.register()
    countdown = "subscription { trialCountdown { version } }"
    async with porchlight.connect(token=person.access_token) as socket:
        waits, seen = [1.0, 1.01, 0.0, 1.01], list[float]()

        async def wait() -> None:
            seen.append(waits.pop(0))
            real_time.seconds += seen[-1]
            if not waits:
                ended = {"revoked_at": porchlight.clock.now()}
                await behind_its_back(porchlight, Session, ended, user_id=person.user_id)

        after_reading.append(wait)
        for number, looks in enumerate(([1.0], [1.0, 1.01, 0.0])):
            await socket.subscribe(countdown, str(number))
            assert (await socket.receive())["type"] == "next"
            assert seen == looks
        await socket.subscribe(countdown, "2")
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_a_cookie_that_outlives_its_session_makes_nobody_the_viewer(warm: Porchlight) -> None:
    """Who signs in on top of a session that has just ended elsewhere is let in."""
    mode = {"Porchlight-Session": "cookie"}
    async with httpx.AsyncClient(base_url=warm.url, headers=mode) as browser:
        person = await warm.register()
        sign_in = {"query": LOGIN, "variables": {"input": {"email": person.email, "password": PASSWORD}}}
        await browser.post("/graphql", json=sign_in)
        me = {"query": ME}
        assert (await browser.post("/graphql", json=me)).json()["data"]["me"]["email"] == person.email
        with warm.app.database.bound():
            await Session.all().update(revoked_at=warm.clock.now())
        assert (await browser.post("/graphql", json=me)).json()["data"]["me"]["email"] == person.email
        answer = (await browser.post("/graphql", json=sign_in)).json()
        assert answer["data"]["login"]["__typename"] == "LoginSuccess"
        assert (await browser.post("/graphql", json={"query": RENAME})).json()["data"]["updateProfile"] is not None


async def test_nobody_with_a_role_is_kept(warm: Porchlight) -> None:
    """What they may do is read for each request."""
    person = await warm.register()
    assert [await reads(warm, person.access_token) for _ in range(2)] == [["SELECT"], []]
    for role in (Role.SUPPORT, Role.ANALYST, Role.ADMIN):
        await promote(warm, person, role)
        warm.app.viewers.forget(person.user_id)
        assert [await reads(warm, person.access_token) for _ in range(2)] == [["SELECT"], ["SELECT"]]
        assert nothing_is_kept(warm)


async def test_what_ends_by_the_clock_ends_though_it_is_kept(warm: Porchlight, clock: ManualClock) -> None:
    """Sessions that nobody refreshes, accounts whose time has come, tokens; and a use is written down once a minute."""
    person = await warm.register()
    await status(warm, person.access_token)
    await clock.advance(timedelta(seconds=59))
    assert await reads(warm, person.access_token) == []
    await clock.advance(timedelta(seconds=1))
    assert await reads(warm, person.access_token) == ["SELECT", "UPDATE"]
    assert [await reads(warm, person.access_token) for _ in range(2)] == [["SELECT"], []]
    leaves_at = clock.now() + timedelta(minutes=2)
    await behind_its_back(warm, User, {"deletion_at": leaves_at}, id=person.user_id)
    warm.app.viewers.forget(person.user_id)
    assert await status(warm, person.access_token) == 200
    await clock.jump(leaves_at)
    assert await status(warm, person.access_token) == 401
    await behind_its_back(warm, User, {"deletion_at": None}, id=person.user_id)
    assert await status(warm, person.access_token) == 200
    with warm.app.database.bound():
        viewer = await access.authenticate(warm.app, person.access_token)
        await clock.jump(clock.now() + sessions.IDLE_LIFETIME)
        with pytest.raises(Unauthenticated, match="ended"):
            await access.renewed(warm.app, viewer)


async def test_a_replaced_token_is_refused_though_its_session_is_kept(warm: Porchlight, clock: ManualClock) -> None:
    """The answer that was lost opens nothing, neither before nor after its successor has been used."""
    person = await warm.register()
    device = person.registered["deviceToken"]
    again = "mutation($t: String, $d: String) { refreshSession(refreshToken: $t, deviceToken: $d) { __typename"
    again += " ... on RefreshSessionSuccess { tokens { accessToken } } } }"
    assert await status(warm, person.access_token) == 200
    lost = (await warm.refresh(person.refresh_token))["tokens"]["accessToken"]
    assert await status(warm, person.access_token) == 200
    await clock.advance(timedelta(minutes=5))
    found = await warm.ask(again, {"t": person.refresh_token, "d": device})
    assert await status(warm, person.access_token) == 200
    assert await status(warm, lost) == 401
    for _ in range(3):
        assert await status(warm, found["refreshSession"]["tokens"]["accessToken"]) == 200
        assert await status(warm, lost) == 401


async def test_owners_see_what_they_have_changed(start: Start, real_time: RealTime) -> None:
    """At once on the process that changed it; on others as soon as the bus tells, and after five seconds at most."""
    here, there = await start(session_cache=LIFETIME), await start(session_cache=LIFETIME)
    person = await here.register()
    for server in (here, there):
        assert (await server.ask(ME, token=person.access_token))["me"]["name"] is None
    await here.ask(RENAME, token=person.access_token)
    assert (await here.ask(ME, token=person.access_token))["me"]["name"] == "Countess"

    async def seen() -> bool:
        return bool((await there.ask(ME, token=person.access_token))["me"]["name"] == "Countess")

    if not here.app.settings.redis_url:
        assert not await seen()
        real_time.seconds += LIFETIME
        assert await seen()
    await until(seen)


async def test_every_change_of_the_row_is_told(warm: Porchlight) -> None:
    """Other processes forget the row once it is changed, and keep it when nothing is."""
    person = await warm.register()
    changes = {
        RENAME: 1,
        "mutation { setAnalyticsConsent(consent: false) { id } }": 1,
        "mutation { setPersonalization(enabled: false) { id } }": 1,
        "mutation { deleteAccount { __typename } }": 1,
        "mutation { cancelAccountDeletion }": 1,
        " mutation { cancelAccountDeletion }": 0,
    }
    for change, times in changes.items():
        heard = await told(warm, lambda change=change: warm.ask(change, token=person.access_token))  # type: ignore[misc]
        assert heard == [str(person.user_id)] * times, change


async def test_what_links_in_letters_change_is_told(warm: Porchlight) -> None:
    """An address that is proven and a deletion that is called off, by whoever reads the letter, signed in or not."""
    person = await warm.register()
    verify = "mutation($t: String!) { verifyEmail(token: $t) { __typename } }"
    proof = token_in(await letter_to(warm, person.email, "Welcome"))
    assert (await warm.ask(ME_PROVEN, token=person.access_token))["me"] == {"emailVerified": False}
    assert await told(warm, lambda: warm.ask(verify, {"t": proof})) == [str(person.user_id)]
    assert (await warm.ask(ME_PROVEN, token=person.access_token))["me"] == {"emailVerified": True}
    await warm.ask("mutation { deleteAccount { __typename } }", token=person.access_token)
    keep = token_in(await letter_to(warm, person.email, "Your account is going"))
    with warm.app.database.bound():
        called_off = await told(warm, lambda: accounts.cancel_deletion_by_token(warm.app, keep, sessions.Client()))
    assert called_off == [str(person.user_id)]


async def test_requests_share_no_models(warm: Porchlight) -> None:
    """What one request does to its viewer no other one sees."""
    person = await warm.register()
    app = warm.app
    with app.database.bound():
        found = [await access.authenticate(app, person.access_token) for _ in range(3)]
        again = await access.renewed(app, found[0])
    assert [viewer.kept for viewer in (*found, again)] == [False, True, True, True]
    assert len({id(viewer.user) for viewer in (*found, again)}) == 4
    found[1].user.name = "changed in memory"
    assert {viewer.user.name for viewer in (found[0], found[2], again)} == {None}
    assert again.session.user is again.user
    assert app.viewers.find(again.session.key, person.user_id + 1) is None


async def test_rows_are_bounded(warm: Porchlight, real_time: RealTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest makes way for the newest, and what is too old to serve is let go though nobody asks."""
    monkeypatch.setattr(viewers, "MOST", 2)
    people = [await warm.register(f"{name}@example.com") for name in ("ada", "bob", "eve")]
    kept = warm.app.viewers
    for person in people:
        await status(warm, person.access_token)
        real_time.seconds += 1
    assert list(kept._sessions) == [person.user_id for person in people[1:]]
    assert [await reads(warm, person.access_token) for person in people[1:]] == [[], []]
    real_time.seconds += 3
    kept.sweep()
    assert list(kept._sessions) == [people[2].user_id]
    assert kept._sweep
    real_time.seconds += 1
    kept.sweep()
    assert nothing_is_kept(warm)
    await status(warm, people[0].access_token)
    kept.close()
    assert nothing_is_kept(warm)


async def test_operations_of_a_socket_use_it_too(warm: Porchlight) -> None:
    """A query over a socket reads no row that was read a moment ago."""
    person = await warm.register()
    with warm.counting_queries() as statements:
        async with warm.connect(token=person.access_token) as socket:
            await socket.subscribe(ME)
            assert (await socket.next())["data"]["me"]["email"] == person.email
    assert len(statements) == 1


async def test_a_trial_is_as_the_database_has_it(warm: Porchlight) -> None:
    """It is read with who asks, but what is kept of that, or was read for a socket, tells of no trial."""
    person = await warm.register()
    query, now = "{ me { trial { status } } }", warm.clock.now()

    async def trial() -> Any:
        return (await warm.ask(query, token=person.access_token))["me"]["trial"]

    async with warm.connect(token=person.access_token) as connection:
        assert await trial() == {"status": "ACTIVE"}
        await behind_its_back(warm, Trial, {"canceled_at": now}, user_id=person.user_id)
        assert await reads(warm, person.access_token, query) == ["SELECT"]
        assert await trial() == {"status": "CANCELED"}
        await connection.subscribe(query)
        assert (await connection.receive())["payload"]["data"]["me"]["trial"] == {"status": "CANCELED"}
        warm.app.viewers.forget(person.user_id)
        assert await reads(warm, person.access_token, query) == ["SELECT"]
        await behind_its_back(warm, Trial, {"canceled_at": None}, user_id=person.user_id)
        assert await trial() == {"status": "ACTIVE"}


async def test_what_was_read_before_a_mutation_is_forgotten(porchlight: Porchlight) -> None:
    """The trial that came with who asks serves a query without a statement; once a change begins it is read."""
    person, app = await porchlight.register(), porchlight.app
    key = app.keys.read_access_token(person.access_token, app.clock.now()).session_key
    with app.database.bound():
        viewer = await access.viewer_of(app, key, person.user_id)
        context = Context(app, Client(), viewer, arrived=viewer)
        await Trial.filter(user_id=person.user_id).update(plan_key="changed")
        before = await context.loaders.trial_by_user.load(person.user_id)
        await context.begin_change()
        after = await context.loaders.trial_by_user.load(person.user_id)
        await Trial.filter(user_id=person.user_id).delete()
        gone = await access.viewer_of(app, key, person.user_id)
        nothing = await Context(app, Client(), gone, arrived=gone).loaders.trial_by_user.load(person.user_id)
    assert before is not None
    assert after is not None
    assert (before.plan_key == "changed", after.plan_key, nothing) == (False, "changed", None)
