"""Those who come in while parts break: each asks again, with the same key, until it has been answered."""

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import websockets
from websockets.typing import Subprotocol

from core.clock import SystemClock
from core.cursors import encode_id
from tests.porchlight import PASSWORD
from tests.services.book import event, signed

AGAIN = 0.25
"""Seconds before somebody asks again: what `retryAfter` says is for more of them than we are."""
PATIENCE = 40.0
"""Seconds that a visitor waits for one answer: longer than nginx does."""
GIVEN_UP = 60.0
"""Seconds after which a question that is not answered ends the drill."""
PEOPLE = 8
BETWEEN = 0.3
"""Seconds from an answer to the same person's next question."""
ANSWERED, REFUSED, BROKEN, UNTYPED = "answered", "refused", "cut off", "untyped"
REGISTER = """
mutation ($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on RegisterSuccess { user { databaseId } trial { id } tokens { accessToken } }
  }
}
"""
USE = """
mutation ($key: String!) {
  recordUsage(input: {meter: "api-calls", idempotencyKey: $key}) {
    __typename ... on RecordUsageSuccess { duplicate meter { used } }
  }
}
"""
DO = """
mutation ($key: String!, $item: ID!) {
  recordInteractions(interactions: [{itemId: $item, kind: CLICK, idempotencyKey: $key}]) { accepted duplicates }
}
"""
ME = "{ me { email trial { status secondsLeft } } }"
FEED = "{ me { recommendations(first: 3) { strategy edges { node { id } } } } }"
BUY = """
mutation ($input: StartCheckoutInput!) {
  startCheckout(input: $input) { __typename ... on StartCheckoutSuccess { url } }
}
"""
CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
TICKS = "subscription { trialCountdown(everySeconds: 1) { secondsLeft } }"
USED = "subscription { usageChanged { key used } }"
WEBHOOK = "/webhooks/stripe"


@dataclass(frozen=True)
class Sample:
    """One question: when it was sent, of which kind, what came of it, with a code if there is one, after how long."""

    at: float
    kind: str
    outcome: str
    detail: str
    seconds: float


@dataclass
class Ledger:
    """What visitors were told has happened."""

    usage: dict[int, set[str]] = field(default_factory=dict)
    interactions: dict[int, set[str]] = field(default_factory=dict)
    sign_ups: dict[str, bool] = field(default_factory=dict)
    """By address, whether they were told that their trial has begun."""
    webhooks: set[str] = field(default_factory=set)
    purchases: set[int] = field(default_factory=set)
    """Who was told that they have subscribed."""


class Visitors:
    """All of them, the samples they take, and their ledger."""

    def __init__(self, url: str, trust: ssl.SSLContext) -> None:
        self.url = url
        self.trust = trust
        self.ledger = Ledger()
        self.samples: list[Sample] = []
        self.ticks: list[float] = []
        self.closed: list[tuple[float, int]] = []
        """When the socket ended, and with which code."""
        self.told_used: float = 0
        """What the subscription said last of the first person's usage."""
        self.watched: int | None = None
        self._numbers = itertools.count(1)
        self._leaving = False

    @asynccontextmanager
    async def coming(self) -> AsyncGenerator[None]:
        """They come in for as long as the block lasts, and finish what they have begun."""
        async with asyncio.TaskGroup() as group:
            first = await self.sign_up()
            self.watched = first[0]
            others = [await self.sign_up() for _ in range(PEOPLE - 1)]
            for user_id, token in (first, *others):
                group.create_task(self._use(user_id, token))
            group.create_task(self._arrive())
            group.create_task(self._buy())
            group.create_task(self._notify())
            watching = group.create_task(self._watch(first[1]))
            try:
                yield
            finally:
                self._leaving = True
                watching.cancel()

    def used(self) -> int:
        """What the first person was told to have used."""
        return len(self.ledger.usage.get(self.watched or 0, ()))

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """Somebody's browser, from an address of their own."""
        number = next(self._numbers)
        address = f"127.{1 + number % 250}.{1 + number * 7 % 250}.{1 + number % 199}"
        headers = {
            "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) Gecko/20100101 Firefox/{number}.0",
            "Accept": "application/graphql-response+json",
            "Accept-Language": "en",
            "Accept-Encoding": "gzip",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        transport = httpx.AsyncHTTPTransport(verify=self.trust, local_address=address)
        return httpx.AsyncClient(base_url=self.url, headers=headers, transport=transport, timeout=PATIENCE)

    async def sign_up(self, email: str | None = None) -> tuple[int, str]:
        """Somebody new; their number and token. Both are empty where it was done by a try whose answer was lost."""
        address = email or f"visitor-{next(self._numbers)}@mailbox{next(self._numbers) % 40}.example.org"
        asked = {"input": {"email": address, "password": PASSWORD, "formSeconds": 20}}
        async with self.client() as http:
            data = await self.until_answered("sign-up", http, REGISTER, asked)
        answer = data["register"]
        if answer["__typename"] == "RegisterSuccess":
            self.ledger.sign_ups[address] = answer["trial"] is not None
            return answer["user"]["databaseId"], answer["tokens"]["accessToken"]
        assert answer["__typename"] == "EmailTaken", answer
        self.ledger.sign_ups[address] = False
        return 0, ""

    async def try_to_sign_up(self, address: str) -> None:
        """Somebody new who may be refused: that they were told of a trial is not noted."""
        asked = {"input": {"email": address, "password": PASSWORD, "formSeconds": 20}}
        async with self.client() as http:
            await self.until_answered("sign-up", http, REGISTER, asked)

    async def until_answered(
        self, kind: str, http: httpx.AsyncClient, query: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """The data of an answer: asks until there is one."""
        async with asyncio.timeout(GIVEN_UP):
            while (data := await self.ask(kind, http, query, variables)) is None:  # ruff: ignore[async-busy-wait] -- visitors do
                await asyncio.sleep(AGAIN)
        return data or {}

    async def ask(
        self, kind: str, http: httpx.AsyncClient, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The data of one answer; None where there was none, or a refusal at the top."""

        def judged(answer: httpx.Response) -> tuple[str, str, Any]:
            content = answer.json()
            if "errors" not in content:
                return ANSWERED, "", content["data"]
            codes = {error.get("extensions", {}).get("code") for error in content["errors"]}
            if codes <= {"UNAVAILABLE", "RATE_LIMITED"}:
                return REFUSED, ",".join(sorted(codes)), None
            return UNTYPED, f"{answer.status_code} {codes}", None

        body = {"query": query, "variables": variables}
        data: dict[str, Any] | None = await self._sample(kind, lambda: http.post("/graphql", json=body), judged)
        return data

    async def _sample(
        self, kind: str, send: Callable[[], Any], judged: Callable[[httpx.Response], tuple[str, str, Any]]
    ) -> Any:
        begun = time.monotonic()
        value: Any = None
        try:
            answer = await send()
        except httpx.TransportError as error:
            outcome, detail = BROKEN, type(error).__name__
        else:
            try:
                outcome, detail, value = judged(answer)
            except (ValueError, KeyError, TypeError, AttributeError):
                outcome, detail = UNTYPED, f"{answer.status_code} {answer.text[:80]}"
        self.samples.append(Sample(begun, kind, outcome, detail, time.monotonic() - begun))
        return value

    async def _use(self, user_id: int, token: str) -> None:
        """What one person does, over and over."""
        usage = self.ledger.usage.setdefault(user_id, set())
        interactions = self.ledger.interactions.setdefault(user_id, set())
        async with self.client(token) as http:
            feed = await self.until_answered("feed", http, FEED, {})
            items = [edge["node"]["id"] for edge in feed["me"]["recommendations"]["edges"]]
            while not self._leaving:
                key = f"{user_id}-{next(self._numbers)}"
                used = await self.until_answered("usage", http, USE, {"key": key})
                assert used["recordUsage"]["__typename"] == "RecordUsageSuccess", used
                usage.add(key)
                await asyncio.sleep(BETWEEN)
                await self.until_answered("question", http, ME, {})
                await asyncio.sleep(BETWEEN)
                done = await self.until_answered("interaction", http, DO, {"key": key, "item": items[0]})
                assert sum(done["recordInteractions"].values()) == 1, done
                interactions.add(key)
                await asyncio.sleep(BETWEEN)
                await self.until_answered("feed", http, FEED, {})
                await asyncio.sleep(BETWEEN)

    async def _arrive(self) -> None:
        """Somebody new each second."""
        while not self._leaving:
            await self.sign_up()
            await asyncio.sleep(1)

    async def _buy(self) -> None:
        """Somebody new each four seconds who buys a plan: whoever is not answered sends the form of the page again."""

        def judged(answer: httpx.Response) -> tuple[str, str, Any]:
            if answer.status_code == httpx.codes.SEE_OTHER:
                return ANSWERED, "", True
            code = answer.json()["code"]
            return REFUSED if code == "UNAVAILABLE" else UNTYPED, code, None

        choice = {"planId": encode_id("Plan", "pro-monthly"), "successUrl": self.url, "cancelUrl": self.url}
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        while not self._leaving:
            user_id, token = await self.sign_up()
            if token:
                async with self.client(token) as http:
                    page = await self.until_answered("checkout", http, BUY, {"input": choice})
                    send = partial(http.post, urlsplit(page["startCheckout"]["url"]).path, data=CARD, headers=own)
                    while not await self._sample("purchase", send, judged):  # ruff: ignore[async-busy-wait] -- as others
                        await asyncio.sleep(AGAIN)
                self.ledger.purchases.add(user_id)
            await asyncio.sleep(4)

    async def _notify(self) -> None:
        """Events of the payment provider, each of which is sent until it is taken, and every fourth of them twice."""
        clock = SystemClock()

        def judged(answer: httpx.Response) -> tuple[str, str, Any]:
            if answer.is_success:
                return ANSWERED, "", True
            code = answer.json()["code"]
            return REFUSED if code == "UNAVAILABLE" else UNTYPED, code, None

        async with self.client() as http:
            for number in itertools.count():
                if self._leaving:
                    return
                now = clock.now()
                what = {"id": f"sub_drill_{number}", "object": "subscription", "customer": f"cus_drill_{number}"}
                told = event(
                    "customer.subscription.deleted", what, id=f"evt_drill_{number}", created=int(now.timestamp())
                )
                body = json.dumps(told).encode()
                headers = {"Stripe-Signature": signed(body, now), "Content-Type": "application/json"}
                send = partial(http.post, WEBHOOK, content=body, headers=headers)
                for _ in range(2 if number % 4 == 0 else 1):
                    while not await self._sample("webhook", send, judged):  # ruff: ignore[async-busy-wait] -- as others
                        await asyncio.sleep(AGAIN)
                self.ledger.webhooks.add(told["id"])
                await asyncio.sleep(0.5)

    async def _watch(self, token: str) -> None:
        """Hold a socket open with two subscriptions, and open another one when it ends."""
        while True:
            with suppress(OSError, websockets.WebSocketException, TimeoutError):
                await self._listen(token)
            await asyncio.sleep(AGAIN)

    async def _listen(self, token: str) -> None:
        url = self.url.replace("https", "wss", 1) + "/graphql"
        protocols = [Subprotocol("graphql-transport-ws")]
        async with websockets.connect(url, subprotocols=protocols, ssl=self.trust, open_timeout=5) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
            for number, query in enumerate((TICKS, USED)):
                await socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": {"query": query}}))
            try:
                async for text in socket:
                    self._hear(json.loads(text))
            finally:
                self.closed.append((time.monotonic(), socket.close_code or 1006))

    def _hear(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "next", "id": "0"}:
                self.ticks.append(time.monotonic())
            case {"type": "next", "id": "1", "payload": {"data": {"usageChanged": {"key": "api-calls", "used": used}}}}:
                self.told_used = used
