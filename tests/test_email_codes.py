"""The challenge of a letter: a code that shows whoever acts for an address that reads its mail."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import structlog

from core.emails import parse_email
from core.errors import RateLimited
from core.settings import Settings
from models import DeliveryStatus, Job, MailDelivery, OneTimeToken, User
from models.one_time_tokens import Purpose
from services import challenges, email_codes
from services.app import App, open_app
from services.challenges import ChallengeRequired
from services.sessions import Client
from tests.clock import ManualClock
from tests.letters_by_hand import send, waiting
from tests.mailbox import code_in, outbox, text_of
from tests.porchlight import PASSWORD
from worker.loop import Worker
from worker.tasks import TASKS

ADA = "ada@example.com"
HERE, THERE = Client(ip="203.0.113.7"), Client(ip="198.51.100.7")
MINUTE = timedelta(seconds=60)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a worker of its own."""
    async with open_app(settings, clock=clock) as app:
        yield app


async def asked(app: App, answer: str | None = None, **given: Any) -> Any:
    """The parameters of the challenge that stands in the way; None when the answer is taken."""
    email, of = given.pop("email", ADA), given.pop("of", challenges.REGISTER)
    with app.database.bound():
        try:
            await email_codes.require(
                app, of, address=parse_email(email), answer=answer, client=given.get("client", HERE)
            )
        except ChallengeRequired as refusal:
            return {"EMAIL_CODE": refusal.parameters}[refusal.kind]
    return None


async def delivered(app: App) -> list[EmailMessage]:
    """Every letter, once all jobs that are due are done."""
    with app.database.bound():
        await Worker(app, TASKS).drain()
        assert not await Job.filter(done_at=None, due_at__lte=app.clock.now()).exists()
    return outbox(Path(app.settings.mail_url.removeprefix("outbox://")))


async def code_of(app: App, clock: ManualClock | None = None, **given: Any) -> str:
    """The code of a new letter, a minute after the one before if a clock is given."""
    if clock:
        await clock.advance(MINUTE)
    await asked(app, **given)
    return code_in(text_of((await delivered(app))[-1]))


def wrong(code: str) -> str:
    """Another code than this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_who_acts_for_an_address_is_sent_a_code(app: App) -> None:
    """It says where to and for how long, the letter has the code in text and HTML, and no account is needed."""
    assert await asked(app, email="Ada@Example.com") == {
        "sentTo": "A•••@Example.com",
        "expiresAt": "2026-03-02T09:10:00+00:00",
        "digits": 6,
        "attemptsLeft": 5,
    }
    [letter] = await delivered(app)
    assert (letter["To"], letter["Subject"]) == ("Ada@example.com", "Your code")
    code = code_in(text_of(letter))
    html = letter.get_body(("html",))
    assert html is not None
    assert f"{code[:3]} {code[3:]}" in html.get_content()
    assert "10 minutes" in text_of(letter)
    with app.database.bound():
        assert not await User.exists()


@pytest.mark.parametrize("spelled", ["{}{}", " {}{}\n", "{} {}"])
async def test_the_code_opens_once_from_anywhere(app: App, spelled: str) -> None:
    """From another network too, with the spaces that people type; then it is spent."""
    code = await code_of(app)
    typed = spelled.format(code[:3], code[3:])
    assert await asked(app, typed, client=THERE, email="ADA@example.com") is None
    assert (await asked(app, code))["attemptsLeft"] == 0
    assert len(await delivered(app)) == 1


async def test_of_many_who_bring_it_at_once_one_passes(app: App) -> None:
    """One UPDATE decides."""
    code = await code_of(app)
    answers = await asyncio.gather(*(asked(app, code) for _ in range(4)))
    assert answers.count(None) == 1


async def test_a_code_is_for_one_action_and_one_address(app: App) -> None:
    """Elsewhere it is no code at all, and each has a letter of its own in the same minute."""
    code = await code_of(app)
    assert (await asked(app, code, of=challenges.LOGIN))["attemptsLeft"] == 5
    assert (await asked(app, code, email="grace@example.com"))["sentTo"] == "g•••@example.com"
    assert len(await delivered(app)) == 3
    assert await asked(app, code) is None


async def test_a_code_may_be_tried_five_times(app: App, clock: ManualClock) -> None:
    """Wrong tries send no letter; after the fifth the right one is wrong, and a minute later there is another."""
    code = await code_of(app)
    left = [(await asked(app, wrong(code)))["attemptsLeft"] for _ in range(6)]
    assert left == [4, 3, 2, 1, 0, 0]
    assert (await asked(app, code))["attemptsLeft"] == 0
    assert len(await delivered(app)) == 1
    await clock.advance(MINUTE)
    assert (await asked(app, code))["attemptsLeft"] == 5
    letters = await delivered(app)
    assert len(letters) == 2
    assert await asked(app, code_in(text_of(letters[-1]))) is None


async def test_the_fifth_try_may_be_right(app: App) -> None:
    """The count is of tries, not of failures before the last."""
    code = await code_of(app)
    for _ in range(4):
        await asked(app, wrong(code))
    assert await asked(app, code) is None


async def test_tries_that_come_at_once_are_counted(app: App) -> None:
    """Of ten wrong codes at the same moment five are looked at."""
    code = await code_of(app)
    await asyncio.gather(*(asked(app, wrong(code)) for _ in range(10)))
    with app.database.bound():
        assert (await OneTimeToken.get()).attempts == 5


async def test_nobody_elsewhere_uses_up_the_tries(app: App) -> None:
    """Other networks have five among them, one try each here; the network that asked has its own five all the same."""
    code = await code_of(app)
    guessers = [Client(ip=f"198.51.{number}.7") for number in range(6)]
    left = [(await asked(app, wrong(code), client=guesser))["attemptsLeft"] for guesser in guessers]
    assert left == [4, 3, 2, 1, 0, 0]
    assert (await asked(app, code, client=THERE))["attemptsLeft"] == 0
    assert [(await asked(app, wrong(code)))["attemptsLeft"] for _ in range(4)] == [4, 3, 2, 1]
    assert await asked(app, code) is None


async def test_what_is_no_code_is_no_try(app: App) -> None:
    """Such as the answer to another challenge, or digits of another script."""
    code = await code_of(app)
    for answer in ("", "12345", "1234567", "x" * 5_000, "12345a", "١٢٣٤٥٦"):
        assert (await asked(app, answer))["attemptsLeft"] == 5
    assert await asked(app, code) is None


async def test_a_code_lasts_ten_minutes(app: App, clock: ManualClock) -> None:
    """Then it is wrong, and another letter goes."""
    code = await code_of(app)
    await clock.advance(email_codes.LIFETIME)
    assert (await asked(app, code))["expiresAt"] == "2026-03-02T09:20:00+00:00"
    code = code_in(text_of((await delivered(app))[-1]))
    await clock.advance(email_codes.LIFETIME - timedelta(seconds=1))
    assert await asked(app, code) is None


async def test_the_newest_code_is_the_only_one(app: App, clock: ManualClock) -> None:
    """Who asks again a minute later makes the first letter useless."""
    first = await code_of(app)
    second = await code_of(app, clock)
    assert first == second or (await asked(app, first))["attemptsLeft"] == 4
    assert await asked(app, second) is None


async def test_one_letter_a_minute(app: App, clock: ManualClock) -> None:
    """However often it is asked for, at once or one after the other; what is told is the letter that is there."""
    answers = await asyncio.gather(*(asked(app) for _ in range(4)))
    assert {answer["expiresAt"] for answer in answers} == {"2026-03-02T09:10:00+00:00"}
    assert len(await delivered(app)) == 1
    await clock.advance(timedelta(seconds=59))
    assert (await asked(app))["expiresAt"] == "2026-03-02T09:10:00+00:00"
    assert len(await delivered(app)) == 1
    await clock.advance(timedelta(seconds=1))
    await asked(app)
    assert (await asked(app))["expiresAt"] == "2026-03-02T09:11:00+00:00"
    assert len(await delivered(app)) == 2


async def test_a_letter_that_is_tried_again_has_the_same_code(app: App) -> None:
    """The process may end after the letter has gone out: the second one is the same, and opens no spent code anew."""
    await asked(app)
    first = code_in(text_of((await delivered(app))[-1]))
    with app.database.bound():
        job = await Job.get()
        await MailDelivery.all().delete()
        await send(app, email_codes.LETTER, job.payload, delivery=job.dedup_key)
    [letter] = await delivered(app)
    assert code_in(text_of(letter)) == first
    assert await asked(app, first) is None
    with app.database.bound():
        await MailDelivery.all().delete()
        await send(app, email_codes.LETTER, job.payload, delivery=job.dedup_key)
    assert await asked(app, first) is not None


async def test_a_letter_that_is_late_gives_way_to_a_newer_one(app: App, clock: ManualClock) -> None:
    """Its code, spent, does not come back, and the newer one stands; a repeated one lives for its whole time."""
    await asked(app)
    old = code_in(text_of((await delivered(app))[-1]))
    with app.database.bound():
        [late] = await waiting(email_codes.LETTER)
    assert await asked(app, old) is None
    await clock.advance(timedelta(minutes=2))
    await asked(app)
    new = code_in(text_of((await delivered(app))[-1]))
    with app.database.bound():
        await MailDelivery.all().delete()
        await send(app, email_codes.LETTER, late.payload, delivery=late.dedup_key)
        assert [row.status for row in await MailDelivery.all()] == [DeliveryStatus.OBSOLETE]
        newer = (await waiting(email_codes.LETTER))[-1]
        await clock.advance(timedelta(minutes=20))
        await send(app, email_codes.LETTER, newer.payload, delivery=newer.dedup_key)
    assert len(await delivered(app)) == 2
    assert old == new or (await asked(app, old))["attemptsLeft"] == 4
    assert await asked(app, new) is None


async def refused(app: App, **given: Any) -> float:
    """The seconds that somebody has to wait who asks for one letter too many."""
    with pytest.raises(RateLimited) as refusal:
        await asked(app, **given)
    return refusal.value.retry_after


async def test_no_mailbox_is_flooded(app: App) -> None:
    """Five letters a day from one network, whichever tag the address has; another network still gets one."""
    for number in range(5):
        await asked(app, email=f"ada+{number}@example.com")
    assert 86_000 < await refused(app, email=ADA) <= 86_400
    assert (await asked(app, client=THERE))["attemptsLeft"] == 5
    assert (await asked(app, email="grace@example.com"))["attemptsLeft"] == 5
    assert len(await delivered(app)) == 7


async def test_many_networks_flood_no_mailbox(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a count of the mailbox alone."""
    monkeypatch.setattr(email_codes, "ANYWHERE", replace(email_codes.ANYWHERE, limit=2))
    for number in range(2):
        await asked(app, email=f"ada+{number}@example.com", client=Client(ip=f"203.0.{number}.7"))
    assert await refused(app, client=Client(ip="203.0.9.7"))
    assert len(await delivered(app)) == 2


async def test_no_network_floods_many(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has strangers sent letters is stopped; a refusal leaves no job, and codes may be tried all the same."""
    monkeypatch.setattr(email_codes, "NETWORK", replace(email_codes.NETWORK, limit=2))
    code = await code_of(app)
    await asked(app, email="grace@example.com")
    assert 3_500 < await refused(app, email="joan@example.com") <= 3_600
    with app.database.bound():
        assert await Job.all().count() == 2
    assert (await asked(app, wrong(code)))["attemptsLeft"] == 4
    assert await asked(app, code) is None


async def test_limits_can_be_turned_off(settings: Settings, clock: ManualClock) -> None:
    """With all others: RATE_LIMITS=off."""
    async with open_app(replace(settings, rate_limits=False), clock=clock) as app:
        for number in range(7):
            assert await asked(app, email=f"ada+{number}@example.com")


async def test_codes_stand_nowhere(app: App) -> None:
    """The row holds a keyed hash, for no account; the job holds the address and is done."""
    code = await code_of(app)
    with app.database.bound():
        [row], [job] = await OneTimeToken.all().values(), await Job.all().values()
    assert (row["purpose"], row["address"], row["user_id"]) == (Purpose.EMAIL_CODE, ADA, None)
    assert code not in str(row["data"])
    about = {"action": challenges.REGISTER, "address": ADA, "written": ADA, "asker": row["data"]["asker"]}
    assert {name: job["payload"][name] for name in about} == about
    assert set(job["payload"]) == {*about, "letter", "delivery", "nonce", "asked_at"}
    assert str(HERE.ip) not in str(row["data"])


async def test_how_many_statements_it_takes(app: App) -> None:
    """Asking: two looks and the job. A right code: the look, the try counted and read, the spending."""
    import logging

    seen: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "request_id" in structlog.contextvars.get_contextvars():  # others look at flags and spaces meanwhile
                seen.append(record.getMessage().split()[0])

    logger = logging.getLogger("tortoise.db_client")
    recorder, level = Recorder(), logger.level
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    try:
        with structlog.contextvars.bound_contextvars(request_id="r"):
            await asked(app)
        assert seen == ["SELECT", "SELECT", "INSERT"]
        code = code_in(text_of((await delivered(app))[-1]))
        seen.clear()
        with structlog.contextvars.bound_contextvars(request_id="r"):
            assert await asked(app, code) is None
        assert seen == ["SELECT", "UPDATE", "SELECT", "UPDATE"]
    finally:
        logger.removeHandler(recorder)
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("ada@example.com", "a•••@example.com"),
        ("a@example.com", "•••@example.com"),
        ("ada@bücher.example", "a•••@bücher.example"),
        ('"a@b"@example.com', '"•••@example.com'),
    ],
)
def test_an_address_is_not_spelled_out(written: str, shown: str) -> None:
    """Its first sign and its domain: enough for its owner."""
    assert email_codes.masked(written) == shown


async def test_a_deleted_account_takes_its_codes_along(app: App) -> None:
    """The row and the job name the address in the places where deletion looks."""
    from services import accounts, jobs

    with app.database.bound():
        signed_in, _ = await accounts.register(
            app, email=ADA, password=PASSWORD, name=None, device=None, client=Client()
        )
    await asked(app)
    await delivered(app)
    with app.database.bound():
        about = await jobs.about(app, signed_in.user, after=0, limit=100)
        [job] = await waiting(email_codes.LETTER)
        assert job.id in about
        assert await OneTimeToken.filter(address=signed_in.user.email_key, purpose=Purpose.EMAIL_CODE).count() == 1
