"""Requests that are not what they seem: other sites' pages, forged tokens, borrowed names, addresses that lie."""

import base64
import json
from collections.abc import Callable

import pytest
import websockets
from websockets.typing import Origin

from tests.porchlight import LOGIN, PASSWORD
from tests.probes.attacker import FORM, JSON, RESULT, Answer, Attacker
from tests.probes.conftest import FRIEND, HOST

ME = '{"query": "{ me { email } }"}'
CHANGE = '{"query": "mutation { logout }"}'
IN_ADDRESS = "/graphql?query=mutation%20%7B%20logout%20%7D"
EVIL = "https://evil.example"
FOREIGN = (EVIL, "null", FRIEND.replace("https", "http"), FRIEND + ".evil.example", FRIEND + ":8443", HOST + "@evil")
LINK = "/links/verify-email?token=" + "a" * 43

FORGED: dict[str, tuple[str, str, dict[str, str], str, str]] = {
    "a form of another site": ("POST", "/graphql", FORM, "query=mutation+%7B+logout+%7D", "415 BAD_USER_INPUT"),
    "a text of another site": ("POST", "/graphql", {"Content-Type": "text/plain"}, CHANGE, "415 BAD_USER_INPUT"),
    "no type at all": ("POST", "/graphql", {}, CHANGE, "415 BAD_USER_INPUT"),
    "a type that hides another": (
        "POST",
        "/graphql",
        {"Content-Type": "text/plain; application/json"},
        CHANGE,
        "415 BAD_USER_INPUT",
    ),
    "two types": ("POST", "/graphql", {"Content-Type": "application/json, text/plain"}, CHANGE, "415 BAD_USER_INPUT"),
    "files of another site": (
        "POST",
        "/graphql",
        {"Content-Type": "multipart/form-data; boundary=b"},
        "--b--",
        "401 UNAUTHENTICATED",
    ),
    "a registration of another site": (
        "POST",
        "/auth/register",
        {"Content-Type": "text/plain"},
        "{}",
        "415 BAD_USER_INPUT",
    ),
    "a change in an address": ("GET", IN_ADDRESS, {}, "", "405 BAD_USER_INPUT"),
    "a change in an address, as POST": (
        "GET",
        IN_ADDRESS,
        {"X-HTTP-Method-Override": "POST"},
        "",
        "405 BAD_USER_INPUT",
    ),
    "an address with a POST": ("POST", IN_ADDRESS, JSON, "{}", "400 BAD_USER_INPUT"),
    "a change by HEAD": ("HEAD", IN_ADDRESS, {}, "", "405"),
    "a change by DELETE": ("DELETE", IN_ADDRESS, {}, "", "405 BAD_USER_INPUT"),
    "a link's form of another site": ("POST", LINK, {**FORM, "Origin": EVIL}, "token=a", "403 BAD_USER_INPUT"),
    "a link's form by way of a frame": (
        "POST",
        LINK,
        {**FORM, "Origin": "null", "Sec-Fetch-Site": "cross-site"},
        "token=a",
        "403 BAD_USER_INPUT",
    ),
    "a basic password": ("POST", "/graphql", {**JSON, "Authorization": "Basic YTpi"}, ME, "401 UNAUTHENTICATED"),
    "an empty token": ("POST", "/graphql", {**JSON, "Authorization": "Bearer"}, ME, "401 UNAUTHENTICATED"),
    "a token of 30 kB": (
        "POST",
        "/graphql",
        {**JSON, "Authorization": "Bearer " + "a" * 30_000},
        ME,
        "401 UNAUTHENTICATED",
    ),
    "an address to go to": ("GET", "//evil.example/%2f..", {}, "", "404 NOT_FOUND"),
}  # fmt: skip


def part(content: dict[str, str | int]) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


TOKENS: dict[str, Callable[[str], str]] = {
    "unsigned": lambda token: f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{token.split('.')[1]}.",
    "signed by the public key": lambda token: f"{part({'alg': 'HS256'})}.{token.split('.')[1]}.{'a' * 43}",
    "with a key from elsewhere": lambda token: (
        f"{part({'alg': 'EdDSA', 'jku': EVIL, 'kid': '../../../dev/null'})}.{token.split('.')[1]}.{'a' * 86}"
    ),
    "of somebody else": lambda token: (
        f"{token.split('.')[0]}.{part({'sub': '1', 'role': 'ADMIN', 'exp': 2**40})}.{token.split('.')[2]}"
    ),
    "cut short": lambda token: token.removesuffix(token[-4:]),
    "with parts of nothing": lambda _: "..",
    "of deep JSON": lambda token: f"{token.split('.')[0]}.{base64.urlsafe_b64encode(b'[' * 9_000).decode()}.a",
}


async def test_no_other_site_acts_for_anybody(attacker: Attacker) -> None:
    """Nor does a method that says that it is another one."""
    found = {}
    for name, (method, path, headers, body, _) in FORGED.items():
        answer = await attacker.http(method, path, {**RESULT, **headers}, body)
        found[name] = " ".join([answer.told, *answer.faults()])
    assert {name: told for name, told in found.items() if told != FORGED[name][-1]} == {}


async def test_no_token_is_made_by_hand(attacker: Attacker) -> None:
    """Over HTTP and as the first word of a socket; one in an address counts nowhere."""
    found = {}
    for name, forge in TOKENS.items():
        token = forge(attacker.person.access_token)
        answer = await attacker.http("POST", "/graphql", {**RESULT, **JSON, "Authorization": f"Bearer {token}"}, ME)
        async with attacker.porchlight.connect(init=False) as connection:
            await connection.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
            found[name] = (answer.told, answer.faults(), (await connection.closed())[0])
    assert found == dict.fromkeys(TOKENS, ("401 UNAUTHENTICATED", [], 4403))
    answer = await attacker.get(query="{ me { email } }", access_token=attacker.person.access_token)
    assert answer.content == {"data": {"me": None}}


def _opened(answer: Answer) -> list[str]:
    """The headers that let a page of another origin in."""
    return [name for name in answer.headers if name.startswith("access-control-allow-origin")]


async def test_no_other_origin_is_let_in(attacker: Attacker) -> None:
    """To no answer, no preflight and no socket; the listed one is, to itself alone."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for origin in FOREIGN:
        answer = await attacker.http("POST", "/graphql", {**JSON, "Origin": origin}, ME)
        assert (answer.status, _opened(answer)) == (200, []), origin
        asked = await attacker.http("OPTIONS", "/graphql", {**preflight, "Origin": origin})
        assert (asked.status, _opened(asked)) == (400, []), origin
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with attacker.porchlight.connect(origin=Origin(origin)):
                pass
        assert refused.value.response.status_code == 403
    answer = await attacker.http("POST", "/graphql", {**JSON, "Origin": FRIEND}, ME)
    assert (answer.headers["access-control-allow-origin"], "Origin" in answer.headers["vary"]) == (FRIEND, True)


async def test_cookies_alone_are_nobody(attacker: Attacker) -> None:
    """They are bound to this host, out of reach of scripts, and count in no request without our header."""
    http = attacker.porchlight.http
    given = {"input": {"email": attacker.person.email, "password": PASSWORD}}
    signed_in = await http.post(
        "/graphql", json={"query": LOGIN, "variables": given}, headers={"Porchlight-Session": "cookie"}
    )
    set_ = signed_in.headers.get_list("set-cookie")
    assert len(set_) == 3
    for cookie in set_:
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    http.cookies.clear()
    kept = {"Cookie": "; ".join(cookie.split(";")[0] for cookie in set_)}
    answers = [
        await attacker.http("POST", "/graphql", {**JSON, **kept, **more}, ME)
        for more in ({}, {"Origin": EVIL}, {"X-Requested-With": "XMLHttpRequest"}, {"Porchlight-Session": "cookie"})
    ]
    emails = [(answer.content["data"]["me"] or {}).get("email") for answer in answers]
    assert emails == [None, None, None, attacker.person.email]


async def test_no_header_names_us_or_them(attacker: Attacker) -> None:
    """Neither our address nor the client's is what a header of a stranger says: limits count on."""
    lie = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in (LINK, "/graphql", "/nowhere", "/links/unsubscribe?token=a"):
        answer = await attacker.http("GET", path, lie)
        assert "evil" not in f"{answer.text} {answer.headers}", path
    guess = {"query": LOGIN, "variables": {"input": {"email": attacker.person.email, "password": "wrong"}}}
    codes = []
    for number in range(11):
        address = f"203.0.{number}.7"
        lie = {
            "X-Forwarded-For": address,
            "X-Real-IP": address,
            "True-Client-IP": address,
            "Forwarded": f"for={address}",
        }
        codes += (await attacker.post(guess, **lie)).codes
    assert codes[-1] == "RATE_LIMITED"
