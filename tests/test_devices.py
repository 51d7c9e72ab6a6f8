"""Devices: recognised at each sign-in, told of by mail, trusted, forgotten."""

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.cursors import encode_id
from models import AuditEvent, Device, Job, Session, User
from models.accounts import Role
from services import devices, sessions
from services.sessions import Client, InvalidToken
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.services.valkey import until

ME = "{ me { email } }"
DEVICES = """
query($first: Int, $after: String, $last: Int, $before: String) {
  me {
    devices(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage endCursor }
      edges { cursor node { id name platform trusted firstSeenAt lastSeenAt } }
    }
  }
}
"""
NODE = "query($id: ID!) { node(id: $id) { id ... on Device { name } } }"
FORGET = "mutation($id: ID!) { forgetDevice(id: $id) }"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def login(
    porchlight: Porchlight, person: Person, device: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """What `login` gives."""
    given = {"email": person.email, "password": PASSWORD, "device": device}
    answer: dict[str, Any] = (await porchlight.ask(LOGIN, {"input": given}, **headers))["login"]
    return answer


async def listed(porchlight: Porchlight, token: str, **page: Any) -> dict[str, Any]:
    """The viewer's devices."""
    found: dict[str, Any] = (await porchlight.ask(DEVICES, page, token=token))["me"]["devices"]
    return found


async def nodes(porchlight: Porchlight, token: str) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await listed(porchlight, token))["edges"]]


def token_of(person: Person) -> str:
    token: str = person.registered["deviceToken"]
    return token


async def all_done() -> bool:
    # Those of the trial are for later days.
    return not await Job.filter(done_at=None).exclude(dedup_key__startswith="trial:").exists()


def delivered(folder: Path) -> list[EmailMessage]:
    """The letters in the outbox, in the order in which they came."""
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


async def letters(porchlight: Porchlight) -> list[str]:
    """The texts of the letters about new devices that have left."""
    with porchlight.app.database.bound():
        await until(all_done, 20)
    found = delivered(Path(porchlight.app.settings.mail_url.removeprefix("outbox://")))
    asking = [message for message in found if message["Subject"] == "A new sign-in to your account"]
    bodies = [message.get_body(("plain",)) for message in asking]
    return [body.get_content() for body in bodies if body is not None]


async def actions(porchlight: Porchlight, person: Person) -> list[str]:
    with porchlight.app.database.bound():
        return [event.action for event in await AuditEvent.filter(user_id=person.user_id).order_by("id")]


async def test_nobody_forgets_devices(porchlight: Porchlight) -> None:
    """Without having signed in."""
    assert await porchlight.codes(FORGET, {"id": encode_id("Device", 1)}) == ["UNAUTHENTICATED"]


async def test_the_devices_of_others_are_not_there(porchlight: Porchlight) -> None:
    """Neither to see nor to forget; support sees them and forgets none."""
    ada, eve = await porchlight.register(device={"name": "Firefox"}), await porchlight.register("eve@example.com")
    [theirs] = [node["id"] for node in await nodes(porchlight, ada.access_token)]
    for global_id in (theirs, encode_id("Device", 2**31 - 1), encode_id("Session", 1), "x", ""):
        assert await porchlight.codes(FORGET, {"id": global_id}, token=eve.access_token) == ["NOT_FOUND"]
    assert await porchlight.ask(NODE, {"id": theirs}, token=eve.access_token) == {"node": None}
    with porchlight.app.database.bound():
        await User.filter(id=eve.user_id).update(role=Role.SUPPORT)
    found = await porchlight.ask(NODE, {"id": theirs}, token=eve.access_token)
    assert found == {"node": {"id": theirs, "name": "Firefox"}}
    assert await porchlight.codes(FORGET, {"id": theirs}, token=eve.access_token) == ["NOT_FOUND"]
    with porchlight.app.database.bound():
        assert await Device.all().count() == 2
        assert await Session.filter(revoked_at=None).count() == 2


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("curl/8.5.0", "curl"),
        ("x" * 10_000, "Unnamed device"),
        ("", "Unnamed device"),
    ],
    ids=["firefox", "curl", "long", "empty"],
)
async def test_each_sign_in_has_a_device(porchlight: Porchlight, agent: str, name: str) -> None:
    """Also for a client that says nothing of it: then its browser and system name it."""
    person = await porchlight.register()
    headers: dict[str, Any] = {"user-agent": agent}
    answer = await login(porchlight, person, **headers)
    assert len(answer["deviceToken"]) == 43
    assert (await nodes(porchlight, person.access_token))[0]["name"] == name


async def test_a_device_is_known_again_by_its_token(porchlight: Porchlight, clock: ManualClock) -> None:
    """Its last use moves, at sign-ins and refreshes; there is no second one, no event and no letter."""
    person = await porchlight.register(device={"name": "Firefox", "platform": "Linux"})
    await clock.advance(timedelta(hours=1))
    answer = await login(porchlight, person, {"deviceToken": token_of(person)})
    assert answer["deviceToken"] == token_of(person)
    [device] = await nodes(porchlight, answer["tokens"]["accessToken"])
    assert device == {
        "id": device["id"],
        "name": "Firefox",
        "platform": "Linux",
        "trusted": False,
        "firstSeenAt": "2026-03-02T09:00:00+00:00",
        "lastSeenAt": "2026-03-02T10:00:00+00:00",
    }
    await clock.advance(timedelta(hours=1))
    tokens = (await porchlight.refresh(answer["tokens"]["refreshToken"]))["tokens"]
    [device] = await nodes(porchlight, tokens["accessToken"])
    assert device["lastSeenAt"] == "2026-03-02T11:00:00+00:00"
    assert await letters(porchlight) == []
    assert "device.added" not in await actions(porchlight, person)


async def test_two_sign_ins_at_once_from_one_device(porchlight: Porchlight) -> None:
    """Are two sessions of one device."""
    person = await porchlight.register()
    answers = await asyncio.gather(*(login(porchlight, person, {"deviceToken": token_of(person)}) for _ in range(5)))
    assert {answer["deviceToken"] for answer in answers} == {token_of(person)}
    with porchlight.app.database.bound():
        device = await Device.get()
        assert await Session.filter(device_id=device.id).count() == 6


async def test_a_new_device_is_asked_about(porchlight: Porchlight) -> None:
    """Where and when; not at the registration itself. A name cannot write lines of its own."""
    person = await porchlight.register()
    assert await letters(porchlight) == []
    await login(porchlight, person, {"name": "Firefox\nPlace: at home"})
    [letter] = await letters(porchlight)
    lines = [line.strip() for line in letter.splitlines()]
    assert "Device: Firefox Place: at home" in lines
    assert "Place: unknown" in lines
    assert "Time: Monday, March 2, 2026 at 9:00\N{NO-BREAK SPACE}AM (UTC)" in lines
    assert await actions(porchlight, person) == ["account.registered", "account.signed_in", "device.added"]
    with porchlight.app.database.bound():
        payloads = str([job.payload for job in await Job.all()])
    assert person.refresh_token.split(".")[3] not in payloads


async def reported(porchlight: Porchlight) -> str:
    """The token of the newest letter's link."""
    [link] = [part for part in (await letters(porchlight))[-1].split() if "/links/report-sign-in?" in part]
    return parse_qs(urlsplit(link).query)["token"][0]


async def test_it_was_not_me(porchlight: Porchlight) -> None:
    """The link of the letter ends that session and forgets that device, once, and leaves all else."""
    person = await porchlight.register()
    answer = await login(porchlight, person)
    token, app, client = await reported(porchlight), porchlight.app, Client(ip="8.8.8.8")
    with app.database.bound():
        assert await sessions.report_by_token(app, token, client) is True
        with pytest.raises(InvalidToken):
            await sessions.report_by_token(app, token, client)
    assert (await porchlight.post(ME, token=answer["tokens"]["accessToken"])).status_code == 401
    assert (await porchlight.ask(ME, token=person.access_token))["me"] == {"email": person.email}
    assert len(await nodes(porchlight, person.access_token)) == 1
    with app.database.bound():
        event = await AuditEvent.get(action="session.reported")
        ended = await Session.get(revoked_reason="REPORTED")
    assert (event.user_id, event.actor_id, event.ip) == (person.user_id, None, "8.8.8.8")
    assert event.subject == f"Session:{ended.id}"


async def test_reports_at_once_are_one(porchlight: Porchlight) -> None:
    """Of ten clicks one is told that it worked."""
    person = await porchlight.register()
    await login(porchlight, person)
    token, app = await reported(porchlight), porchlight.app

    async def report() -> bool:
        with app.database.bound():
            try:
                return await sessions.report_by_token(app, token, Client())
            except InvalidToken:
                return False

    assert sum(await asyncio.gather(*(report() for _ in range(10)))) == 1
    assert (await actions(porchlight, person)).count("session.reported") == 1


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 43, "x" * 10_000])
async def test_what_reports_nothing(porchlight: Porchlight, token: str) -> None:
    """Is refused, and ends nothing."""
    await porchlight.register()
    with porchlight.app.database.bound():
        with pytest.raises(InvalidToken):
            await sessions.report_by_token(porchlight.app, token, Client())
        assert await Session.filter(revoked_at=None).count() == 1


async def test_a_report_may_come_after_all(porchlight: Porchlight, clock: ManualClock) -> None:
    """The session has ended or gone by then: the report is written down all the same. After a week it is too late."""
    person = await porchlight.register()
    app = porchlight.app
    answer = await login(porchlight, person)
    await porchlight.ask("mutation { logout }", token=answer["tokens"]["accessToken"])
    with app.database.bound():
        assert await sessions.report_by_token(app, await reported(porchlight), Client())
        assert await Device.all().count() == 1
    await login(porchlight, person)
    token = await reported(porchlight)
    with app.database.bound():
        newest = await Session.filter(user_id=person.user_id).order_by("-id").first()
        assert newest is not None
        await newest.delete()
        assert await sessions.report_by_token(app, token, Client())
    await login(porchlight, person)
    token = await reported(porchlight)
    await clock.advance(timedelta(days=7))
    with app.database.bound(), pytest.raises(InvalidToken):
        await sessions.report_by_token(app, token, Client())


async def test_pages_of_devices(porchlight: Porchlight) -> None:
    """Forward and backward, the newest first."""
    person = await porchlight.register(device={"name": "0"})
    for number in range(1, 5):
        await login(porchlight, person, {"name": str(number)})
    first = await listed(porchlight, person.access_token, first=2)
    assert [edge["node"]["name"] for edge in first["edges"]] == ["4", "3"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (5, True)
    rest = await listed(porchlight, person.access_token, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["name"] for edge in rest["edges"]] == ["2", "1", "0"]
    back = await listed(porchlight, person.access_token, last=1, before=rest["edges"][0]["cursor"])
    assert [edge["node"]["name"] for edge in back["edges"]] == ["3"]


async def test_forgetting_a_device_ends_its_sessions(porchlight: Porchlight) -> None:
    """All of them, and those of other devices stand; the token is a stranger's from then on."""
    person = await porchlight.register(device={"name": "kept"})
    stolen = await login(porchlight, person, {"name": "stolen"})
    second = await login(porchlight, person, {"deviceToken": stolen["deviceToken"]})
    gone = (await nodes(porchlight, person.access_token))[0]["id"]
    async with porchlight.connect(token=second["tokens"]["accessToken"]) as connection:
        assert await porchlight.ask(FORGET, {"id": gone}, token=person.access_token) == {"forgetDevice": True}
        assert (await connection.closed())[0] == 4401
    for session in (stolen, second):
        assert (await porchlight.post(ME, token=session["tokens"]["accessToken"])).status_code == 401
    assert [node["name"] for node in await nodes(porchlight, person.access_token)] == ["kept"]
    assert await porchlight.codes(FORGET, {"id": gone}, token=person.access_token) == ["NOT_FOUND"]
    assert (await actions(porchlight, person)).count("device.forgotten") == 1
    again = await login(porchlight, person, {"deviceToken": stolen["deviceToken"]})
    assert again["deviceToken"] != stolen["deviceToken"]


async def test_a_device_is_trusted_for_thirty_days(porchlight: Porchlight, clock: ManualClock) -> None:
    """To the second; it is found by its token and by nobody else's."""
    person, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    app = porchlight.app
    with app.database.bound():
        device = await devices.find(app, person.user_id, token_of(person))
        assert device is not None
        assert not devices.is_trusted(device, clock.now())
        await devices.trust(app, device)
        assert devices.is_trusted(device, clock.now() + timedelta(days=30, seconds=-1))
        assert not devices.is_trusted(device, clock.now() + timedelta(days=30))
        strangers = [await devices.find(app, grace.user_id, token_of(person)), await devices.find(app, 1, None)]
    assert strangers == [None, None]
    assert [node["trusted"] for node in await nodes(porchlight, person.access_token)] == [True]


async def test_devices_are_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody uses goes first, then what was used longest ago, with its session; the newest stays."""
    monkeypatch.setattr("services.sessions.forgetting.MOST_DEVICES", 3)
    porchlight = await start(rate_limits=False)
    person, grace = await porchlight.register(device={"name": "0"}), await porchlight.register("grace@example.com")
    answers = []
    for number in range(1, 3):
        await porchlight.clock.advance(timedelta(seconds=1))
        answers.append(await login(porchlight, person, {"name": str(number)}))
    await porchlight.ask("mutation { logout }", token=answers[1]["tokens"]["accessToken"])
    await login(porchlight, person, {"name": "3"})
    assert [node["name"] for node in await nodes(porchlight, person.access_token)] == ["3", "1", "0"]
    newest = await login(porchlight, person, {"name": "4"})
    token = newest["tokens"]["accessToken"]
    assert [node["name"] for node in await nodes(porchlight, token)] == ["4", "3", "1"]
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 401
    assert (await porchlight.ask(ME, token=grace.access_token))["me"] == {"email": grace.email}
