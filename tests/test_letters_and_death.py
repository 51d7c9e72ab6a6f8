"""`kill -9` at each commit of a letter: it is in the outbox once, and by SMTP at most twice, as one letter."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from adapters.mail.smtp import Tls
from core.settings import Settings
from models import DeliveryStatus, Job, MailDelivery, OneTimeToken, User
from services import accounts
from services.accounts import magic_links
from services.app import App, open_app
from services.jobs import LEASE
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.dying_worker import POINTS
from tests.mailbox import code_in
from tests.porchlight import PASSWORD
from tests.services.smtp import Serve
from worker.loop import Worker
from worker.tasks import TASKS

ROOT = Path(__file__).parents[1]
ADA = "ada@example.com"


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """Somebody who has asked for a way in by mail, which nobody has sent yet."""
    async with open_app(settings, clock=clock) as app:
        await accounts.register(app, email=ADA, password=PASSWORD, name=None, device=None, client=Client())
        await User.all().update(email_verified_at=START)
        await Job.all().delete()
        await magic_links.request(app, ADA, Client(ip="192.0.2.1"))
        yield app


def outbox(settings: Settings) -> list[EmailMessage]:
    files = Path(settings.mail_url.removeprefix("outbox://")).glob("*.eml")
    return [message_from_bytes(file.read_bytes(), EmailMessage, policy=policy.default) for file in files]


def words(letter: EmailMessage) -> str:
    """The text, which holds the link and the code."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def die_at(point: str, settings: Settings) -> None:
    """What becomes of a worker of these settings."""
    urls = (settings.database_url, settings.redis_url, settings.mail_url)
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.dying_worker", point, *urls, cwd=ROOT)
    assert await child.wait() == -9


async def another_worker(app: App, clock: ManualClock) -> None:
    """Goes on once the lease has passed."""
    await clock.advance(LEASE)
    with app.database.bound():
        await Worker(app, TASKS).drain()
        [job] = await Job.filter(dedup_key__startswith="mail.magic_link")
        assert job.done_at is not None
        assert [row.status for row in await MailDelivery.all()] == [DeliveryStatus.SENT]
        assert await OneTimeToken.filter(used_at=None).count() == 2  # one link, one code


@pytest.mark.parametrize("point", POINTS)
async def test_the_outbox_has_each_letter_once(app: App, clock: ManualClock, point: str) -> None:
    """Wherever the worker dies, there is one file, and its link and code are those that work."""
    await die_at(point, app.settings)
    before = [words(letter) for letter in outbox(app.settings)]
    assert len(before) == (point in {"handed over", "settled"})
    await another_worker(app, clock)
    [letter] = outbox(app.settings)
    assert before in ([], [words(letter)])
    with app.database.bound():
        signed_in = await magic_links.complete_by_code(app, ADA, code_in(words(letter)), None, Client())
        assert signed_in.user.email == ADA


async def test_smtp_sends_at_most_twice_and_the_same(app: App, clock: ManualClock, serve_smtp: Serve) -> None:
    """Between the server's answer and our entry lies the window: one Message-ID, the same link, the same code."""
    server = await serve_smtp(Tls.NONE)
    by_smtp = replace(app.settings, mail_url=f"smtp://127.0.0.1:{server.port}?tls=none")
    await die_at("handed over", by_smtp)
    [first] = server.messages
    await another_worker(app, clock)
    [second] = outbox(app.settings)
    assert (first["Message-ID"], words(first)) == (second["Message-ID"], words(second))
