from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from adapters.mail.smtp import Tls
from core.settings import Settings
from models import Job, MailDelivery, Trial, User
from services import accounts
from services.app import App, open_app
from services.languages import reader_of
from services.notifications.printing import printed
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.letters_by_hand import send, waiting
from tests.porchlight import PASSWORD, Porchlight
from tests.services.smtp import Serve
from tests.services.valkey import until
from worker.loop import Worker
from worker.tasks import TASKS

PRODUCTION = {
    "profile": "production",
    "payments_url": "stripe://",
    "stripe_api_key": "sk_live_1",
    "stripe_webhook_secret": ("whsec_1",),
}


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker."""
    async with open_app(settings, clock=clock) as app:
        yield app


async def register(app: App, email: str = "ada@example.com", name: str | None = None) -> User:
    """Somebody new who has proven to read the address, and whose letter is a job that nobody has done yet."""
    signed_in, _ = await accounts.register(app, email=email, password=PASSWORD, name=name, device=None, client=Client())
    await User.filter(id=signed_in.user.id).update(email_verified_at=START)
    return signed_in.user


async def drain(app: App) -> list[dict[str, Any]]:
    """Do what is due; what has become of each job but reminders of the trial, which come later."""
    with app.database.bound():
        await Worker(app, TASKS).drain()
        rows = Job.exclude(dedup_key__startswith="trial:").order_by("id")
        return list(await rows.values("attempts", "due_at", "done_at", "dead_at", "last_error"))


def outbox(settings: Settings) -> list[Path]:
    return sorted(Path(settings.mail_url.removeprefix("outbox://")).glob("*.eml"))


def letters(settings: Settings) -> list[EmailMessage]:
    """What has been sent."""
    return [message_from_bytes(file.read_bytes(), EmailMessage, policy=policy.default) for file in outbox(settings)]


def part(letter: EmailMessage, kind: str) -> str:
    """A letter's text or HTML."""
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def test_registration_sends_one_letter_that_the_outbox_shows(porchlight: Porchlight) -> None:
    """Through the front door: register, and read the letter a moment later."""
    await porchlight.register("Ada@Example.com", name="Ada")
    settings = porchlight.app.settings
    await until(lambda: bool(outbox(settings)))
    [file] = outbox(settings)
    listed = await porchlight.http.get("/dev/outbox")
    assert listed.text.count("<li>") == 1
    assert f'href="/dev/outbox/{file.name}"' in listed.text
    assert "Welcome to Porchlight" in listed.text
    assert "Ada@example.com" in listed.text
    shown = await porchlight.http.get(f"/dev/outbox/{file.name}")
    assert shown.status_code == 200
    assert "Hello," in shown.text


async def test_letter_says_what_begins(app: App) -> None:
    """In text and in HTML: whose account, which plan, until when, and where."""
    await register(app, "Ada@Example.com", "Ada")
    assert [row["done_at"] for row in await drain(app)] == [START]
    [letter] = letters(app.settings)
    assert letter["Subject"] == "Welcome to Porchlight"
    assert letter["From"] == "Porchlight <hello@localhost>"
    assert letter["To"] == "Ada@example.com"
    assert letter["Date"].datetime == START
    assert letter.get_content_type() == "multipart/alternative"
    assert part(letter, "plain") == (
        "Hello Ada,\n\nYour account is ready. Pro is yours for 14 days.\n\nPlan: Pro\n"
        "Ends: Monday, March 16, 2026 at 9:00\N{NO-BREAK SPACE}AM (UTC)\n\nhttp://localhost:8000\n"
    )
    html = part(letter, "html")
    assert "Hello Ada," in html
    assert '<html lang="en">' in html
    assert ">Your account is ready. Pro is yours for 14 days.</p>" in html
    assert ">Monday, March 16, 2026 at 9:00&nbsp;AM (UTC)</td>" in html
    assert 'href="http://localhost:8000"' in html


@pytest.mark.parametrize(
    ("device", "kept", "subject"),
    [
        ({"locale": "de-AT", "timezone": "Europe/Vienna"}, ("de-AT", "Europe/Vienna"), "Willkommen bei Porchlight"),
        ({"locale": "not a tag", "timezone": "Mars/Olympus"}, (None, None), "Welcome to Porchlight"),
        ({"locale": "d" * 35, "timezone": "../UTC"}, (None, None), "Welcome to Porchlight"),
    ],
)
async def test_letters_begin_in_the_language_of_the_device(
    porchlight: Porchlight, device: dict[str, str], kept: tuple[str | None, str | None], subject: str
) -> None:
    """What a new account's first device says of its language and zone, as far as it makes sense."""
    person = await porchlight.register(device=device)
    me = (await porchlight.ask("{ me { locale timezone } }", token=person.access_token))["me"]
    assert (me["locale"], me["timezone"]) == kept
    settings = porchlight.app.settings
    await until(lambda: bool(outbox(settings)))
    assert letters(settings)[0]["Subject"] == subject


async def test_second_delivery_is_the_same_letter(app: App) -> None:
    """The process died between sending and writing it down: the Message-ID is the same, the outbox has one file."""
    user = await register(app)
    await drain(app)
    [first] = letters(app.settings)
    with app.database.bound():
        [job] = await waiting("welcome")
        await MailDelivery.all().delete()
        await send(app, "welcome", {"user_id": user.id}, delivery=job.dedup_key)
    [second] = letters(app.settings)
    assert second["Message-ID"] == first["Message-ID"]
    await register(app, "grace@example.com")
    await drain(app)
    assert len({letter["Message-ID"] for letter in letters(app.settings)}) == 2


async def test_person_without_a_trial_reads_of_none(app: App) -> None:
    """A second account of one person is welcome too, without days that it does not have."""
    await register(app, "ada@gmail.com")
    await register(app, "a.da+2@gmail.com")
    with app.database.bound():
        assert await Trial.all().count() == 1
    await drain(app)
    [letter] = [letter for letter in letters(app.settings) if letter["To"] == "a.da+2@gmail.com"]
    assert part(letter, "plain") == "Hello,\n\nYour account is ready.\n\nhttp://localhost:8000\n"
    assert "Pro" not in part(letter, "html").replace("Welcome to Porchlight", "")


async def test_hostile_name_stays_text(app: App) -> None:
    """Markup in a name is escaped in the letter."""
    await register(app, name="<script>alert(1)</script>")
    await drain(app)
    [letter] = letters(app.settings)
    assert "Hello <script>alert(1)</script>," in part(letter, "plain")
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;," in part(letter, "html")


async def test_letter_to_an_unproven_address_says_nothing_of_the_writer(porchlight: Porchlight) -> None:
    """Whoever registers somebody else's address cannot write to them."""
    await porchlight.register(name="Win a prize at evil.example")
    settings = porchlight.app.settings
    await until(lambda: bool(outbox(settings)))
    [letter] = letters(settings)
    page = (await porchlight.http.get(f"/dev/outbox/{outbox(settings)[0].name}")).text
    assert "evil" not in part(letter, "plain") + part(letter, "html") + page
    assert "<script" not in page


async def test_outbox_is_for_our_own_names(porchlight: Porchlight) -> None:
    """A page under a foreign name that points here reads no letter: DNS rebinding."""
    for path in ("/dev/outbox", "/dev/outbox/x.eml"):
        assert (await porchlight.http.get(path, headers={"Host": "evil.example"})).status_code == 404
    for name in ("localhost", "127.0.0.1:1", "[::1]:8000"):
        assert (await porchlight.http.get("/dev/outbox", headers={"Host": name})).status_code == 200


@pytest.mark.parametrize(
    "email", ["ada@example.com\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\rBcc: eve@example.com"]
)
async def test_header_cannot_be_injected(app: App, email: str) -> None:
    """Not even by a row that no registration could have written: nothing is sent, and the reason stays."""
    user = await register(app)
    with app.database.bound():
        await User.filter(id=user.id).update(email=email)
    [row] = await drain(app)
    assert row["last_error"].startswith("ValueError: invalid arguments; address parts cannot contain CR or LF")
    assert letters(app.settings) == []


async def test_name_never_reaches_a_header(app: App) -> None:
    """A name with line breaks would change the body alone."""
    user = await register(app)
    with app.database.bound():
        await User.filter(id=user.id).update(name="Eve\r\nBcc: eve@example.com")
    await drain(app)
    [letter] = letters(app.settings)
    written = {"Date", "From", "Message-ID", "Return-Path", "Subject", "To"}
    assert set(letter.keys()) == written | {"Content-Type", "MIME-Version"}
    assert "Eve" not in str(dict(letter.items()))


async def test_nobody_is_written_to_whose_account_has_gone(app: App) -> None:
    """The job is done, and no letter was sent."""
    user = await register(app)
    with app.database.bound():
        await User.filter(id=user.id).delete()
    [row] = await drain(app)
    assert (row["done_at"], row["last_error"]) == (START, None)
    assert letters(app.settings) == []


async def test_mail_that_is_deferred_is_sent_later(settings: Settings, clock: ManualClock, serve_smtp: Serve) -> None:
    """The server takes nothing now, then everything: one letter after five seconds."""
    server = await serve_smtp(Tls.NONE)
    server.recipient_answers["ada@example.com"] = "451 Try again later"
    settings = replace(settings, mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    async with open_app(settings, clock=clock) as app:
        await register(app)
        [row] = await drain(app)
        assert (row["attempts"], row["due_at"]) == (1, START + timedelta(seconds=5))
        assert row["last_error"].startswith("Unavailable: ")
        assert server.messages == []
        server.recipient_answers.clear()
        await clock.advance(timedelta(seconds=5))
        [row] = await drain(app)
        assert (row["attempts"], row["done_at"], row["last_error"]) == (2, clock.now(), None)
    assert [message["To"] for message in server.messages] == ["ada@example.com"]


async def test_mail_that_is_refused_is_not_sent_again(
    settings: Settings, clock: ManualClock, serve_smtp: Serve
) -> None:
    """There is no such mailbox: a dead letter after one attempt."""
    server = await serve_smtp(Tls.NONE)
    server.recipient_answers["ada@example.com"] = "550 No such user"
    settings = replace(settings, mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    async with open_app(settings, clock=clock) as app:
        await register(app)
        [row] = await drain(app)
    assert (row["attempts"], row["due_at"], row["dead_at"]) == (1, None, START)
    assert row["last_error"] == "MailRejected: The message was refused."


@pytest.mark.parametrize(
    ("email", "to"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
        ("!#$%&'*/=?^_`{|}~-@example.com", "!#$%&'*/=?^_`{|}~-@example.com"),
    ],
)
async def test_any_server_can_write_to_a_foreign_domain(
    settings: Settings, clock: ManualClock, serve_smtp: Serve, email: str, to: str
) -> None:
    """The domain travels in ASCII, so that no server need know about Unicode."""
    server = await serve_smtp(Tls.NONE)
    settings = replace(settings, mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    async with open_app(settings, clock=clock) as app:
        await register(app, email)
        [row] = await drain(app)
    assert (row["done_at"], row["last_error"]) == (START, None)
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [[to]]
    assert [message["To"] for message in server.messages] == [to]


@pytest.mark.parametrize(("knows", "error"), [(True, None), (False, "MailRejected: The message was refused.")])
async def test_mailbox_in_unicode_needs_a_server_that_knows_it(
    settings: Settings, clock: ManualClock, serve_smtp: Serve, *, knows: bool, error: str | None
) -> None:
    """By SMTPUTF8 (RFC 6531) it is written to; without, the letter is dead at once, since no later try would help."""
    server = await serve_smtp(Tls.NONE, enable_SMTPUTF8=knows)
    settings = replace(settings, mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    async with open_app(settings, clock=clock) as app:
        await register(app, "jörg@bücher.example")
        [row] = await drain(app)
    assert (row["attempts"], row["last_error"]) == (1, error)
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [["jörg@xn--bcher-kva.example"]] * knows


async def test_outbox_keeps_a_mailbox_in_unicode(app: App) -> None:
    """As it was written."""
    await register(app, "jörg@bücher.example", "Jörg 🌱")
    await drain(app)
    [letter] = letters(app.settings)
    assert letter["To"] == "jörg@xn--bcher-kva.example"
    assert "Hello Jörg 🌱," in part(letter, "plain")


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        ("https://porch.example:8443/app", "porch.example"),
        ("http://192.0.2.7:8000", "[192.0.2.7]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
    ],
)
async def test_letters_come_from_where_the_links_lead(
    settings: Settings, clock: ManualClock, public_url: str, host: str
) -> None:
    """The sender and the Message-ID bear the host of PUBLIC_URL, an IP address in brackets."""
    async with open_app(replace(settings, public_url=public_url), clock=clock) as app:
        await register(app)
        [row] = await drain(app)
        assert row["last_error"] is None
    [letter] = letters(settings)
    assert letter["From"] == f"Porchlight <hello@{host}>"
    assert letter["From"].addresses[0].domain == host
    assert letter["Message-ID"].endswith(f"@{host}>")
    assert part(letter, "plain").endswith(f"\n{public_url}\n")


def test_template_without_its_value_is_a_bug() -> None:
    """A letter with a gap in it is not sent."""
    with pytest.raises(UndefinedError):
        printed(reader_of("en"), "welcome", {"name": None})


async def test_empty_outbox_says_what_to_do(porchlight: Porchlight) -> None:
    """Instead of an empty list; nobody keeps the page, and nothing on it may run."""
    page = await porchlight.http.get("/dev/outbox")
    assert page.status_code == 200
    assert "No letter yet" in page.text
    assert "<ul>" not in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if "script" in rule]


@pytest.mark.parametrize(
    "name",
    [
        "nobody.eml",
        "secret.eml",
        "..%2Fsecret.eml",
        "%2e%2e%2fsecret.eml",
        "..",
        "x.txt",
        ".x.eml",
        "%00.eml",
        "a" * 999,
    ],
)
async def test_strange_name_is_no_letter(porchlight: Porchlight, tmp_path: Path, name: str) -> None:
    """Nothing outside the folder is ever read."""
    (tmp_path / "secret.eml").write_text("Message-ID: <1@x>\n\nsecret")
    page = await porchlight.http.get(f"/dev/outbox/{name}")
    assert page.status_code == 404
    assert page.json()["code"] == "NOT_FOUND"


async def test_production_shows_no_mail(start: Start) -> None:
    """The folder may serve there; its page does not."""
    porchlight = await start(**PRODUCTION)
    await porchlight.register()
    await until(lambda: bool(outbox(porchlight.app.settings)))
    [file] = outbox(porchlight.app.settings)
    assert (await porchlight.http.get("/dev/outbox")).status_code == 404
    assert (await porchlight.http.get(f"/dev/outbox/{file.name}")).status_code == 404


async def test_smtp_leaves_nothing_to_show(start: Start, serve_smtp: Serve) -> None:
    """What has been handed over is not kept."""
    server = await serve_smtp(Tls.NONE)
    porchlight = await start(mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    assert (await porchlight.http.get("/dev/outbox")).status_code == 404
