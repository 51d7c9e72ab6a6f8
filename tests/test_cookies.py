"""Cookie mode: a browser whose scripts never hold a token."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from models import Device, Session
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REFRESH, REGISTER, Porchlight

ADA = {"email": "ada@example.com", "password": PASSWORD}
ME = "{ me { email } }"
MODE = {"Porchlight-Session": "cookie"}


@pytest.fixture
async def browser(porchlight: Porchlight) -> AsyncGenerator[httpx.AsyncClient]:
    """A client that keeps cookies, as pages of our own origin send them."""
    async with httpx.AsyncClient(base_url=porchlight.url, headers=MODE) as client:
        yield client


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def set_by(response: httpx.Response) -> dict[str, Morsel[str]]:
    """The cookies of an answer with their attributes."""
    cookies: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        cookies.load(line)
    return dict(cookies)


async def test_registering_sets_cookies_and_tells_no_token(browser: httpx.AsyncClient) -> None:
    """Scripts cannot read them, other sites cannot have them sent along, and each ends with its token."""
    response = await browser.post("/graphql", json={"query": REGISTER, "variables": {"input": {**ADA, "device": {}}}})
    result = response.json()["data"]["register"]
    assert (result["tokens"], result["deviceToken"]) == (None, None)
    cookies = set_by(response)
    lifetimes = {name: int(morsel["max-age"]) for name, morsel in cookies.items()}
    assert lifetimes == {
        "porchlight-access": 600,
        "porchlight-refresh": 14 * 86400,
        "porchlight-device": 400 * 86400,
    }
    for morsel in cookies.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "lax", "/", "")
    assert (await ask(browser, ME))["me"] == {"email": ADA["email"]}


async def test_over_tls_cookies_are_tied_to_the_host(start: Start) -> None:
    """By their prefix, which browsers keep only for what is secure, of this host and for all paths."""
    porchlight = await start(public_url="https://porchlight.example")
    response = await porchlight.http.post(
        "/graphql", json={"query": REGISTER, "variables": {"input": ADA}}, headers=MODE
    )
    cookies = set_by(response)
    assert {"__Host-porchlight-access", "__Host-porchlight-refresh"} <= cookies.keys()
    assert all(morsel["secure"] for morsel in cookies.values())


async def test_cookies_count_only_where_the_header_asks_for_them(
    browser: httpx.AsyncClient, porchlight: Porchlight
) -> None:
    """A form or an image of another site sends cookies at most, and is nobody."""
    await ask(browser, REGISTER, input=ADA)
    cookies = dict(browser.cookies)
    async with httpx.AsyncClient(base_url=porchlight.url, cookies=cookies) as plain:
        assert (await ask(plain, ME))["me"] is None
        assert (await plain.get("/graphql", params={"query": ME})).json()["data"]["me"] is None
        refused = (await plain.post("/graphql", json={"query": "mutation { logout }"})).json()
        assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await ask(browser, ME))["me"] == {"email": ADA["email"]}


async def test_refreshing_takes_its_token_from_the_cookie(browser: httpx.AsyncClient, clock: ManualClock) -> None:
    """And not from the argument; the successors are cookies again."""
    await ask(browser, REGISTER, input=ADA)
    before = browser.cookies["porchlight-refresh"]
    await clock.advance(timedelta(minutes=11))
    assert (await ask(browser, ME))["me"] is None
    result = await ask(browser, REFRESH, token="v1.nonsense")
    assert result["refreshSession"] == {"__typename": "RefreshSessionSuccess", "tokens": None}
    assert browser.cookies["porchlight-refresh"] != before
    assert (await ask(browser, ME))["me"] == {"email": ADA["email"]}


async def test_refreshing_without_a_cookie(browser: httpx.AsyncClient) -> None:
    """Is an invalid token, and sets nothing."""
    response = await browser.post("/graphql", json={"query": REFRESH, "variables": {"token": None}})
    assert response.json()["data"]["refreshSession"]["__typename"] == "InvalidToken"
    assert set_by(response) == {}


async def test_signing_out_takes_the_cookies_away(browser: httpx.AsyncClient, porchlight: Porchlight) -> None:
    """The session's two; the device stays known."""
    await ask(browser, REGISTER, input={**ADA, "device": {"name": "Firefox"}})
    assert await ask(browser, "mutation { logout }") == {"logout": True}
    assert list(browser.cookies) == ["porchlight-device"]
    assert (await ask(browser, ME))["me"] is None
    await ask(browser, LOGIN, input=ADA)
    with porchlight.app.database.bound():
        assert await Device.all().count() == 1
        sessions = await Session.all().order_by("id")
    assert {session.device_id for session in sessions} == {1}


async def test_a_stale_cookie_keeps_nobody_from_signing_in(browser: httpx.AsyncClient, porchlight: Porchlight) -> None:
    """Cookies outlive their session: it then stands for nobody, where a stale header fails the request."""
    await ask(browser, REGISTER, input=ADA)
    with porchlight.app.database.bound():
        await Session.all().update(revoked_at=porchlight.clock.now())
    assert (await ask(browser, ME))["me"] is None
    assert (await ask(browser, LOGIN, input=ADA))["login"]["__typename"] == "LoginSuccess"
    assert (await ask(browser, ME))["me"] == {"email": ADA["email"]}


async def test_a_header_goes_before_the_cookies(browser: httpx.AsyncClient, porchlight: Porchlight) -> None:
    """And an invalid one fails the request as ever."""
    await ask(browser, REGISTER, input=ADA)
    grace = await porchlight.register("grace@example.com")
    authorised = {"Authorization": f"Bearer {grace.access_token}"}
    response = await browser.post("/graphql", json={"query": ME}, headers=authorised)
    assert response.json()["data"]["me"] == {"email": "grace@example.com"}
    response = await browser.post("/graphql", json={"query": ME}, headers={"Authorization": "Bearer x"})
    assert response.status_code == 401


async def test_a_socket_takes_the_viewer_from_its_cookie(browser: httpx.AsyncClient, porchlight: Porchlight) -> None:
    """Sent by pages of our own origin alone: a socket of another origin is not opened at all."""
    await ask(browser, REGISTER, input=ADA)
    cookie = f"porchlight-access={browser.cookies['porchlight-access']}"
    own = {"Cookie": cookie, "Origin": porchlight.app.settings.public_url}
    async with porchlight.connect(additional_headers=own) as connection:
        await connection.subscribe("{ me { email } }")
        assert (await connection.next())["data"]["me"] == {"email": ADA["email"]}
    foreign = {"Cookie": cookie, "Origin": "https://elsewhere.example"}
    with pytest.raises(InvalidStatus, match="403"):
        async with porchlight.connect(init=False, additional_headers=foreign):
            pass


async def test_other_origins_that_are_listed_may_send_cookies(start: Start) -> None:
    """CORS names the header and allows credentials to them alone."""
    porchlight = await start(allowed_origins=("https://app.example.com",))
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, porchlight-session",
    }
    listed = await porchlight.http.options("/graphql", headers={"Origin": "https://app.example.com", **preflight})
    assert listed.status_code == 200
    assert listed.headers["access-control-allow-credentials"] == "true"
    other = await porchlight.http.options("/graphql", headers={"Origin": "https://elsewhere.example", **preflight})
    assert (other.status_code, other.headers.get("access-control-allow-origin")) == (400, None)
