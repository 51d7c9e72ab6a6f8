"""The REST contract of registering: `POST /auth/register`."""

import asyncio
import json
import sqlite3
from typing import Any

import httpx
import pytest

from core.passwords import Passwords
from models import Device, Session, Trial, User
from services import accounts
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Porchlight
from web.requests import MAX_BODY

ADA = {"email": "ada@example.com", "password": PASSWORD}
DEVICE = {
    "device_token": None,
    "fingerprint": "f" * 32,
    "name": "Firefox",
    "platform": "Linux",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
}


async def posted(porchlight: Porchlight, body: Any, **headers: str) -> httpx.Response:
    headers = {"content-type": "application/json", **headers}
    return await porchlight.http.post("/auth/register", content=json.dumps(body), headers=headers)


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem document, which has the members that one has."""
    members = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert members.keys() >= {"type", "title", "status", "detail", "code"}
    assert (members["type"], members["status"]) == ("about:blank", answer.status_code)
    return answer.status_code, members["code"]


async def people(porchlight: Porchlight) -> int:
    with porchlight.app.database.bound():
        return await User.all().count()


async def test_registering_answers_as_the_contract_says(porchlight: Porchlight) -> None:
    """201 with these members and no others; the tokens are genuine."""
    answer = await posted(porchlight, ADA)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    body = answer.json()
    tokens = body["tokens"]
    with porchlight.app.database.bound():
        user = await User.get()
    assert body == {
        "user_id": user.id,
        "trial_info": {
            "status": "ACTIVE",
            "plan": "pro-monthly",
            "started_at": "2026-03-02T09:00:00+00:00",
            "ends_at": "2026-03-16T09:00:00+00:00",
            "seconds_left": 1_209_600,
        },
        "tokens": {
            "access_token": tokens["access_token"],
            "access_token_expires_at": "2026-03-02T09:10:00+00:00",
            "refresh_token": tokens["refresh_token"],
            "refresh_token_expires_at": "2026-03-16T09:00:00+00:00",
            "token_type": "Bearer",
        },
    }
    me = await porchlight.ask("{ me { databaseId } }", token=tokens["access_token"])
    assert me == {"me": {"databaseId": body["user_id"]}}
    assert (await porchlight.refresh(tokens["refresh_token"]))["__typename"] == "RefreshSessionSuccess"


async def test_a_second_account_of_a_person_has_no_trial(porchlight: Porchlight) -> None:
    """`trial_info` is null then."""
    await posted(porchlight, {"email": "a.da@gmail.com", "password": PASSWORD})
    answer = await posted(porchlight, {"email": "ada@gmail.com", "password": PASSWORD})
    assert (answer.status_code, answer.json()["trial_info"]) == (201, None)
    with porchlight.app.database.bound():
        assert await Trial.all().count() == 1


async def test_devices_are_described_in_snake_case(porchlight: Porchlight) -> None:
    """All of it is kept; the answer's token recognises the device at the next sign-in. null is as good as nothing."""
    answer = await posted(porchlight, {**ADA, "device_info": DEVICE})
    assert answer.status_code == 201
    token = answer.json()["device_token"]
    with porchlight.app.database.bound():
        device = await Device.get()
    assert {name: getattr(device, name) for name in DEVICE if name != "device_token"} == {
        name: value for name, value in DEVICE.items() if name != "device_token"
    }
    again = await porchlight.ask(LOGIN, {"input": {**ADA, "device": {"deviceToken": token}}})
    assert again["login"]["deviceToken"] == token
    nothings: list[dict[str, Any]] = [{"device_info": None}, {"device_info": {}}]
    for nothing in nothings:
        answer = await posted(
            porchlight, {"email": f"{len(str(nothing))}@example.com", "password": PASSWORD, **nothing}
        )
        assert answer.status_code == 201


async def test_refusals_are_problems_by_name(porchlight: Porchlight) -> None:
    """409 and 422, with the union member's name, its sentence and its reasons; nothing is written."""
    await posted(porchlight, ADA)
    taken = await posted(porchlight, {"email": "ADA@example.com", "password": PASSWORD})
    assert taken.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": accounts.EmailTaken.message,
        "code": "EmailTaken",
    }
    assert problem_of(await posted(porchlight, {"email": "ada", "password": PASSWORD})) == (422, "InvalidEmail")
    short = await posted(porchlight, {"email": "grace@example.com", "password": "short"})
    assert (problem_of(short), short.json()["reasons"]) == ((422, "InvalidPassword"), ["TOO_SHORT"])
    assert await people(porchlight) == 1


WRONG: dict[str, tuple[Any, int]] = {
    "null": (None, 400),
    "number": (1, 400),
    "list": ([ADA], 400),
    "text": ("x", 400),
    "nothing": ({}, 422),
    "no email": ({"password": PASSWORD}, 422),
    "no password": ({"email": "ada@example.com"}, 422),
    "email null": ({**ADA, "email": None}, 422),
    "email number": ({**ADA, "email": 1}, 422),
    "email list": ({**ADA, "email": ["ada@example.com"]}, 422),
    "email deep": ({**ADA, "email": [[[[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]]]]}, 422),
    "email long list": ({**ADA, "email": ["x"] * 2_000}, 422),
    "password object": ({**ADA, "password": {"$ne": ""}}, 422),
    "password true": ({**ADA, "password": True}, 422),
    "unknown member": ({**ADA, "role": "ADMIN"}, 422),
    "camel case": ({**ADA, "deviceInfo": {}}, 422),
    "device text": ({**ADA, "device_info": "x"}, 422),
    "device list": ({**ADA, "device_info": []}, 422),
    "device in camel case": ({**ADA, "device_info": {"deviceToken": "x"}}, 422),
    "device with unknown member": ({**ADA, "device_info": {"user_id": 1}}, 422),
    "device name number": ({**ADA, "device_info": {"name": 1}}, 422),
    "device name too long": ({**ADA, "device_info": {"name": "n" * 101}}, 422),
}


async def test_input_of_another_shape_is_refused(start: Start) -> None:
    """400 for what is no object, 422 for wrong members; no password comes back, and nothing is written."""
    porchlight = await start(rate_limits=False)
    found = {}
    for name, (body, _) in WRONG.items():
        answer = await posted(porchlight, body)
        found[name] = problem_of(answer)
        assert PASSWORD not in answer.text, name
    assert found == {name: (status, "BAD_USER_INPUT") for name, (_, status) in WRONG.items()}
    assert await people(porchlight) == 0


async def test_bodies_that_are_none_are_refused(porchlight: Porchlight) -> None:
    """As for GraphQL: no JSON, too large, another type, another method."""
    post = porchlight.http.post
    said = {"content-type": "application/json"}
    assert problem_of(await post("/auth/register", content=b"{", headers=said)) == (400, "BAD_USER_INPUT")
    assert problem_of(await post("/auth/register", content=b'{"email": "\xff"}', headers=said)) == (
        400,
        "BAD_USER_INPUT",
    )
    large = b"{".ljust(MAX_BODY + 1)
    assert problem_of(await post("/auth/register", content=large, headers=said)) == (413, "BAD_USER_INPUT")
    assert problem_of(await post("/auth/register", data=ADA)) == (415, "BAD_USER_INPUT")
    wrong = await porchlight.http.get("/auth/register")
    assert (problem_of(wrong), wrong.headers["allow"]) == ((405, "BAD_USER_INPUT"), "POST")
    assert await people(porchlight) == 0


async def test_too_many_registrations_are_429(porchlight: Porchlight) -> None:
    """With the seconds to wait, in the header too; the counts are those of GraphQL."""
    bad = {"email": "no address", "password": PASSWORD}
    for _ in range(10):
        assert problem_of(await posted(porchlight, bad)) == (422, "InvalidEmail")
        assert (await porchlight.ask(REGISTER, {"input": bad}))["register"]["__typename"] == "InvalidEmail"
    refused = await posted(porchlight, ADA)
    assert problem_of(refused) == (429, "RateLimited")
    assert refused.headers["retry-after"] == str(refused.json()["retryAfter"])
    assert refused.json()["retryAfter"] in range(50, 61)
    assert await people(porchlight) == 0


async def test_a_busy_server_is_503(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no more hashes fit, and when the database is locked: with the seconds to wait."""
    with monkeypatch.context() as patch:
        patch.setattr(porchlight.app.passwords._hashing, "room", 0)
        busy = await posted(porchlight, ADA)
    assert (problem_of(busy), busy.json()["retryAfter"], busy.headers["retry-after"]) == ((503, "UNAVAILABLE"), 1, "1")

    async def locked(*_: object) -> str:
        await asyncio.sleep(0)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Passwords, "hash", locked)
        gone = await posted(porchlight, ADA)
    assert (problem_of(gone), gone.json()["retryAfter"]) == ((503, "UNAVAILABLE"), 1)
    assert "locked" not in gone.text
    assert await people(porchlight) == 0
    assert (await posted(porchlight, ADA)).status_code == 201


async def test_registering_needs_no_token_and_takes_none(porchlight: Porchlight) -> None:
    """A browser that still sends an old one may register; the new session is the new user's."""
    person = await porchlight.register("grace@example.com")
    answer = await posted(porchlight, ADA, Authorization=f"Bearer {person.access_token}")
    me = await porchlight.ask("{ me { email } }", token=answer.json()["tokens"]["access_token"])
    assert me == {"me": {"email": "ada@example.com"}}
    assert (await posted(porchlight, {**ADA, "email": "eve@example.com"}, Authorization="Bearer x")).status_code == 201
    with porchlight.app.database.bound():
        assert await Session.all().count() == 3
