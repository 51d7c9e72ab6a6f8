"""The pages that letters lead to, as a browser and a mail scanner meet them."""

import re
from datetime import timedelta

import httpx
import pytest

from models import AuditEvent, OneTimeToken, Session, User
from models.one_time_tokens import Purpose
from services import one_time_tokens
from tests.clock import ManualClock
from tests.conftest import Start
from tests.mailbox import letter_to, link_in, token_in
from tests.porchlight import LOGIN, PASSWORD, Porchlight

NEW = "violet lantern under the stairs"
ADA = "ada@example.com"
ME = "{ me { email } }"
TOKEN = "A" * 43
DEAD = "This link does not work any more."
PURPOSES = ["verify-email", "change-email", "reset-password", "report-sign-in", "cancel-deletion"]


async def send(porchlight: Porchlight, purpose: str, /, **form: str) -> httpx.Response:
    return await porchlight.http.post(f"/links/{purpose}", data=form)


async def link_of(porchlight: Porchlight, subject: str) -> str:
    """Path and query of the link in the newest letter with this subject."""
    link = link_in(await letter_to(porchlight, ADA, subject))
    return link.removeprefix(porchlight.app.settings.public_url)


async def verified(porchlight: Porchlight) -> bool:
    with porchlight.app.database.bound():
        return (await User.get()).email_verified_at is not None


async def test_looking_at_a_link_changes_nothing(porchlight: Porchlight) -> None:
    """However often a scanner follows it, by GET or HEAD; not a statement is run. Then its button works."""
    await porchlight.register()
    path = await link_of(porchlight, "Welcome")
    with porchlight.counting_queries() as statements:
        for _ in range(3):
            assert (await porchlight.http.get(path)).status_code == 200
            assert (await porchlight.http.head(path)).status_code == 200
    assert statements == []
    assert not await verified(porchlight)
    page = (await porchlight.http.get(path)).text
    assert re.findall(r'<form method="post" action="([^"]+)">', page) == ["verify-email"]
    [token] = re.findall(r'name="token" value="([^"]+)"', page)
    answer = await send(porchlight, "verify-email", token=token)
    assert answer.status_code == 200
    assert f"{ADA} is confirmed." in answer.text
    assert await verified(porchlight)
    again = await send(porchlight, "verify-email", token=token)
    assert (again.status_code, DEAD in again.text) == (410, True)


@pytest.mark.parametrize(
    ("languages", "language", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Neues Passwort setzen"),
        ("DE;q=0.5", "de", "Neues Passwort setzen"),
        ("fr,de", "en", "Set a new password"),
        ("*", "en", "Set a new password"),
        ("x" * 9999, "en", "Set a new password"),
        ("", "en", "Set a new password"),
    ],
)
async def test_a_page_speaks_its_readers_language(
    porchlight: Porchlight, languages: str, language: str, title: str
) -> None:
    """The one that the browser asks for first, where it is ours; and its answer does too."""
    headers = {"Accept-Language": languages}
    page = await porchlight.http.get(f"/links/reset-password?token={TOKEN}", headers=headers)
    assert f'<html lang="{language}">' in page.text
    assert f"<title>{title} · Porchlight</title>" in page.text
    form = {"token": TOKEN, "password": NEW}
    answer = await porchlight.http.post("/links/reset-password", data=form, headers=headers)
    assert ("gilt nicht mehr" in answer.text, DEAD in answer.text) == (language == "de", language == "en")


async def test_german_pages_do_the_same(porchlight: Porchlight) -> None:
    """The address is confirmed, and told as it was written."""
    await porchlight.register()
    token = token_in(await letter_to(porchlight, ADA, "Welcome"))
    answer = await porchlight.http.post("/links/verify-email", data={"token": token}, headers={"Accept-Language": "de"})
    assert f"{ADA} ist bestätigt." in answer.text
    assert await verified(porchlight)


async def test_a_page_may_do_nothing_but_send_its_form(porchlight: Porchlight) -> None:
    """No script, no frame, no foreign address; nobody keeps it, and its address is told to nobody."""
    for answer in (
        await porchlight.http.get(f"/links/reset-password?token={TOKEN}"),
        await send(porchlight, "reset-password", token=TOKEN, password=NEW),
        await porchlight.http.get("/links/verify-email"),
    ):
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert not [rule for rule in policy if "script" in rule or "unsafe" in rule]
        [nonce] = re.findall(r"style-src 'nonce-([\w-]+)'", answer.headers["content-security-policy"])
        assert f'<style nonce="{nonce}">' in answer.text
        assert "<script" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_dead_links_are_told_alike(porchlight: Porchlight, purpose: str) -> None:
    """One plain page, whether the token is unknown, another purpose's, none at all, or no token of ours."""
    await porchlight.register()
    token = token_in(await letter_to(porchlight, ADA, "Welcome"))
    with porchlight.app.database.bound():
        other = await one_time_tokens.issue(porchlight.app, Purpose.EXPORT, lifetime=timedelta(hours=1))
    for dead in [TOKEN, other] + [token] * (purpose != "verify-email"):
        answer = await send(porchlight, purpose, token=dead, password=NEW)
        assert (answer.status_code, DEAD in answer.text) == (410, True)
        assert "<form" not in answer.text
    for text in ("", "x", "<script>alert(1)</script>", "é" * 43):
        for answer in (
            await porchlight.http.get(f"/links/{purpose}", params={"token": text}),
            await send(porchlight, purpose, token=text),
        ):
            assert (answer.status_code, DEAD in answer.text, "<script" in answer.text) == (400, True, False)
    assert not await verified(porchlight)


async def test_a_link_that_has_expired(porchlight: Porchlight, clock: ManualClock) -> None:
    """Its page stands, its button finds it dead, and nothing has changed."""
    await porchlight.register()
    path = await link_of(porchlight, "Welcome")
    await clock.advance(timedelta(days=1))
    assert (await porchlight.http.get(path)).status_code == 200
    answer = await send(porchlight, "verify-email", token=path.partition("=")[2])
    assert (answer.status_code, DEAD in answer.text) == (410, True)
    assert not await verified(porchlight)


async def test_setting_a_password_on_the_page(porchlight: Porchlight) -> None:
    """A refused one is told why, and the form comes again with the same token; the accepted one is set."""
    await porchlight.register()
    await porchlight.ask(f'mutation {{ requestPasswordReset(email: "{ADA}") }}')
    path = await link_of(porchlight, "Set a new password")
    assert (
        '<input type="password" name="password" autocomplete="new-password"' in (await porchlight.http.get(path)).text
    )
    token = path.partition("=")[2]
    refused = await send(porchlight, "reset-password", token=token, password="passwordpassword")
    assert refused.status_code == 422
    assert "easy to guess" in refused.text
    assert f'name="token" value="{token}"' in refused.text
    assert "passwordpassword" not in refused.text
    missing = await send(porchlight, "reset-password", token=token)
    assert (missing.status_code, "15 characters or more" in missing.text) == (422, True)
    done = await send(porchlight, "reset-password", token=token, password=NEW)
    assert (done.status_code, "Your new password is set" in done.text) == (200, True)
    answers = [
        (await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": password}}))["login"]["__typename"]
        for password in (PASSWORD, NEW)
    ]
    assert answers == ["InvalidCredentials", "LoginSuccess"]
    with porchlight.app.database.bound():
        assert await Session.filter(revoked_reason="ADDRESS_PROVEN").count() == 1  # the letter proves it as well
        assert (await AuditEvent.get(action="password.reset")).ip == "127.0.0.1"


async def test_moving_to_another_address_on_the_page(porchlight: Porchlight) -> None:
    """The page tells where the account has moved."""
    person = await porchlight.register()
    change = 'mutation { requestEmailChange(newEmail: "new@example.com") { __typename } }'
    await porchlight.ask(change, token=person.access_token)
    token = token_in(await letter_to(porchlight, "new@example.com", "Confirm your new"))
    answer = await send(porchlight, "change-email", token=token)
    assert "Your account has moved to new@example.com." in answer.text


async def test_a_sign_in_link_is_handed_to_the_app(porchlight: Porchlight) -> None:
    """Our page can sign in no foreign frontend: it shows what to copy there, and has no button."""
    await porchlight.register()
    await porchlight.ask(f'mutation {{ requestMagicLink(email: "{ADA}") }}')
    path = await link_of(porchlight, "Sign in to")
    page = (await porchlight.http.get(path)).text
    token = path.partition("=")[2]
    assert f"<code>{token}</code>" in page
    assert "<form" not in page
    assert (await send(porchlight, "magic-link", token=token)).status_code == 405
    result = await porchlight.ask(f'mutation {{ completeMagicLink(token: "{token}") {{ __typename }} }}')
    assert result["completeMagicLink"]["__typename"] == "LoginSuccess"


async def test_a_sign_in_that_was_not_the_owners_is_ended(porchlight: Porchlight) -> None:
    """By the link of the letter that tells of it: looking ends nothing, the button ends that session and no other."""
    person = await porchlight.register()
    other = await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": PASSWORD}})
    intruder = other["login"]["tokens"]["accessToken"]
    path = await link_of(porchlight, "A new sign-in")
    assert "/links/report-sign-in?" in path
    assert (await porchlight.http.get(path)).status_code == 200
    assert (await porchlight.ask(ME, token=intruder))["me"] == {"email": ADA}
    answer = await send(porchlight, "report-sign-in", token=path.partition("=")[2])
    assert (answer.status_code, "That device is signed out." in answer.text) == (200, True)
    assert (await porchlight.post(ME, token=intruder)).status_code == 401
    assert (await porchlight.ask(ME, token=person.access_token))["me"] == {"email": ADA}
    again = await send(porchlight, "report-sign-in", token=path.partition("=")[2])
    assert (again.status_code, DEAD in again.text) == (410, True)


async def test_an_account_is_kept_by_its_letter(porchlight: Porchlight) -> None:
    """The link of the letter that follows `deleteAccount`: looking keeps nothing, the button does."""
    person = await porchlight.register()
    delete = "mutation { deleteAccount { ... on DeleteAccountSuccess { deletionAt } } }"
    await porchlight.ask(delete, token=person.access_token)
    path = await link_of(porchlight, "Your account is going to be deleted")
    assert (await porchlight.http.get(path)).status_code == 200
    assert (await porchlight.ask("{ me { deletionAt } }", token=person.access_token))["me"]["deletionAt"] is not None
    answer = await send(porchlight, "cancel-deletion", token=path.partition("=")[2])
    assert (answer.status_code, "Your account stays" in answer.text) == (200, True)
    assert (await porchlight.ask("{ me { deletionAt } }", token=person.access_token))["me"]["deletionAt"] is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 410),
        ({"Origin": "http://localhost:8000"}, 410),
        ({}, 410),
    ],
)
async def test_forms_of_other_sites_are_refused(porchlight: Porchlight, headers: dict[str, str], status: int) -> None:
    """As far as the browser tells where they stand."""
    answer = await porchlight.http.post("/links/verify-email", data={"token": TOKEN}, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"token": "x"}', "application/json", 415),
        (b"token=x", "", 415),
        (b"token=\xff", "application/x-www-form-urlencoded", 400),
        (b"token=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1&b=2&c=3&d=4&e=5", "application/x-www-form-urlencoded", 400),
        (b"x" * 1_048_577, "application/x-www-form-urlencoded", 413),
        (b"token=" + TOKEN.encode() + b"&token=x", "application/x-www-form-urlencoded; charset=utf-8", 410),
    ],
)
async def test_bodies_that_are_no_form_of_ours(
    porchlight: Porchlight, content: bytes, media_type: str, status: int
) -> None:
    """Are refused before anything is looked up."""
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await porchlight.http.post("/links/verify-email", content=content, headers=headers)
    assert answer.status_code == status


async def test_unknown_purposes_are_not_found(porchlight: Porchlight) -> None:
    """Half sessions, exports and challenges have no page."""
    for purpose in ("mfa", "export", "challenge", "VERIFY-EMAIL", "x"):
        assert (await porchlight.http.get(f"/links/{purpose}?token={TOKEN}")).status_code == 404
        assert (await send(porchlight, purpose, token=TOKEN)).status_code == 404


async def test_forms_are_limited(start: Start) -> None:
    """Twenty a minute from one network; then the page says to wait, and the token is as it was."""
    porchlight = await start()
    await porchlight.register()
    token = token_in(await letter_to(porchlight, ADA, "Welcome"))
    for _ in range(20):
        assert (await send(porchlight, "verify-email", token=TOKEN)).status_code == 410
    answer = await send(porchlight, "verify-email", token=token)
    assert (answer.status_code, "Too many requests." in answer.text) == (429, True)
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert not await verified(porchlight)
    unlimited = await start(rate_limits=False)
    for _ in range(21):
        assert (await send(unlimited, "verify-email", token=TOKEN)).status_code == 410


async def test_a_server_that_is_busy_says_so(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form stays, and the link with it."""
    await porchlight.register()
    await porchlight.ask(f'mutation {{ requestPasswordReset(email: "{ADA}") }}')
    token = token_in(await letter_to(porchlight, ADA, "Set a new password"))
    monkeypatch.setattr(porchlight.app.passwords._hashing, "room", 0)
    answer = await send(porchlight, "reset-password", token=token, password=NEW)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert f'name="token" value="{token}"' in answer.text
    with porchlight.app.database.bound():
        assert await OneTimeToken.filter(purpose="RESET_PASSWORD", used_at=None).count() == 1
