"""Objects by their global id: one's own, those of others, and what is no id at all."""

from typing import Any

import pytest

from core.cursors import encode_id
from models import Trial, User
from models.accounts import Role
from tests.porchlight import Porchlight

NODE = """query($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on User { email trial { id } }
    ... on Trial { status secondsLeft plan { id key } }
    ... on Plan { key price { amount currency } }
  }
}"""


async def node(porchlight: Porchlight, global_id: Any, token: str | None = None) -> Any:
    """What stands behind an id, without an error."""
    return (await porchlight.ask(NODE, {"id": global_id}, token=token))["node"]


async def test_the_viewer_finds_user_and_trial(porchlight: Porchlight) -> None:
    """By the ids that the API itself gave."""
    person = await porchlight.register()
    user, trial = person.registered["user"], person.registered["trial"]
    assert await node(porchlight, user["id"], person.access_token) == {
        "__typename": "User",
        "id": user["id"],
        "email": person.email,
        "trial": {"id": trial["id"]},
    }
    found = await node(porchlight, trial["id"], person.access_token)
    assert found.pop("plan")["key"] == "pro-monthly"
    assert found == {"__typename": "Trial", "id": trial["id"], "status": "ACTIVE", "secondsLeft": 1_209_600}


async def test_plans_are_everybody_s(porchlight: Porchlight) -> None:
    """Each of the catalogue, in its default currency."""
    plans = (await porchlight.ask("{ plans { id key price { amount currency } } }"))["plans"]
    for plan in plans:
        assert await node(porchlight, plan["id"]) == {"__typename": "Plan", **plan}
    prices = await porchlight.ask(
        '{ plans { eur: price(currency: "eur") { currency } none: price(currency: "ZZZ") { amount } } }'
    )
    assert prices["plans"][-1] == {"eur": {"currency": "EUR"}, "none": None}


async def test_what_is_somebody_else_s_is_null(porchlight: Porchlight) -> None:
    """As if it were not there, for others and for nobody; only support sees trials."""
    ada, eve = await porchlight.register(), await porchlight.register("eve@example.com")
    ids = [ada.registered["user"]["id"], ada.registered["trial"]["id"]]
    assert [await node(porchlight, it, eve.access_token) for it in ids] == [None, None]
    assert [await node(porchlight, it) for it in ids] == [None, None]
    with porchlight.app.database.bound():
        await User.filter(id=eve.user_id).update(role=Role.SUPPORT)
    assert (await node(porchlight, ids[1], eve.access_token))["id"] == ids[1]


async def test_what_is_no_id_is_null(porchlight: Porchlight) -> None:
    """Unknown, malformed, of another kind or without end: null without an error, and nothing of the parser's text."""
    person = await porchlight.register()
    user = person.registered["user"]["id"]
    with porchlight.app.database.bound():
        trial = (await Trial.get()).id
    wrong = [
        "", " ", "x", "=", "====", "garbage", "ä", "\u0000", "😀", user + "=", user + "A", user[:-1],
        user.swapcase(), f" {user}",
        "VXNlcjo", "OjE", "Og", 1, 0, "-1", "1",
        *(encode_id("User", key) for key in (0, -1, 2**31, 2**63, 10**30, "01", "1 ", "1.0", "٣", "1;DROP", "")),
        *(encode_id(kind, person.user_id) for kind in ("user", "Users", "Query", "__Type", "")),
        *(encode_id(kind, key) for kind in ("Session", "Device") for key in (2**31 - 1, "x")),
        encode_id("Trial", trial + 1), encode_id("Trial", "x"), encode_id("Plan", "nothing"), encode_id("Plan", "../x"),
        encode_id("User", "1" * 5_000), "A" * 100_000,
    ]  # fmt: skip
    for start_at in range(0, len(wrong), 30):
        variables = {f"a{number}": it for number, it in enumerate(wrong[start_at : start_at + 30])}
        fields = " ".join(f"{name}: node(id: ${name}) {{ id }}" for name in variables)
        document = f"query({' '.join(f'${name}: ID!' for name in variables)}) {{ {fields} }}"
        assert await porchlight.ask(document, variables, token=person.access_token) == dict.fromkeys(variables)
    no_ids: list[Any] = [None, 1.5, True, [], {}]
    for global_id in no_ids:
        assert await porchlight.codes(NODE, {"id": global_id}, token=person.access_token) == ["BAD_USER_INPUT"]


async def test_only_a_known_type_asks_the_database(porchlight: Porchlight) -> None:
    """Guessing ids costs one query at most."""
    person = await porchlight.register()
    for global_id, shapes in (
        ("x", 0),
        (encode_id("User", 7), 0),
        (encode_id("Plan", "x"), 0),
        (encode_id("Trial", 7), 1),
    ):
        with porchlight.counting_queries() as statements:
            assert await node(porchlight, global_id, person.access_token) is None
        assert len([statement for statement in statements if "sessions" not in statement]) == shapes


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_page_of_ids_is_one_query(porchlight: Porchlight) -> None:
    """Trials are loaded together."""
    person = await porchlight.register()
    trial = person.registered["trial"]["id"]
    fields = " ".join(f'a{number}: node(id: "{trial}") {{ id }}' for number in range(30))
    with porchlight.counting_queries() as statements:
        data = await porchlight.ask(f"{{ {fields} }}", token=person.access_token)
    assert data == {f"a{number}": {"id": trial} for number in range(30)}
    assert len([statement for statement in statements if '"trials"' in statement]) == 1
