"""How a letter ends: once, and written down, whatever comes between."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from adapters.mail import MailRejected
from core.errors import Unavailable
from core.settings import Settings
from models import DeliveryStatus, Job, MailDelivery, User
from services import accounts, jobs, notifications, pruning
from services.app import App, open_app
from services.notifications import Delivery, Draft, Letter, Notice, Topic, suppression
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.letters_by_hand import send, waiting
from tests.porchlight import PASSWORD
from worker.letters import LETTERS
from worker.loop import Worker
from worker.tasks import TASKS

DAY = timedelta(days=1)
Ended = tuple[str, str, int | None, str | None]


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, and one user whose welcome is a job that nobody has done."""
    async with open_app(settings, clock=clock) as app:
        await accounts.register(
            app, email="ada@example.com", password=PASSWORD, name=None, device=None, client=Client()
        )
        yield app


@pytest.fixture
def sent(app: App, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Message-IDs of what the mail server was handed, in order."""
    handed: list[str] = []
    hand_over = app.mail.send

    async def counting(message: EmailMessage) -> None:
        handed.append(str(message["Message-ID"]))
        await hand_over(message)

    monkeypatch.setattr(app.mail, "send", counting)
    return handed


async def work(app: App) -> None:
    with app.database.bound():
        await Worker(app, TASKS).drain()


async def ended(app: App) -> list[Ended]:
    with app.database.bound():
        return [
            (row.letter, row.status, row.user_id, row.message_id) for row in await MailDelivery.all().order_by("id")
        ]


async def test_a_sent_letter_is_written_down_without_its_address(app: App, sent: list[str]) -> None:
    """With what finds it again: its job's key, its Message-ID, a keyed hash. It is not sent again, whoever asks."""
    await work(app)
    [message_id] = sent
    assert await ended(app) == [("welcome", DeliveryStatus.SENT, 1, message_id)]
    with app.database.bound():
        row = await MailDelivery.get()
        [job] = await waiting("welcome")
        assert (row.key, row.topic, row.code, row.at) == (job.dedup_key, Topic.SECURITY, None, START)
        assert row.address_hash == suppression.address_hash(app, "ada@example.com")
        assert "ada@" not in str(await MailDelivery.all().values())
        await send(app, "welcome", job.payload, delivery=job.dedup_key)
    assert sent == [message_id]
    assert app.metrics.mail.labels("welcome", "SENT")._value.get() == 1


async def test_what_is_late_or_untrue_is_not_sent(app: App, clock: ManualClock, sent: list[str]) -> None:
    """Its time is over by a second, or nobody is there to read it: written down as such, and done."""
    await work(app)
    sent.clear()
    with app.database.bound():
        late = {"user_id": 1, "not_after": (START + DAY).isoformat()}
        await clock.advance(DAY)
        await send(app, "welcome", late, delivery="in time")
        await clock.advance(timedelta(seconds=1))
        await send(app, "welcome", late, delivery="late")
        await send(app, "welcome", {"user_id": 99}, delivery="gone")
    assert len(sent) == 1
    assert [(letter, status, user) for letter, status, user, _ in (await ended(app))[1:]] == [
        ("welcome", DeliveryStatus.SENT, 1),
        ("welcome", DeliveryStatus.EXPIRED, 1),
        ("welcome", DeliveryStatus.OBSOLETE, None),
    ]


@pytest.mark.parametrize(
    ("fault", "status", "code", "attempts"),
    [
        (MailRejected(550, "5.7.1 not here"), DeliveryStatus.REJECTED, 550, 1),
        (Unavailable(retry_after=1.0), DeliveryStatus.GIVEN_UP, None, jobs.MAX_ATTEMPTS),
        (RuntimeError("unforeseen"), DeliveryStatus.GIVEN_UP, None, jobs.UNFORESEEN_ATTEMPTS),
    ],
)
async def test_what_fails_has_an_end(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: str, code: int | None,
    attempts: int,
) -> None:  # fmt: skip
    """At once when no later attempt would help, after the last when each fails: a dead job, and one line of the log."""
    monkeypatch.setattr(app.mail, "send", AsyncMock(side_effect=fault))
    with capture_logs():  # a trace of what nobody foresaw takes seconds to print
        for _ in range(jobs.MAX_ATTEMPTS):
            await work(app)
            await clock.advance(jobs.LONGEST_BACKOFF)
    with app.database.bound():
        [job] = await waiting("welcome")
        row = await MailDelivery.get(letter="welcome")
    assert (job.attempts, job.dead_at is not None) == (attempts, True)
    assert (row.status, row.code, row.user_id) == (status, code, 1)


async def test_a_worker_that_dies_each_time_gives_the_letter_up(app: App, clock: ManualClock, sent: list[str]) -> None:
    """Its attempts are used up by leases that ran out: the log says so once, however often it is told."""
    with app.database.bound():
        await Job.all().update(attempts=jobs.MAX_ATTEMPTS)
        await work(app)
        [job] = await waiting("welcome")
        await notifications.Sending(LETTERS).given_up(app, job.payload)
    assert (sent, job.dead_at) == ([], clock.now())
    assert await ended(app) == [("welcome", DeliveryStatus.GIVEN_UP, 1, None)]


async def test_a_letter_of_a_newer_version_waits_for_a_newer_worker(app: App, clock: ManualClock) -> None:
    """It is tried again, and dies in the end, visibly: nobody here knows what it is."""
    with app.database.bound(), capture_logs():
        await Job.all().delete()
        await notifications.enqueue_letter(app, "of_tomorrow", {"user_id": 1}, dedup_key="k")
        await work(app)
        [job] = await Job.all()
        assert (job.attempts, job.dead_at, job.due_at) == (1, None, clock.now() + jobs.FIRST_BACKOFF)
        await Job.all().update(attempts=jobs.MAX_ATTEMPTS, due_at=clock.now())
        await work(app)
        [job] = await Job.all()
    assert job.dead_at == clock.now()
    assert await ended(app) == []


async def test_two_workers_at_once_settle_a_letter_once(app: App, sent: list[str]) -> None:
    """The lease of the first one ran out while the mail server took its time: one line, one Message-ID."""
    [one] = [job for job in await _jobs(app) if job.payload["letter"] == "welcome"]
    hand_over = app.mail.send

    async def slow(message: EmailMessage) -> None:
        app.mail.send = hand_over  # type: ignore[method-assign]
        await send(app, "welcome", one.payload, delivery=one.dedup_key)
        await hand_over(message)

    app.mail.send = slow  # type: ignore[method-assign]
    with app.database.bound():
        await send(app, "welcome", one.payload, delivery=one.dedup_key)
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert len(await ended(app)) == 1


async def _jobs(app: App) -> list[Job]:
    with app.database.bound():
        return await Job.filter(kind=notifications.SEND)


async def test_a_user_who_goes_meanwhile_takes_the_entry_along(app: App, sent: list[str]) -> None:
    """The mail server was asked when the account went: the letter is out, and its entry names nobody."""
    hand_over = app.mail.send

    async def leaving(message: EmailMessage) -> None:
        await hand_over(message)
        await User.all().delete()

    app.mail.send = leaving  # type: ignore[method-assign]
    with app.database.bound():
        await send(app, "welcome", {"user_id": 1}, delivery="1")
        assert (await MailDelivery.get()).address_hash is None
    assert await ended(app) == [("welcome", DeliveryStatus.SENT, None, sent[0])]


async def test_what_follows_of_a_letter_is_written_with_its_end(app: App) -> None:
    """`settled` runs in the transaction of the entry: when it fails, neither stays."""
    seen: list[tuple[str, str]] = []

    async def compose(_: App, delivery: Delivery) -> Draft | None:
        user = await User.get(id=delivery.payload["user_id"])
        text = notifications.notices.TEXTS[Notice.EXPORTED]
        values: dict[str, Any] = {"sentence": text.sentence, "details": {}, "advice": None, "label": None, "url": None}
        return Draft(user=user, template="notice", subject=text.subject, values=values)

    async def settled(_: App, delivery: Delivery, status: DeliveryStatus) -> None:  # ruff: ignore[unused-async] -- as letters settle
        seen.append((delivery.key, status))
        if len(seen) == 1:
            raise Unavailable(retry_after=1.0)

    sending = notifications.Sending({"mine": Letter("mine", Topic.SECURITY, compose, settled)})
    payload = {"letter": "mine", "delivery": "k", "user_id": 1}
    with app.database.bound():
        with pytest.raises(Unavailable):
            await sending(app, payload)
        assert await MailDelivery.all().count() == 0
        await sending(app, payload)
    assert seen == [("k", DeliveryStatus.SENT)] * 2
    assert len(await ended(app)) == 1


async def test_the_log_is_kept_for_half_a_year(app: App, clock: ManualClock) -> None:
    """To the second."""
    await work(app)
    with app.database.bound():
        await clock.jump(START + pruning.MAIL_KEPT)
        await pruning.prune_mail(app, {})
        assert await MailDelivery.all().count() == 1
        await clock.jump(START + pruning.MAIL_KEPT + timedelta(seconds=1))
        await pruning.prune_mail(app, {})
        assert await MailDelivery.all().count() == 0
