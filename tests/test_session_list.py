"""The list of one's sessions, ending them, and hearing of their end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from models import AuditEvent, Session, User
from models.accounts import Role
from services import sessions
from tests.clock import ManualClock
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.services.valkey import until

ME = "{ me { email } }"
SESSIONS = """
query($first: Int, $after: String, $last: Int, $before: String) {
  me {
    sessions(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { id ip location current createdAt lastSeenAt expiresAt device { name trusted } } }
    }
  }
}
"""
NODE = "query($id: ID!) { node(id: $id) { id ... on Session { current } } }"
REVOKE = "mutation($id: ID!) { revokeSession(id: $id) }"
REVOKE_OTHERS = "mutation { revokeOtherSessions }"
REVOKED = "subscription { sessionRevoked { id current location } }"
GERMAN = {"x-forwarded-for": "91.10.0.1"}
AMERICAN: dict[str, Any] = {"x-forwarded-for": "8.8.8.8"}


async def login(porchlight: Porchlight, person: Person, **headers: str) -> str:
    """The access token of another session."""
    answer = await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}}, **headers)
    token: str = answer["login"]["tokens"]["accessToken"]
    return token


async def listed(porchlight: Porchlight, token: str, **page: Any) -> dict[str, Any]:
    """The viewer's sessions."""
    found: dict[str, Any] = (await porchlight.ask(SESSIONS, page, token=token))["me"]["sessions"]
    return found


async def ids_of(porchlight: Porchlight, token: str) -> list[str]:
    return [edge["node"]["id"] for edge in (await listed(porchlight, token))["edges"]]


async def reasons(porchlight: Porchlight, user_id: int) -> list[str | None]:
    with porchlight.app.database.bound():
        return [session.revoked_reason for session in await Session.filter(user_id=user_id).order_by("id")]


async def actions(porchlight: Porchlight, user_id: int) -> list[tuple[str, str | None]]:
    with porchlight.app.database.bound():
        events = await AuditEvent.filter(user_id=user_id, action__startswith="session.").order_by("id")
        return [(event.action, event.subject) for event in events]


async def test_nobody_ends_sessions(porchlight: Porchlight) -> None:
    """Without having signed in."""
    assert await porchlight.codes(REVOKE, {"id": encode_id("Session", 1)}) == ["UNAUTHENTICATED"]
    assert await porchlight.codes(REVOKE_OTHERS) == ["UNAUTHENTICATED"]


async def test_the_sessions_of_others_are_not_there(porchlight: Porchlight) -> None:
    """Neither to see nor to end; support sees them and ends none."""
    ada, eve = await porchlight.register(), await porchlight.register("eve@example.com")
    [theirs] = await ids_of(porchlight, ada.access_token)
    unknown = [theirs, encode_id("Session", 2**31 - 1), encode_id("Device", 1), "x", ""]
    for global_id in unknown:
        assert await porchlight.codes(REVOKE, {"id": global_id}, token=eve.access_token) == ["NOT_FOUND"]
    assert await porchlight.ask(NODE, {"id": theirs}) == {"node": None}
    assert await porchlight.ask(NODE, {"id": theirs}, token=eve.access_token) == {"node": None}
    with porchlight.app.database.bound():
        await User.filter(id=eve.user_id).update(role=Role.SUPPORT)
    found = await porchlight.ask(NODE, {"id": theirs}, token=eve.access_token)
    assert found == {"node": {"id": theirs, "current": False}}
    assert await porchlight.codes(REVOKE, {"id": theirs}, token=eve.access_token) == ["NOT_FOUND"]
    assert await reasons(porchlight, ada.user_id) == [None]
    assert await actions(porchlight, ada.user_id) == []


async def test_a_session_says_where_and_when(porchlight: Porchlight, clock: ManualClock) -> None:
    """Its device, address and country, its first and last use, its end; which one is the present."""
    person = await porchlight.register(device={"name": "Firefox"})
    await clock.advance(timedelta(hours=1))
    token = await login(porchlight, person, **{"user-agent": "python"})
    found = await listed(porchlight, token)
    nodes = [edge["node"] for edge in found["edges"]]
    assert found["totalCount"] == 2
    assert [node.pop("id") for node in nodes] == await ids_of(porchlight, token)
    assert nodes == [
        {
            "ip": "127.0.0.1",
            "location": None,
            "current": True,
            "createdAt": "2026-03-02T10:00:00+00:00",
            "lastSeenAt": "2026-03-02T10:00:00+00:00",
            "expiresAt": "2026-03-16T10:00:00+00:00",
            "device": {"name": "Unnamed device", "trusted": False},
        },
        {
            "ip": "127.0.0.1",
            "location": None,
            "current": False,
            "createdAt": "2026-03-02T09:00:00+00:00",
            "lastSeenAt": "2026-03-02T09:00:00+00:00",
            "expiresAt": "2026-03-16T09:00:00+00:00",
            "device": {"name": "Firefox", "trusted": False},
        },
    ]


async def test_a_session_moves_with_its_owner(start: Any) -> None:
    """Sign-in and refresh tell the country that the address belongs to; an unknown one changes nothing."""
    from core.setting_values import networks

    porchlight: Porchlight = await start(trusted_proxies=networks("127.0.0.1/32"))
    person = await porchlight.register()
    token = await login(porchlight, person, **GERMAN)
    node = (await listed(porchlight, token))["edges"][0]["node"]
    assert (node["ip"], node["location"]) == ("91.10.0.1", "Germany")
    refresh = 'mutation { refreshSession(refreshToken: "%s") { __typename } }' % person.refresh_token  # ruff: ignore[printf-string-formatting] -- braces stand in the document
    await porchlight.ask(refresh, None, token=None, **AMERICAN)
    node = (await listed(porchlight, token))["edges"][1]["node"]
    assert (node["ip"], node["location"]) == ("8.8.8.8", "United States")


async def test_pages_of_sessions(porchlight: Porchlight, clock: ManualClock) -> None:
    """Forward and backward by cursors that stay good when sessions come and go; ended ones are not listed."""
    person = await porchlight.register()
    tokens = [person.access_token]
    for _ in range(4):
        await clock.advance(timedelta(seconds=1))
        tokens.append(await login(porchlight, person))
    everything = await ids_of(porchlight, tokens[0])
    assert len(everything) == 5
    first = await listed(porchlight, tokens[0], first=2)
    assert [edge["node"]["id"] for edge in first["edges"]] == everything[:2]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    await porchlight.ask(REVOKE, {"id": everything[1]}, token=tokens[0])
    await login(porchlight, person)
    second = await listed(porchlight, tokens[0], first=2, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["id"] for edge in second["edges"]] == everything[2:4]
    assert second["totalCount"] == 5
    back = await listed(porchlight, tokens[0], last=2, before=second["edges"][1]["cursor"])
    assert [edge["node"]["id"] for edge in back["edges"]] == [everything[0], everything[2]]
    assert await porchlight.codes(SESSIONS, {"first": 0}, token=tokens[0]) == ["BAD_USER_INPUT"]


async def test_a_list_costs_two_queries_more(porchlight: Porchlight) -> None:
    """The page and its devices, however many they are; the count only when it is asked for."""
    person = await porchlight.register()
    for _ in range(3):
        await login(porchlight, person)
    with porchlight.counting_queries() as statements:
        await porchlight.ask("{ me { sessions { edges { node { device { name } } } } } }", token=person.access_token)
    assert len(statements) == 3
    with porchlight.counting_queries() as statements:
        await porchlight.ask("{ me { sessions { totalCount } } }", token=person.access_token)
    assert len(statements) == 3


async def test_ending_one_session(porchlight: Porchlight) -> None:
    """It is refused from then on; others stand. Ending it twice is no error and leaves one trace."""
    person = await porchlight.register()
    other = await login(porchlight, person)
    mine, theirs = await ids_of(porchlight, other)
    for _ in range(2):
        assert await porchlight.ask(REVOKE, {"id": theirs}, token=other) == {"revokeSession": True}
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 401
    assert await porchlight.refresh(person.refresh_token) == {
        "__typename": "SessionRevoked",
        "message": "This session has ended. Sign in again.",
    }
    assert await ids_of(porchlight, other) == [mine]
    assert await porchlight.ask(NODE, {"id": theirs}, token=other) == {"node": None}
    assert await actions(porchlight, person.user_id) == [
        ("session.revoked", f"Session:{await first_session(porchlight, person)}")
    ]


async def first_session(porchlight: Porchlight, person: Person) -> int:
    with porchlight.app.database.bound():
        session = await Session.filter(user_id=person.user_id).order_by("id").first()
    assert session is not None
    return int(session.id)


async def test_ending_all_others(porchlight: Porchlight) -> None:
    """All but the present one, and nobody else's; the number of them. None left is no event."""
    person, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    others = [await login(porchlight, person) for _ in range(3)]
    assert await porchlight.ask(REVOKE_OTHERS, token=person.access_token) == {"revokeOtherSessions": 3}
    assert [(await porchlight.post(ME, token=token)).status_code for token in others] == [401] * 3
    assert await porchlight.ask(REVOKE_OTHERS, token=person.access_token) == {"revokeOtherSessions": 0}
    assert await reasons(porchlight, person.user_id) == [None, "REVOKED", "REVOKED", "REVOKED"]
    assert await reasons(porchlight, grace.user_id) == [None]
    assert await actions(porchlight, person.user_id) == [("session.revoked", None)]


async def test_expired_sessions_are_neither_listed_nor_counted(porchlight: Porchlight, clock: ManualClock) -> None:
    """They have ended without a word."""
    person = await porchlight.register()
    await clock.advance(timedelta(days=14))
    token = await login(porchlight, person)
    found = await listed(porchlight, token)
    assert (len(found["edges"]), found["totalCount"]) == (1, 1)
    assert await porchlight.ask(REVOKE_OTHERS, token=token) == {"revokeOtherSessions": 0}


async def test_who_signs_out_leaves_a_trace(porchlight: Porchlight) -> None:
    """Once, though two requests come at once."""
    person = await porchlight.register()
    await asyncio.gather(*(porchlight.post("mutation { logout }", token=person.access_token) for _ in range(2)))
    assert await reasons(porchlight, person.user_id) == ["LOGOUT"]
    with porchlight.app.database.bound():
        assert await AuditEvent.filter(action="account.signed_out", user_id=person.user_id).count() == 1


async def test_each_end_of_a_session_is_told(porchlight: Porchlight) -> None:
    """To the user's other sockets, once each, however it came about; nobody else's, and none that was over before."""
    person, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    before, one, two, three = [await login(porchlight, person) for _ in range(4)]
    await porchlight.ask("mutation { logout }", token=before)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(REVOKED)
        await until(lambda: str(person.user_id) in porchlight.app.sessions_changed._waiting)
        ids = await ids_of(porchlight, person.access_token)
        await porchlight.ask("mutation { logout }", token=grace.access_token)
        await porchlight.ask("mutation { logout }", token=one)
        assert await connection.next() == told(ids[2])
        await porchlight.ask(REVOKE, {"id": ids[1]}, token=three)
        assert await connection.next() == told(ids[1])
        with porchlight.app.database.bound():
            await sessions.tell_of(porchlight.app, person.user_id)
        four = await login(porchlight, person)
        newest = (await ids_of(porchlight, four))[0]
        await porchlight.ask(REVOKE_OTHERS, token=person.access_token)
        assert [await connection.next(), await connection.next()] == [told(ids[0]), told(newest)]
        await connection.send(id="1", type="complete")
        await until(lambda: not porchlight.app.sessions_changed._waiting)
    assert two


def told(global_id: str) -> dict[str, Any]:
    return {"data": {"sessionRevoked": {"id": global_id, "current": False, "location": None}}}


async def test_use_is_written_down_once_a_minute(porchlight: Porchlight, clock: ManualClock) -> None:
    """One SELECT a request, and one UPDATE when a minute has passed, or at the first use of new tokens."""
    person = await porchlight.register()

    async def cost(token: str) -> list[str]:
        with porchlight.counting_queries() as statements:
            await porchlight.ask(ME, token=token)
        return [statement.split()[0] for statement in statements]

    assert await cost(person.access_token) == ["SELECT"]
    await clock.advance(timedelta(seconds=59))
    assert await cost(person.access_token) == ["SELECT"]
    await clock.advance(timedelta(seconds=1))
    assert await cost(person.access_token) == ["SELECT", "UPDATE"]
    assert await cost(person.access_token) == ["SELECT"]
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    assert await cost(tokens["accessToken"]) == ["SELECT", "UPDATE"]
    assert await cost(tokens["accessToken"]) == ["SELECT"]
    assert await cost(person.access_token) == ["SELECT"]
    node = (await listed(porchlight, tokens["accessToken"]))["edges"][0]["node"]
    assert node["lastSeenAt"] == "2026-03-02T09:01:00+00:00"


async def test_what_a_socket_asks_is_use_too(porchlight: Porchlight, clock: ManualClock) -> None:
    """Somebody who stays connected is seen."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await clock.advance(timedelta(minutes=5))
        await connection.subscribe(ME)
        await connection.next()
    node = (await listed(porchlight, person.access_token))["edges"][0]["node"]
    assert node["lastSeenAt"] == "2026-03-02T09:05:00+00:00"


async def test_thirty_requests_at_once_write_once(porchlight: Porchlight, clock: ManualClock) -> None:
    """And none of them is refused, though all of them are the first to show the new token."""
    person = await porchlight.register()
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    await clock.advance(timedelta(minutes=2))
    answers = await asyncio.gather(*(porchlight.post(ME, token=tokens["accessToken"]) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    with porchlight.app.database.bound():
        session = await Session.get(user_id=person.user_id)
    assert (session.seen_counter, session.last_seen_at) == (2, clock.now())


@pytest.mark.parametrize(
    ("address", "place"),
    [("8.8.8.8", "United States"), ("2a00:1450:4001:81b::200e", "Ireland"), ("10.0.0.1", None), (None, None)],
)
def test_countries_of_addresses(address: str | None, place: str | None) -> None:
    """By name; none for what belongs to nobody."""
    from core.places import country_of

    assert country_of(address) == place
