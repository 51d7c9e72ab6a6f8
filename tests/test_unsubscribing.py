"""Saying which letters one wants: in the account, on a page, and by a mailbox provider's own button."""

import asyncio
import re

import httpx
import pytest

from models import AuditEvent, MailPreference, Role, User
from services.notifications import unsubscribing
from services.notifications.letter import Topic
from tests.conftest import Start
from tests.letters_wanted import MINE, SET, mine, put
from tests.porchlight import SECRET, Person, Porchlight
from tests.staff import id_of, staff

ALL_ON = {"SECURITY": True, "BILLING": True, "TRIAL": True, "PRODUCT": True}
NO_TRIAL = ALL_ON | {"TRIAL": False}
PAGE = "/links/unsubscribe"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def address(porchlight: Porchlight, person: Person, topic: Topic = Topic.TRIAL) -> str:
    """Path and query of the way out of a topic."""
    url = unsubscribing.link(porchlight.app, person.user_id, topic)
    return url.removeprefix(porchlight.app.settings.public_url)


async def said(porchlight: Porchlight) -> list[tuple[object, ...]]:
    """What the audit log has of preferences."""
    with porchlight.app.database.bound():
        rows = await AuditEvent.filter(action="mail.preferences_changed").order_by("id")
    return [(row.user_id, row.actor_id, row.data["by"], row.data["topics"]) for row in rows]


async def test_only_the_owner_says_and_only_who_may_see_reads(porchlight: Porchlight) -> None:
    """Nobody says it without signing in; another user learns nothing, the staff that help users read it."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    variables = {"preferences": [{"topic": "TRIAL", "enabled": False}]}
    assert await porchlight.codes(SET, variables) == ["UNAUTHENTICATED"]
    query = "query($id: ID!) { node(id: $id) { ... on User { notificationPreferences { topic enabled } } } }"
    assert (await porchlight.ask(query, {"id": id_of(ada)}, token=grace.access_token))["node"] is None
    helper = await staff(porchlight, Role.SUPPORT)
    node = (await porchlight.ask(query, {"id": id_of(ada)}, token=helper.access_token))["node"]
    assert {row["topic"]: row["enabled"] for row in node["notificationPreferences"]} == ALL_ON


async def test_topics_are_switched_off_and_on(porchlight: Porchlight) -> None:
    """What is not named stays. Saying it again changes nothing and writes nothing down; statements are known."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    assert await mine(porchlight, ada) == ALL_ON
    assert await mine(porchlight, ada, "mandatory") == ALL_ON | {"TRIAL": False, "PRODUCT": False}
    result = await put(porchlight, ada, TRIAL=False)
    assert result["__typename"] == "SetNotificationPreferencesSuccess"
    assert {row["topic"]: row["enabled"] for row in result["preferences"]} == NO_TRIAL
    with porchlight.counting_queries() as statements:
        await put(porchlight, ada, TRIAL=False, SECURITY=True)
    assert len(statements) == 5  # the session, the lock, what was said, and twice what stands
    assert await mine(porchlight, ada) == NO_TRIAL
    with porchlight.counting_queries() as statements:
        await put(porchlight, ada, PRODUCT=False, TRIAL=True)
    assert len(statements) == 7
    with porchlight.counting_queries() as statements:
        await mine(porchlight, ada)
        await put(porchlight, ada, BILLING=True)
    assert len(statements) == 6  # each the session, and two that read
    assert await mine(porchlight, ada) == ALL_ON | {"PRODUCT": False}
    assert await mine(porchlight, grace) == ALL_ON
    assert await said(porchlight) == [
        (ada.user_id, ada.user_id, "account", {"trial": False}),
        (ada.user_id, ada.user_id, "account", {"product": False, "trial": True}),
    ]


@pytest.mark.parametrize("topic", ["SECURITY", "BILLING"])
async def test_what_everybody_gets_cannot_be_switched_off(porchlight: Porchlight, topic: str) -> None:
    """The refusal names the topic, and nothing else of what was asked has changed; nor where one is named twice."""
    ada = await porchlight.register()
    result = await put(porchlight, ada, TRIAL=False, **{topic: False})
    message = "Letters about security and bills cannot be switched off."
    assert result == {"__typename": "TopicIsMandatory", "message": message, "topic": topic}
    twice = [{"topic": "TRIAL", "enabled": False}, {"topic": "TRIAL", "enabled": True}]
    assert await porchlight.codes(SET, {"preferences": twice}, token=ada.access_token) == ["BAD_USER_INPUT"]
    assert (await mine(porchlight, ada), await said(porchlight)) == (ALL_ON, [])


async def test_looking_changes_nothing_and_one_click_does(porchlight: Porchlight) -> None:
    """A scanner may look as often as it likes, at no statement. The provider's button needs no cookie and no sign-in.

    It may send either kind of form, or one of no kind; a second click is answered as the first.
    """
    ada = await porchlight.register()
    path = address(porchlight, ada)
    with porchlight.counting_queries() as statements:
        for _ in range(3):
            assert (await porchlight.http.get(path)).status_code == 200
            assert (await porchlight.http.head(path)).status_code == 200
    assert (statements, await mine(porchlight, ada)) == ([], ALL_ON)
    answers = [
        await porchlight.http.post(path, data=ONE_CLICK),
        await porchlight.http.post(path, files={"List-Unsubscribe": (None, "One-Click")}),
        await porchlight.http.post(path, data=ONE_CLICK, headers={"Origin": "https://mail.example.com"}),
        await porchlight.http.post(path),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({re.sub(r"nonce(-|=\")[\w-]+", "", answer.text) for answer in answers}) == 1
    assert "set-cookie" not in answers[0].headers
    assert await mine(porchlight, ada) == NO_TRIAL
    assert await said(porchlight) == [(ada.user_id, None, "link", {"trial": False})]
    await put(porchlight, ada, TRIAL=True)
    assert (await porchlight.http.post(path, data=ONE_CLICK)).status_code == 200
    assert await mine(porchlight, ada) == NO_TRIAL


@pytest.mark.parametrize(
    ("language", "asked", "button", "done"),
    [
        ("en-GB,de;q=0.9", "stop writing to you about your trial.", "Stop these letters", "switch these letters"),
        ("de-AT;q=0.8", "nicht mehr über Ihre Testzeit.", "Diese Briefe abbestellen", "wieder einschalten"),
    ],
)  # fmt: skip
async def test_the_page_asks_and_tells(
    porchlight: Porchlight, language: str, asked: str, button: str, done: str
) -> None:
    """In the browser's language, with a form that works by itself; nobody keeps the page or hears of its address."""
    ada = await porchlight.register()
    headers = {"Accept-Language": language}
    page = await porchlight.http.get(address(porchlight, ada), headers=headers)
    assert asked in page.text
    assert f'<html lang="{language[:2]}">' in page.text
    assert f"<button>{button}</button>" in page.text
    [action] = re.findall(r'<form method="post" action="([^"]+)">', page.text)
    [token] = re.findall(r'name="token" value="([^"]+)"', page.text)
    answer = await porchlight.http.post(f"/links/{action}", data={"token": token}, headers=headers)
    assert (answer.status_code, done in answer.text, "<form" in answer.text) == (200, True, False)
    assert await mine(porchlight, ada) == NO_TRIAL
    for shown in (page, answer):
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert shown.headers["cache-control"] == "no-store"
        assert "form-action 'self'" in shown.headers["content-security-policy"]
        assert ada.email not in shown.text


async def test_a_token_is_good_for_its_reader_and_topic_alone(porchlight: Porchlight) -> None:
    """Another's number, another topic, one that cannot be switched off, a changed hash: all are told alike."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    token = unsubscribing.token(porchlight.app, ada.user_id, Topic.TRIAL)
    number, topic, mac = token.split(".")
    forged = [
        f"{grace.user_id}.{topic}.{mac}", f"{number}.product.{mac}", f"{number}.{topic}.{mac[::-1]}", "", "x", mac,
        unsubscribing.token(porchlight.app, ada.user_id, Topic.SECURITY), f"0{token}", f"{number}.TRIAL.{mac}",
        f"{number}.{topic}.{mac}\n", token + "A", "<script>alert(1)</script>", f"{number}.{topic}.{'é' * 43}",
    ]  # fmt: skip
    for text in forged:
        for answer in (
            await porchlight.http.get(PAGE, params={"token": text}),
            await porchlight.http.post(PAGE, params={"token": text}, data=ONE_CLICK),
            await porchlight.http.post(PAGE, data={"token": text}),
        ):
            assert (answer.status_code, "This link does not work" in answer.text) == (400, True), text
            assert "<form" not in answer.text
            assert "<script" not in answer.text
    assert (await mine(porchlight, ada), await mine(porchlight, grace)) == (ALL_ON, ALL_ON)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"token=" + b"a" * 9_000, "application/x-www-form-urlencoded", 413),
        (b"a=1&b=2&c=3&d=4&e=5", "application/x-www-form-urlencoded", 400),
        (b"token=\xff", "application/x-www-form-urlencoded", 400),
        (b"token=1", "text/plain", 400),
    ],
)
async def test_forms_have_bounds(porchlight: Porchlight, body: bytes, kind: str, status: int) -> None:
    """Their size, the number of their members, and their letters."""
    answer = await porchlight.http.post(PAGE, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status


async def test_a_reader_who_has_gone_is_answered_alike(porchlight: Porchlight) -> None:
    """Nothing tells whether the account is there, and nothing is written."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    with porchlight.app.database.bound():
        await User.filter(id=ada.user_id).delete()
    pages: list[httpx.Response] = []
    for person in (ada, grace):
        pages += [
            await porchlight.http.get(address(porchlight, person)),
            await porchlight.http.post(address(porchlight, person), data=ONE_CLICK),
        ]
    texts = [re.sub(r"nonce(-|=\")[\w-]+|value=\"[^\"]+", "", page.text) for page in pages]
    assert texts[:2] == texts[2:]
    assert [page.status_code for page in pages] == [200] * 4
    with porchlight.app.database.bound():
        assert [row.user_id for row in await MailPreference.all()] == [grace.user_id]


async def test_clicks_at_once_are_one(porchlight: Porchlight) -> None:
    """Of page, provider and account: one row, one line in the log, and no failure."""
    ada = await porchlight.register()
    path = address(porchlight, ada)
    answers = await asyncio.gather(*(porchlight.http.post(path, data=ONE_CLICK) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert await mine(porchlight, ada) == NO_TRIAL
    assert len(await said(porchlight)) == 1


async def test_clicks_without_end_are_counted(start: Start) -> None:
    """By reader, for all readers of a provider come from few networks; and by nobody where limits are off."""
    porchlight = await start()
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    answers = [await porchlight.http.post(address(porchlight, ada)) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert (answers[-1].json()["code"], 1 <= int(answers[-1].headers["retry-after"]) <= 60) == ("RATE_LIMITED", True)
    assert (await porchlight.http.post(address(porchlight, grace))).status_code == 200
    unlimited = await start(rate_limits=False)
    assert (await unlimited.http.post(address(porchlight, ada))).status_code == 200


async def test_tokens_outlive_secrets(start: Start) -> None:
    """A letter of years ago still leads out, whatever has been rotated since."""
    old = await start()
    ada = await old.register()
    new = await start(secret_key=("n" * 40, SECRET))
    assert (await new.http.post(address(old, ada), data=ONE_CLICK)).status_code == 200
    assert (await new.ask(MINE, token=ada.access_token))["me"]["notificationPreferences"][2]["enabled"] is False
