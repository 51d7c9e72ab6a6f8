"""Finding accounts, and what others see of one."""

from typing import Any

import pytest

from core.cursors import encode_cursor
from models import Role, User
from tests.porchlight import Porchlight
from tests.staff import id_of, staff

USERS = """
query Users($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  users(first: $first, after: $after, last: $last, before: $before, search: $search) {
    totalCount
    edges { cursor node { id databaseId email name role emailVerified createdAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
NODE = """
query($id: ID!) { node(id: $id) { id ... on User { email name role emailVerified createdAt databaseId } } }
"""


async def users(door: Porchlight, token: str, **variables: Any) -> dict[str, Any]:
    """The connection."""
    found: dict[str, Any] = (await door.ask(USERS, variables, token=token))["users"]
    return found


def names(connection: dict[str, Any]) -> list[str]:
    """The users' addresses, without the host."""
    return [edge["node"]["email"].partition("@")[0] for edge in connection["edges"]]


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        (None, ["UNAUTHENTICATED"]),
        (Role.USER, ["FORBIDDEN"]),
        (Role.ANALYST, ["FORBIDDEN"]),
        (Role.SUPPORT, []),
        (Role.ADMIN, []),
    ],
)
async def test_accounts_are_listed_for_support(porchlight: Porchlight, role: Role | None, codes: list[str]) -> None:
    """And for administrators, and for nobody else."""
    person = await staff(porchlight, role or Role.USER)
    answer = (await porchlight.post(USERS, token=person.access_token if role else None)).json()
    assert [error["extensions"]["code"] for error in answer.get("errors", [])] == codes
    assert (answer["data"]["users"] is None) is bool(codes)


async def test_pages_go_both_ways(porchlight: Porchlight) -> None:
    """The newest first; each page says what lies beyond, and how many there are in all. Three queries a page."""
    token = (await staff(porchlight, Role.SUPPORT)).access_token
    for name in "abcde":
        await porchlight.register(f"{name}@example.com")
    with porchlight.counting_queries() as statements:
        page = await users(porchlight, token, first=2)
    assert len(statements) == 3, statements
    assert (names(page), page["totalCount"]) == (["e", "d"], 6)
    assert page["pageInfo"]["hasNextPage"]
    assert not page["pageInfo"]["hasPreviousPage"]
    page = await users(porchlight, token, first=2, after=page["pageInfo"]["endCursor"])
    assert names(page) == ["c", "b"]
    back = await users(porchlight, token, last=2, before=page["pageInfo"]["startCursor"])
    assert (names(back), back["pageInfo"]["hasPreviousPage"], back["pageInfo"]["hasNextPage"]) == (
        ["e", "d"],
        False,
        True,
    )
    page = await users(porchlight, token, first=2, after=page["pageInfo"]["endCursor"])
    assert (names(page), page["pageInfo"]["hasNextPage"]) == (["a", "support"], False)
    assert names(await users(porchlight, token, last=1)) == ["support"]
    assert names(await users(porchlight, token)) == ["e", "d", "c", "b", "a", "support"]


async def test_a_page_stands_still_while_others_register(porchlight: Porchlight) -> None:
    """The next page begins where the last one ended, whoever came in between."""
    token = (await staff(porchlight, Role.SUPPORT)).access_token
    for name in "abc":
        await porchlight.register(f"{name}@example.com")
    page = await users(porchlight, token, first=2)
    await porchlight.register("d@example.com")
    assert names(await users(porchlight, token, first=2, after=page["pageInfo"]["endCursor"])) == ["a", "support"]


@pytest.mark.parametrize(
    "variables",
    [
        {"first": 0},
        {"first": 101},
        {"last": -1},
        {"first": 1, "last": 1},
        {"after": "nonsense"},
        {"before": encode_cursor((1, 2)) + "x"},
        {"search": "x" * 101},
        {"search": "a\0b"},
    ],
)
async def test_what_is_no_page_is_refused(porchlight: Porchlight, variables: dict[str, Any]) -> None:
    """By a code, not by the database."""
    support = await staff(porchlight, Role.SUPPORT)
    assert await porchlight.codes(USERS, variables, token=support.access_token) == ["BAD_USER_INPUT"]


async def test_half_a_character_is_refused(porchlight: Porchlight) -> None:
    """JSON can spell it, and no database can keep it."""
    support = await staff(porchlight, Role.SUPPORT)
    body = rb'{"query": "query($s: String) { users(search: $s) { totalCount } }", "variables": {"s": "\ud800"}}'
    headers = {"Authorization": f"Bearer {support.access_token}", "Content-Type": "application/json"}
    answer = (await porchlight.http.post("/graphql", content=body, headers=headers)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ada", ["ada"]),
        ("  ADA ", ["ada"]),
        ("lovelace", ["ada"]),
        ("LOVE", ["ada"]),
        ("@example", ["support", "ada", "strasse", "percent_", "under.score"]),
        ("ada@EXAMPLE.com", ["ada"]),
        ("strasse", ["strasse"]),
        ("STRAẞE", ["strasse"]),
        ("ßE", ["strasse"]),
        ("ｇｒａｃｅ", ["percent_"]),
        ("МАРИЯ", ["under.score"]),
        ("käthe@MÜNCHEN.example", ["käthe"]),
        ("käthe", ["käthe"]),
        ("%", []),
        ("_", ["percent_"]),
        ("a_a", []),
        ("\\", []),
        ("'; --", []),
        ("nobody", []),
        ("", ["support", "ada", "strasse", "percent_", "under.score", "käthe"]),
    ],
)
async def test_accounts_are_found_by_address_and_name(porchlight: Porchlight, search: str, found: list[str]) -> None:
    """Any part of either, in any case and script; wildcards are plain characters."""
    token = (await staff(porchlight, Role.SUPPORT)).access_token
    people = {
        "ada@example.com": "Ada Lovelace",
        "strasse@example.com": "Karl Straße",
        "percent_@example.com": "Grace Hopper",
        "under.score@example.com": "Мария Петрова",
        "käthe@münchen.example": None,
    }
    for email, name in people.items():
        await porchlight.register(email, name=name)
    page = await users(porchlight, token, search=search)
    assert (sorted(names(page)), page["totalCount"]) == (sorted(found), len(found))


async def test_accounts_of_before_names_were_searched_are_found_by_address(porchlight: Porchlight) -> None:
    """Their rows hold no key of the name; registering gives one."""
    token = (await staff(porchlight, Role.SUPPORT)).access_token
    await porchlight.register("old@example.com", name="Grace")
    with porchlight.app.database.bound():
        await User.filter(email="old@example.com").update(name_key=None)
    assert names(await users(porchlight, token, search="grace")) == []
    assert names(await users(porchlight, token, search="old")) == ["old"]


async def test_support_sees_a_user_by_id_and_others_do_not(porchlight: Porchlight) -> None:
    """What the contract lets who may see a user see; for everybody else the id is that of nobody."""
    ada, eve = await porchlight.register(name="Ada"), await porchlight.register("eve@example.com")
    support = await staff(porchlight, Role.SUPPORT)
    analyst = await staff(porchlight, Role.ANALYST)
    for token in (None, eve.access_token, analyst.access_token):
        assert await porchlight.ask(NODE, {"id": id_of(ada)}, token=token) == {"node": None}
    with porchlight.counting_queries() as statements:
        found = await porchlight.ask(NODE, {"id": id_of(ada)}, token=support.access_token)
    assert len(statements) == 2, statements
    assert found["node"] == ada.registered["user"] | {"id": id_of(ada)}
    assert await porchlight.ask(NODE, {"id": id_of(ada)}, token=ada.access_token) == found


async def test_other_fields_of_another_s_user_are_not_found(porchlight: Porchlight) -> None:
    """Null with a code each, unless the caller's permission covers them: the audit log needs an administrator."""
    ada, support = await porchlight.register(), await staff(porchlight, Role.SUPPORT)
    query = "query($id: ID!) { node(id: $id) { ... on User { email trial { status } auditEvents { totalCount } } } }"
    answer = (await porchlight.post(query, {"id": id_of(ada)}, token=support.access_token)).json()
    assert answer["data"]["node"] == {"email": ada.email, "trial": {"status": "ACTIVE"}, "auditEvents": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["node", "auditEvents"], "NOT_FOUND")
    ]


async def test_users_with_their_trials_are_four_queries(porchlight: Porchlight) -> None:
    """The viewer, the page, the count, and one for all the trials, however many users there are."""
    token = (await staff(porchlight, Role.SUPPORT)).access_token
    for number in range(8):
        await porchlight.register(f"u{number}@example.com")
    with porchlight.counting_queries() as statements:
        await porchlight.ask("{ users(first: 50) { totalCount edges { node { trial { status } } } } }", token=token)
    assert len(statements) == 4, statements
