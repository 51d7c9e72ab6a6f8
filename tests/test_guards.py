"""The guards: what the schema prints is what is enforced, in the order in which it is read."""

import asyncio
import re
from typing import Any

import pytest
import strawberry
from starlette.requests import HTTPConnection
from strawberry.types.base import get_object_definition

from adapters.limits import RedisLimits
from core.errors import Forbidden, RateLimited
from core.networks import network_of
from core.setting_values import networks
from models import Trial, User
from models.accounts import Role
from resolvers.root import Mutation, Query, Subscription, UnguardedFieldError, require_guards
from resolvers.schema_file import printed_schema
from schema.context import Context
from schema.directives import Auth, Entitled, Flag, Public, PublicDirective, RateLimit, RateLimitKey, guards
from schema.guarding import Guard
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Person, Porchlight
from tests.services.valkey import RestartableValkey
from tests.staff import promote
from web.client import client_of

WRONG = {"input": {"email": "ada@example.com", "password": "not the right one"}}
EXTEND = """mutation($user: ID!) {
  extendTrial(userId: $user, days: 7, reason: "asked for it") {
    ... on ExtendTrialSuccess { trial { secondsLeft } }
  }
}"""


field: Any = strawberry.field


class Ordered(Guard):
    """Writes its name down when it is asked."""

    asked: list[str]

    def __init__(self, name: str, asked: list[str]) -> None:
        self.name = name
        self.asked = asked

    def directive(self) -> object:
        return PublicDirective()

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.asked.append(self.name)
        if self.name == "refuses":
            raise Forbidden


async def test_guards_are_asked_in_the_order_in_which_they_are_read() -> None:
    """The first one first; one that refuses is the last to be asked."""
    asked: list[str] = []
    first, second, third = (Ordered(name, asked) for name in ("first", "second", "third"))

    async def answer() -> str | None:
        await asyncio.sleep(0)
        asked.append("resolver")
        return "x"

    @strawberry.type
    class Root:
        passes: str | None = field(answer, extensions=guards(first, second, third))
        fails: str | None = field(answer, extensions=guards(first, Ordered("refuses", asked), third))

    schema = strawberry.Schema(Root)
    await schema.execute("query { passes }")
    assert asked == ["first", "second", "third", "resolver"]
    asked.clear()
    await schema.execute("query { fails }")
    assert asked == ["first", "refuses"]


def test_a_root_field_without_a_guard_does_not_build() -> None:
    """A limit alone does not say who may call."""

    async def answer() -> str:
        await asyncio.sleep(0)
        return "x"

    @strawberry.type
    class Open:
        anything: str = field(answer)

    @strawberry.type
    class Limited:
        anything: str = field(answer, extensions=guards(RateLimit(max=1, window=1)))

    @strawberry.type
    class Inheriting(Open):
        other: str = field(answer, extensions=guards(Public()))

    for root in (Open, Limited, Inheriting):
        with pytest.raises(UnguardedFieldError, match=r"anything: say @public or @auth"):
            require_guards(root)


def test_the_printed_schema_carries_exactly_what_is_enforced() -> None:
    """Each root field's directives are its guards, in the same order with the same arguments."""
    printed = printed_schema()
    for root in (Query, Mutation, Subscription):
        body = re.search(rf"^type {root.__name__} {{\n(.*?)^}}", printed, re.MULTILINE | re.DOTALL)
        assert body is not None
        for item in get_object_definition(root, strict=True).fields:
            name = re.sub(r"_(\w)", lambda match: match[1].upper(), item.python_name)
            line = re.search(rf"^  (?:{name}\(.*?\)|{name}): [^\n@]*(.*?)$", body[1], re.MULTILINE | re.DOTALL)
            assert line is not None, name
            enforced = [said_by(guard) for guard in reversed(item.extensions)]
            assert line[1].strip() == " ".join(enforced), name


def said_by(guard: Any) -> str:
    match guard:
        case Public():
            return "@public"
        case Auth():
            age = f", maxAge: {guard.max_age}" if guard.max_age is not None else ""
            return f"@auth(requires: {guard.requires.name}, assurance: {guard.assurance}{age})"
        case Entitled():
            return f'@entitled(to: "{guard.to}")'
        case Flag():
            return f'@flag(key: "{guard.key}")'
        case RateLimit():
            return f"@rateLimit(max: {guard.max}, window: {guard.window}, by: {guard.by.name})"
    raise AssertionError(guard)


def test_a_guard_says_what_it_prints_and_checks() -> None:
    """The bare one does neither: a subclass that forgets cannot be made."""
    with pytest.raises(TypeError, match="abstract"):
        Guard()  # type: ignore[abstract]


# ── roles ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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
async def test_roles_open_what_they_say(porchlight: Porchlight, role: Role | None, codes: list[str]) -> None:
    """Support and administrators extend trials; a refusal changes nothing. A new role counts at the next request."""
    person = await porchlight.register()
    if role is not None:
        await promote(porchlight, person, role)
    token = person.access_token if role else None
    variables = {"user": person.registered["user"]["id"]}
    assert await porchlight.codes(EXTEND, variables, token=token) == codes
    with porchlight.app.database.bound():
        assert (await Trial.get()).version == (1 if codes else 2)


async def test_a_role_that_is_taken_away_is_gone_on_an_open_socket(porchlight: Porchlight) -> None:
    """Each operation sees the viewer as they are now: what the socket began with the other role ends with it."""
    person = await porchlight.register()
    await promote(porchlight, person, Role.SUPPORT)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(EXTEND, user=person.registered["user"]["id"])
        assert (await connection.next()).keys() == {"data"}
        await connection.receive()
        with porchlight.app.database.bound():
            await User.all().update(role=Role.USER)
        await connection.subscribe(EXTEND, user=person.registered["user"]["id"])
        assert await connection.closed() == (4403, "The role has changed")
    codes = await porchlight.codes(EXTEND, {"user": person.registered["user"]["id"]}, token=person.access_token)
    assert codes == ["FORBIDDEN"]


async def test_who_may_is_asked_before_how_often(porchlight: Porchlight) -> None:
    """A hundred refusals for want of a role use up nobody's limit."""
    person = await porchlight.register()
    variables = {"user": person.registered["user"]["id"]}
    calls = " ".join(
        f'a{number}: extendTrial(userId: "x", days: 1, reason: "x") {{ __typename }}' for number in range(30)
    )
    for _ in range(3):
        assert await porchlight.codes(f"mutation {{ {calls} }}") == ["UNAUTHENTICATED"] * 30
    await promote(porchlight, person, Role.ADMIN)
    assert await porchlight.codes(EXTEND, variables, token=person.access_token) == []


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("203.0.113.250", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        (None, "unknown"),
    ],
)
def test_addresses_are_counted_by_network(ip: str | None, network: str) -> None:
    """A household and a rented /64 are one."""
    assert network_of(ip) == network


def connection(peer: str | None, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in forwarded]
    return HTTPConnection({"type": "http", "headers": headers, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.9", ["203.0.113.7"], "198.51.100.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["127.0.0.1, 6.6.6.6, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("127.0.0.1", ["203.0.113.7, garbage"], "127.0.0.1"),
        ("127.0.0.1", ["garbage, 10.0.0.2"], "10.0.0.2"),
        ("127.0.0.1", ["' OR 1=1 --"], "127.0.0.1"),
        ("127.0.0.1", [", ,"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7:1234"], "127.0.0.1"),
        ("127.0.0.1", ["6.6.6.6, " * 10_000 + "203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6," + "10.0.0.1," * 10_000], "10.0.0.1"),
        ("127.0.0.1", ["2001:DB8::0001"], "2001:db8::1"),
        ("127.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("::ffff:198.51.100.9", ["203.0.113.7"], "198.51.100.9"),
        ("127.0.0.1", ["fe80::1%" + "x" * 500], "fe80::1"),
        ("fe80::1%eth0", ["203.0.113.7"], "fe80::1"),
        ("no address", ["203.0.113.7"], None),
        (None, ["203.0.113.7"], None),
    ],
)
def test_forwarding_headers_are_believed_from_trusted_proxies_alone(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    """The last hop that no trusted proxy has, in one spelling; what a client puts in front of it counts nothing."""
    trusted = networks("127.0.0.0/8, 10.0.0.0/8")
    assert client_of(connection(peer, *forwarded), trusted).ip == expected


async def tries(porchlight: Porchlight, count: int, *, of: str = LOGIN, given: Any = None, **headers: str) -> list[str]:
    """What each of so many tries got: a type's name or a code."""
    found = []
    for _ in range(count):
        answer = (
            await porchlight.http.post("/graphql", json={"query": of, "variables": given or WRONG}, headers=headers)
        ).json()
        if "errors" in answer:
            found.append(answer["errors"][0]["extensions"]["code"])
        else:
            found.append(next(iter(answer["data"].values()))["__typename"])
    return found


async def test_sign_ins_are_counted_by_network_whoever_asks(start: Start) -> None:
    """Ten a minute: neither neighbours nor accounts of one's own, signed in before or meanwhile, buy an eleventh."""
    porchlight = await start(trusted_proxies=networks("127.0.0.0/8"))
    person = await porchlight.register()
    here, elsewhere = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "198.51.100.7"}
    neighbour = {"X-Forwarded-For": "203.0.113.8"}

    def given(number: int) -> dict[str, Any]:
        return {"input": {"email": f"nobody{number}@example.com", "password": "not the right one"}}

    own = {"input": {"email": person.email, "password": PASSWORD}}
    assert await tries(porchlight, 1, given=own, **here) == ["LoginSuccess"]
    assert await tries(porchlight, 9, given=given(0), **here) == ["InvalidCredentials"] * 9
    for headers in (here, neighbour, {**here, "Authorization": f"Bearer {person.access_token}"}):
        assert await tries(porchlight, 1, given=given(1), **headers) == ["RATE_LIMITED"]
    assert await tries(porchlight, 1, given=given(1), **elsewhere) == ["InvalidCredentials"]


async def test_headers_of_strangers_move_nobody_elsewhere(porchlight: Porchlight) -> None:
    """Without a trusted proxy every forwarded address is noise."""
    found: list[str] = []
    for number in range(11):
        found += await tries(porchlight, 1, **{"X-Forwarded-For": f"10.{number}.0.1", "X-Real-IP": f"10.{number}.0.1"})
    assert found == ["InvalidCredentials"] * 10 + ["RATE_LIMITED"]


async def test_a_refusal_says_when_to_come_again(porchlight: Porchlight) -> None:
    """Whole seconds, within the window; a client that waits that long gets through, for refused tries do not count."""
    await tries(porchlight, 10)
    answer = (await porchlight.post(LOGIN, WRONG)).json()
    assert answer["data"] == {"login": None}
    (error,) = answer["errors"]
    assert (error["message"], error["path"], error["extensions"]["code"]) == (
        "Too many requests.",
        ["login"],
        "RATE_LIMITED",
    )
    assert error["extensions"]["retryAfter"] in range(50, 61)


async def test_rest_shares_the_counts_of_graphql(porchlight: Porchlight) -> None:
    """Twenty registrations a minute from one network, whichever way they come."""
    bad = {"input": {"email": "no address", "password": PASSWORD}}
    assert await tries(porchlight, 19, of=REGISTER, given=bad) == ["InvalidEmail"] * 19
    body = {"email": "no address", "password": PASSWORD}
    assert (await porchlight.http.post("/auth/register", json=body)).status_code == 422
    refused = await porchlight.http.post("/auth/register", json=body)
    assert (refused.status_code, refused.json()["code"]) == (429, "RateLimited")
    assert await tries(porchlight, 1, of=REGISTER, given=bad) == ["RATE_LIMITED"]


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_limits_can_be_off(start: Start) -> None:
    """For load and conformance runs: who may is still asked."""
    porchlight = await start(rate_limits=False)
    assert await tries(porchlight, 25) == ["InvalidCredentials"] * 25
    assert await porchlight.codes("mutation { logout }") == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_limits_hold_in_memory_while_redis_is_lost(start: Start, restartable_valkey: RestartableValkey) -> None:
    """Each process then counts alone, and knows what passed before: ten a minute in all."""
    porchlight = await start(redis_url=restartable_valkey.url)
    assert await tries(porchlight, 3) == ["InvalidCredentials"] * 3
    await restartable_valkey.kill()
    assert await tries(porchlight, 8) == ["InvalidCredentials"] * 7 + ["RATE_LIMITED"]
    assert isinstance(porchlight.app.limits, RedisLimits)
    assert porchlight.app.limits.degraded


@pytest.mark.parametrize("by", list(RateLimitKey))
async def test_each_key_counts_what_it_names(porchlight: Porchlight, by: RateLimitKey) -> None:
    """CLIENT and VIEWER by the viewer and else the network, IP by the network, ACCOUNT by the address in the input."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    guard = RateLimit(max=1, window=60, by=by)
    seen: dict[str, bool] = {}
    for name, who, ip, email in (
        ("first", None, "10.0.0.1", "a@example.com"),
        ("same network", None, "10.0.0.2", "b@example.com"),
        ("viewer", ada, "10.0.0.1", "c@example.com"),
        ("viewer elsewhere", ada, "10.0.1.1", "d@example.com"),
        ("other viewer", grace, "10.0.2.1", "e@example.com"),
        ("same account", None, "10.0.3.1", "A@EXAMPLE.com"),
    ):
        seen[name] = await gets_through(porchlight, guard, who, ip, email)
    by_viewer = {"same network": False, "viewer elsewhere": False}
    by_network = {"same network": False, "viewer": False}
    everything = dict.fromkeys(seen, True)
    assert (
        seen
        == everything
        | {
            RateLimitKey.CLIENT: by_viewer,
            RateLimitKey.VIEWER: by_viewer,
            RateLimitKey.IP: by_network,
            RateLimitKey.ACCOUNT: {"same account": False},
        }[by]
    )


async def gets_through(porchlight: Porchlight, guard: RateLimit, who: Person | None, ip: str, email: str) -> bool:
    """Whether a call gets through a guard."""
    scope = connection(ip)
    context = Context(app=porchlight.app, client=client_of(scope, ()))
    if who is not None:
        from services import access

        with porchlight.app.database.bound():
            context.viewer = await access.authenticate(porchlight.app, who.access_token)
    try:
        await guard.check(context, "field", {"email": email})
    except RateLimited:
        return False
    return True
