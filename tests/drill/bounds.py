"""What has to hold whatever is broken: each is tried by strangers of its own, and measured."""

import asyncio
import time
from dataclasses import dataclass

import httpx

from models import Trial, User
from tests.drill.visitors import Visitors
from tests.drill.world import World
from tests.porchlight import NO_TLS, PASSWORD
from tests.services.schemas import opened

REVOKED_WITHIN = 5.0
SIGN_INS = 10
"""That one address may try in a minute."""
LOGIN = """
mutation ($email: String!, $password: String!) {
  login(input: {email: $email, password: $password}) {
    __typename ... on LoginSuccess { tokens { accessToken } }
  }
}
"""


@dataclass(frozen=True)
class Bounds:
    """What was measured while a part was away that processes count together by."""

    while_away: str
    revoked_after: float
    trials: int
    sign_ins: int
    allowed: int

    @property
    def kept(self) -> bool:
        """Whether all of them held."""
        return self.revoked_after <= REVOKED_WITHIN and self.trials == 1 and SIGN_INS <= self.sign_ins <= self.allowed


async def measured(world: World, visitors: Visitors, while_away: str) -> Bounds:
    """All of them at once."""
    revoked, trials, sign_ins = await asyncio.gather(
        _revoked_after(world, visitors), _trials(world, visitors, while_away), _sign_ins(visitors)
    )
    return Bounds(while_away, revoked, trials, sign_ins, SIGN_INS * len(world.servers))


async def _revoked_after(world: World, visitors: Visitors) -> float:
    """Seconds from the answer that a session has ended to the last question of it that any server still answers."""
    address = f"revoked-{time.monotonic_ns()}@mailbox.example.org"
    _, token = await visitors.sign_up(address)
    async with visitors.client() as http:
        data = await visitors.until_answered("sign-in", http, LOGIN, {"email": address, "password": PASSWORD})
        other = data["login"]["tokens"]["accessToken"]
    assert all([await _knows(server.program.url, other) for server in world.servers])
    async with visitors.client(token) as http:
        await visitors.until_answered("revocation", http, "mutation { revokeOtherSessions }", {})
    ended = last_known = time.monotonic()
    known = True
    while known:
        asked = time.monotonic()
        known = any([await _knows(server.program.url, other) for server in world.servers])
        last_known = asked if known else last_known
    return last_known - ended


async def _knows(url: str, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, verify=NO_TLS) as http:
        answer = (await http.post("/graphql", json={"query": "{ me { email } }"})).json()
    return bool((answer.get("data") or {}).get("me"))


async def _trials(world: World, visitors: Visitors, while_away: str) -> int:
    """How many trials one person gets who signs up three times at once, by three spellings of one address."""
    name = f"one{while_away.lower().replace(' ', '')}person"
    spellings = [f"{name}@gmail.com", f"{name[:3]}.{name[3:]}@gmail.com", f"{name}+trial@googlemail.com"]
    await asyncio.gather(*(visitors.try_to_sign_up(address) for address in spellings))
    async with opened(world.database_url) as database:
        with database.bound():
            users = await User.filter(email__in=spellings).values_list("id", flat=True)
            return await Trial.filter(user_id__in=list(users)).count()


async def _sign_ins(visitors: Visitors) -> int:
    """How many of thirty tries to sign in from one address are looked at."""
    who = {"email": "nobody@mailbox.example.org", "password": PASSWORD}
    async with visitors.client() as http:
        tries = [await http.post("/graphql", json={"query": LOGIN, "variables": who}) for _ in range(30)]
    return sum(bool((answer.json().get("data") or {}).get("login")) for answer in tries)
