"""The audit log as administrators and users read it."""

from typing import Any

import pytest

from core.cursors import encode_id
from models import AuditEvent, Role, Session, Trial
from services import audit
from services.audit import Action
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.staff import id_of, promote, staff

EVENTS = """
query Events($first: Int, $after: String, $last: Int, $before: String, $action: String, $user: ID) {
  auditEvents(first: $first, after: $after, last: $last, before: $before, action: $action, userId: $user) {
    totalCount
    edges { cursor node { id action subject ip at data actor { id email } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
MINE = """
query($first: Int, $after: String) {
  me {
    auditEvents(first: $first, after: $after) {
      totalCount
      edges { node { id action subject ip at data actor { id email } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
NODE = "query($id: ID!) { node(id: $id) { __typename ... on AuditEvent { action ip actor { email } } } }"
EXTEND = """
mutation($user: ID!) { extendTrial(userId: $user, days: 3, reason: " a slow start ") { __typename } }
"""
SUSPEND = 'mutation($user: ID!) { suspendUser(userId: $user, reason: "farming") { __typename } }'
RESTORE = "mutation($user: ID!) { restoreUser(userId: $user) { id } }"


async def sign_in(porchlight: Porchlight, person: Person) -> Person:
    given = {"input": {"email": person.email, "password": PASSWORD}}
    tokens = (await porchlight.ask(LOGIN, given))["login"]["tokens"]
    return Person(person.email, person.user_id, tokens["accessToken"], tokens["refreshToken"], person.registered)


async def events(porchlight: Porchlight, reader: Person, **variables: Any) -> list[dict[str, Any]]:
    found = (await porchlight.ask(EVENTS, variables, token=reader.access_token))["auditEvents"]
    return [edge["node"] for edge in found["edges"]]


async def mine(porchlight: Porchlight, reader: Person) -> list[dict[str, Any]]:
    found = (await porchlight.ask(MINE, token=reader.access_token))["me"]["auditEvents"]
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"] for edge in found["edges"]]


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        (None, ["UNAUTHENTICATED"]),
        (Role.USER, ["FORBIDDEN"]),
        (Role.ANALYST, ["FORBIDDEN"]),
        (Role.SUPPORT, ["FORBIDDEN"]),
        (Role.ADMIN, []),
    ],
)
async def test_the_log_is_for_administrators(porchlight: Porchlight, role: Role | None, codes: list[str]) -> None:
    """And for nobody else."""
    person = await staff(porchlight, role or Role.USER)
    answer = (await porchlight.post(EVENTS, token=person.access_token if role else None)).json()
    assert [error["extensions"]["code"] for error in answer.get("errors", [])] == codes
    assert (answer["data"]["auditEvents"] is None) is bool(codes)


async def test_the_log_asks_for_a_second_factor_wherever_it_is_read(porchlight: Porchlight) -> None:
    """By its own field, through a user and by an event's id: an administrator's password alone opens none of them."""
    ada, admin = await porchlight.register(), await staff(porchlight, Role.ADMIN)
    with porchlight.app.database.bound():
        await Session.filter(user_id=admin.user_id).update(assurance=1, factor_at=None)
        event = await AuditEvent.get(user_id=ada.user_id)
    assert await porchlight.codes(EVENTS, token=admin.access_token) == ["STEP_UP_REQUIRED"]
    through = "query($id: ID!) { node(id: $id) { ... on User { auditEvents { totalCount } } } }"
    assert await porchlight.codes(through, {"id": id_of(ada)}, token=admin.access_token) == ["STEP_UP_REQUIRED"]
    by_id = {"id": encode_id("AuditEvent", event.id)}
    assert await porchlight.ask(NODE, by_id, token=admin.access_token) == {"node": None}
    await promote(porchlight, admin, Role.ADMIN)
    assert await porchlight.codes(through, {"id": id_of(ada)}, token=admin.access_token) == []
    found = await porchlight.ask(NODE, by_id, token=admin.access_token)
    assert found["node"] == {
        "__typename": "AuditEvent",
        "action": "account.registered",
        "ip": "127.0.0.1",
        "actor": {"email": ada.email},
    }


async def test_events_are_found_by_kind_and_account(porchlight: Porchlight) -> None:
    """The newest first. Four queries and three of assurance, however many events and actors there are."""
    ada, bob = await porchlight.register(), await porchlight.register("bob@example.com")
    admin = await staff(porchlight, Role.ADMIN)
    await sign_in(porchlight, ada)
    with porchlight.counting_queries() as statements:
        found = await events(porchlight, admin)
    assert len(statements) == 7, statements
    assert [(event["action"], event["actor"]["email"]) for event in found] == [
        ("device.added", ada.email),
        ("account.signed_in", ada.email),
        ("account.registered", admin.email),
        ("account.registered", bob.email),
        ("account.registered", ada.email),
    ]
    assert [event["actor"]["email"] for event in await events(porchlight, admin, user=id_of(bob))] == [bob.email]
    assert len(await events(porchlight, admin, action="account.registered")) == 3
    assert await events(porchlight, admin, action="account.signed_in", user=id_of(bob)) == []
    assert await events(porchlight, admin, user=encode_id("User", 999)) == []
    assert found[0]["at"] == "2026-03-02T09:00:00+00:00"
    assert found[1]["data"] == {"methods": ["pwd"]}


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"action": "account.unheard_of"}, "BAD_USER_INPUT"),
        ({"action": ""}, "BAD_USER_INPUT"),
        ({"action": "a\0"}, "BAD_USER_INPUT"),
        ({"user": "x"}, "NOT_FOUND"),
        ({"user": encode_id("Trial", 1)}, "NOT_FOUND"),
        ({"first": 101}, "BAD_USER_INPUT"),
        ({"after": "x"}, "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_asked_is_refused(porchlight: Porchlight, variables: dict[str, Any], code: str) -> None:
    """By a code."""
    admin = await staff(porchlight, Role.ADMIN)
    assert await porchlight.codes(EVENTS, variables, token=admin.access_token) == [code]


async def test_pages_of_the_log_go_both_ways(porchlight: Porchlight) -> None:
    """Each page says what lies beyond."""
    admin = await staff(porchlight, Role.ADMIN)
    for name in "abcd":
        await porchlight.register(f"{name}@example.com")

    async def page(**variables: Any) -> tuple[list[str], dict[str, Any]]:
        found = (await porchlight.ask(EVENTS, variables, token=admin.access_token))["auditEvents"]
        assert found["totalCount"] == 5
        return [edge["node"]["actor"]["email"][0] for edge in found["edges"]], found["pageInfo"]

    first, info = await page(first=2)
    assert (first, info["hasNextPage"], info["hasPreviousPage"]) == (["d", "c"], True, False)
    second, info = await page(first=2, after=info["endCursor"])
    assert second == ["b", "a"]
    assert (await page(last=2, before=info["startCursor"]))[0] == ["d", "c"]
    assert (await page(last=2))[0] == ["a", "a"]


async def test_each_user_reads_what_happened_to_them(porchlight: Porchlight) -> None:
    """Their own events and no others; nobody reads without having signed in."""
    ada, bob = await porchlight.register(), await porchlight.register("bob@example.com")
    with porchlight.counting_queries() as statements:
        [event] = await mine(porchlight, ada)
    assert len(statements) == 4, statements
    assert event["actor"] == {"id": id_of(ada), "email": ada.email}
    assert (event["action"], event["ip"], event["data"]) == ("account.registered", "127.0.0.1", {})
    node = {"id": event["id"]}
    assert (await porchlight.ask(NODE, node, token=ada.access_token))["node"]["action"] == "account.registered"
    for token in (None, bob.access_token):
        assert await porchlight.ask(NODE, node, token=token) == {"node": None}
    for wrong in (encode_id("AuditEvent", 999), encode_id("AuditEvent", "x")):
        assert await porchlight.ask(NODE, {"id": wrong}, token=ada.access_token) == {"node": None}


async def test_who_on_the_staff_did_it_is_not_told_to_users(porchlight: Porchlight) -> None:
    """That it happened, when and why is; neither name nor network of who did it. The staff see both."""
    ada, support = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    for act in (EXTEND, SUSPEND, RESTORE):
        assert await porchlight.codes(act, {"user": id_of(ada)}, token=support.access_token) == []
    ada = await sign_in(porchlight, ada)
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=ada.user_id)
    restored, suspended, extended = (await mine(porchlight, ada))[2:5]
    for event in (restored, suspended, extended):
        assert (event["actor"], event["ip"]) == (None, None)
    assert (suspended["action"], suspended["data"]) == ("account.suspended", {"reason": "farming"})
    assert (extended["action"], extended["data"], extended["subject"]) == (
        "trial.extended",
        {"days": 3, "reason": "a slow start"},
        f"Trial:{trial.id}",
    )
    admin = await staff(porchlight, Role.ADMIN)
    [event] = await events(porchlight, admin, action="trial.extended")
    assert (event["actor"]["email"], event["ip"]) == (support.email, "127.0.0.1")


async def test_what_nobody_who_had_signed_in_did_shows_its_network(porchlight: Porchlight) -> None:
    """A failed sign-in has no actor; from where it came is what its owner wants to know. A gone actor is null."""
    from services.sessions import Client

    ada, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        await audit.record(app, Action.SIGN_IN_FAILED, user_id=ada.user_id, client=Client(ip="203.0.113.9"))
    failed = (await mine(porchlight, ada))[0]
    assert (failed["actor"], failed["ip"]) == (None, "203.0.113.9")
    admin = await staff(porchlight, Role.ADMIN)
    with app.database.bound():
        await AuditEvent.filter(action=Action.SIGN_IN_FAILED).update(actor_id=999_999)
    [event] = await events(porchlight, admin, action="account.sign_in_failed")
    assert (event["actor"], event["ip"]) == (None, "203.0.113.9")


async def test_an_extension_that_is_refused_is_not_written_down(porchlight: Porchlight) -> None:
    """The event stands in the transaction of what it tells."""
    ada, support = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    with porchlight.app.database.bound():
        await Trial.all().update(canceled_at=porchlight.clock.now())
    assert await porchlight.codes(EXTEND, {"user": id_of(ada)}, token=support.access_token) == []
    with porchlight.app.database.bound():
        assert not await AuditEvent.filter(action=Action.TRIAL_EXTENDED).exists()
