"""What comes back of letters, from the mail server's door to the letter that is not sent: over real SMTP."""

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.mail.smtp import Tls
from models import AuditEvent, EndPolicy, MailDelivery, MailSuppression, Trial, User
from services.notifications import returns
from tests.clock import ManualClock
from tests.conftest import Start
from tests.letters_wanted import mine, put
from tests.mailbox import settled, text_of, token_in
from tests.porchlight import Person, Porchlight
from tests.returned_mail import bounce, feedback, recipient
from tests.services.smtp import Serve, SmtpServer

SECRETS = ("new-secret-of-the-mail-server-that-reports", "old-secret-of-the-mail-server-that-reports")
FAILED = recipient("failed", "5.1.1")
DAY = timedelta(days=1)
FREE = {"SECURITY": False, "BILLING": False, "TRIAL": False, "PRODUCT": False}
BOUNCED = {"SECURITY": False, "BILLING": True, "TRIAL": True, "PRODUCT": True}
COMPLAINED = BOUNCED | {"BILLING": False}
ASK = 'mutation { requestMagicLink(email: "ada@example.com") }'
COMPLETE = """
mutation($token: String!) {
  completeMagicLink(token: $token) { ... on LoginSuccess { tokens { accessToken refreshToken } } }
}
"""


@dataclass
class Post:
    """A server that sends by SMTP, and the server that it sends to."""

    porchlight: Porchlight
    smtp: SmtpServer

    async def subjects(self) -> list[str]:
        """Of all letters so far, once every job that is due is done."""
        await settled(self.porchlight)
        return [letter["Subject"] for letter in self.smtp.messages]

    async def sender(self, number: int = -1) -> bytes:
        """The envelope's sender of a letter, the last one by default."""
        await settled(self.porchlight)
        return str(self.smtp.envelopes[number].mail_from).encode()

    async def report(self, raw: bytes, secret: str = SECRETS[0], scheme: str = "Bearer") -> tuple[int, str | None]:
        """Status and outcome of a report that is handed over."""
        headers = {"Authorization": f"{scheme} {secret}", "Content-Type": "message/rfc822"}
        answer = await self.porchlight.http.post("/webhooks/mail", content=raw, headers=headers)
        return answer.status_code, answer.json().get("outcome")

    async def outcome(self, raw: bytes) -> str | None:
        """What became of a report that was let in."""
        status, outcome = await self.report(raw)
        assert status == 200
        return outcome

    async def prove(self, person: Person) -> Person:
        """Sign in by the link of a letter; the person with the tokens that this gives."""
        await self.porchlight.ask(ASK)
        await settled(self.porchlight)
        token = token_in(text_of(self.smtp.messages[-1]))
        tokens = (await self.porchlight.ask(COMPLETE, {"token": token}))["completeMagicLink"]["tokens"]
        return replace(person, access_token=tokens["accessToken"], refresh_token=tokens["refreshToken"])

    async def ends(self) -> list[str]:
        """How all letters have ended so far."""
        await settled(self.porchlight)
        with self.porchlight.app.database.bound():
            return [row.status for row in await MailDelivery.all().order_by("id")]

    async def actions(self) -> list[tuple[str, int | None]]:
        """What the audit log says of mail."""
        with self.porchlight.app.database.bound():
            rows = await AuditEvent.filter(action__startswith="mail.").order_by("id")
        return [(row.action, row.user_id) for row in rows]


@pytest.fixture
async def post(start: Start, serve_smtp: Serve) -> Post:
    smtp = await serve_smtp(Tls.NONE)
    mail_url = f"smtp://127.0.0.1:{smtp.port}?tls=none"
    return Post(await start(mail_url=mail_url, mail_webhook_secret=SECRETS), smtp)


def about(sender: bytes, report: bytes) -> bytes:
    """The report as it comes back to the envelope's sender of a letter."""
    return b"Delivered-To: " + sender + b"\n" + report


async def test_each_letter_leaves_under_a_sender_of_its_own(post: Post, clock: ManualClock) -> None:
    """Reports come back there. Only an optional letter has a way out: in headers that stay in one line, and at its end.

    The same headers bring a provider's one click to us.
    """
    ada = await post.porchlight.register()
    await settled(post.porchlight)
    await clock.advance(7 * DAY)
    assert await post.subjects() == ["Welcome to Porchlight", "Your trial ends in 7 days"]
    senders = [await post.sender(0), await post.sender(1)]
    assert all(re.fullmatch(rb"bounces\+[a-z2-7]{56}@localhost", sender) for sender in senders)
    assert senders[0] != senders[1]
    welcome, reminder = post.smtp.messages
    assert [letter["Return-Path"] for letter in (welcome, reminder)] == [None, None]
    assert (welcome["List-Unsubscribe"], welcome["List-Unsubscribe-Post"]) == (None, None)
    content = post.smtp.envelopes[1].content
    assert isinstance(content, bytes)
    [link] = re.findall(rb"^List-Unsubscribe: <(http://localhost:8000/links/[^>\s]+)>\r$", content, re.MULTILINE)
    assert b"\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r" in content
    assert link.decode() in text_of(reminder)
    path = link.decode().removeprefix("http://localhost:8000")
    assert (await post.porchlight.http.post(path, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert (await mine(post.porchlight, await refreshed(post.porchlight, ada)))["TRIAL"] is False


async def test_a_reminder_that_waits_heeds_what_is_said_meanwhile(post: Post, clock: ManualClock) -> None:
    """Off, and the next is not sent; on again, and the one after is. One that announces a charge comes in any case."""
    ada = await post.porchlight.register()
    await put(post.porchlight, ada, TRIAL=False)
    await settled(post.porchlight)
    await clock.advance(7 * DAY)
    assert await post.ends() == ["SENT", "UNWANTED"]
    assert await post.subjects() == ["Welcome to Porchlight"]
    ada = await refreshed(post.porchlight, ada)
    await put(post.porchlight, ada, TRIAL=True)
    await clock.advance(4 * DAY)
    assert (await post.subjects())[1:] == ["Your trial ends in 3 days"]
    ada = await refreshed(post.porchlight, ada)
    await put(post.porchlight, ada, TRIAL=False)
    with post.porchlight.app.database.bound():
        await Trial.all().update(end_policy=EndPolicy.BILL, billable_at=clock.now())
    await clock.advance(2 * DAY)
    assert len(await post.subjects()) == 3
    assert post.smtp.messages[-1]["List-Unsubscribe"] is None


async def refreshed(porchlight: Porchlight, person: Person) -> Person:
    """The person with a token that is fresh again."""
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    return replace(person, access_token=tokens["accessToken"], refresh_token=tokens["refreshToken"])


async def test_a_bounce_silences_all_but_security_until_the_address_is_proven(post: Post, clock: ManualClock) -> None:
    """Once, however often it is told; a proof lifts it, and no report about a letter of before brings it back."""
    ada = await post.porchlight.register()
    raw = about(await post.sender(), bounce(FAILED))
    assert await mine(post.porchlight, ada, "suppressed") == FREE
    answers = await asyncio.gather(*(post.outcome(raw) for _ in range(5)))
    assert sorted(map(str, answers)) == ["bounced", *["repeated"] * 4]
    assert await mine(post.porchlight, ada, "suppressed") == BOUNCED
    assert await post.actions() == [("mail.bounced", ada.user_id)]
    assert await post.ends() == ["BOUNCED"]
    await clock.advance(7 * DAY)
    assert await post.subjects() == ["Welcome to Porchlight"]
    assert await post.ends() == ["BOUNCED", "SUPPRESSED"]
    await post.prove(ada)
    assert await post.outcome(raw) == "repeated"
    await clock.advance(4 * DAY)
    assert (await post.subjects())[-1] == "Your trial ends in 3 days"
    again = about(await post.sender(), bounce(FAILED))
    assert [await post.outcome(raw), await post.outcome(again), await post.outcome(again)] == [
        "repeated", "bounced", "repeated",
    ]  # fmt: skip
    assert await post.actions() == [("mail.bounced", ada.user_id)] * 2
    await post.prove(ada)
    with post.porchlight.app.database.bound():
        assert (await MailSuppression.get()).lifted_at == clock.now()


async def test_a_report_that_is_older_than_the_proof(post: Post, clock: ManualClock) -> None:
    """Nothing stood there that the proof could have lifted, and the address is known to exist all the same."""
    ada = await post.porchlight.register()
    raw = about(await post.sender(), bounce(FAILED))
    await clock.advance(timedelta(minutes=1))
    ada = await post.prove(ada)
    assert await post.outcome(raw) == "repeated"
    assert await mine(post.porchlight, ada, "suppressed") == FREE


async def test_a_complaint_is_a_wish(post: Post, clock: ManualClock) -> None:
    """Bills still come. Signing in by mail does not take it back; switching a topic on does, with a proven address."""
    ada = await post.porchlight.register()
    raw = about(await post.sender(), feedback("abuse"))
    with post.porchlight.counting_queries() as statements:
        assert await post.outcome(raw) == "complained"
    assert len(statements) == 6  # the user, the row, what decides, the delivery twice, the log
    assert await mine(post.porchlight, ada, "suppressed") == COMPLAINED
    await put(post.porchlight, ada, PRODUCT=True)
    assert await mine(post.porchlight, ada, "suppressed") == COMPLAINED
    with post.porchlight.app.database.bound():
        await User.all().update(email_verified_at=clock.now() - DAY)
    ada = await post.prove(ada)
    assert await mine(post.porchlight, ada, "suppressed") == COMPLAINED
    await put(post.porchlight, ada, PRODUCT=False)
    assert await mine(post.porchlight, ada, "suppressed") == COMPLAINED
    await put(post.porchlight, ada, TRIAL=True)
    assert await mine(post.porchlight, ada, "suppressed") == FREE
    assert await post.actions() == [("mail.complained", ada.user_id), ("mail.preferences_changed", ada.user_id)]


async def test_a_forged_report_silences_nobody(post: Post) -> None:
    """Whoever has letters of their own can report those alone: every other sender is unknown, and so are two."""
    ada = await post.porchlight.register()
    hers = await post.sender()
    await post.porchlight.register("grace@example.com")
    his = await post.sender()
    message_id = str(post.smtp.messages[0]["Message-ID"])
    returned = f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {message_id}\n\n"
    flipped = hers.replace(hers[20:21], b"a" if hers[20:21] != b"a" else b"b")
    mixed = his[:40] + hers[40:]
    assert [
        await post.outcome(about(flipped, bounce(FAILED))),
        await post.outcome(about(mixed, bounce(FAILED))),
        await post.outcome(about(hers + b", " + his, bounce(FAILED))),
        await post.outcome(about(his, bounce(FAILED, returned=returned))),
        await post.outcome(about(b"x" + hers, bounce(FAILED))),
        await post.outcome(bounce(FAILED, returned=returned)),
        await post.outcome(about(hers, b"Subject: away\n\nI am away.")),
        await post.outcome(about(hers, bounce(recipient("failed", "5.2.2")))),
        await post.outcome(about(hers, feedback("not-spam"))),
    ] == ["unknown"] * 6 + ["unreadable", "noted", "noted"]
    assert (await mine(post.porchlight, ada, "suppressed"), await post.actions()) == (FREE, [])
    assert await post.outcome(about(hers.upper(), bounce(FAILED, returned=returned))) == "bounced"


async def test_the_door_opens_for_our_secrets_alone(post: Post, start: Start) -> None:
    """Either of two while they are rotated, for a body within bounds; without any it stays shut."""
    await post.porchlight.register()
    raw = about(await post.sender(), bounce(FAILED))
    for secret, scheme in (("x", "Bearer"), (SECRETS[0][:-1], "Bearer"), (SECRETS[0], "Basic")):
        assert await post.report(raw, secret, scheme) == (401, None)
    assert await post.report(raw.ljust(262_145), SECRETS[1]) == (413, None)
    assert (await post.porchlight.http.get("/webhooks/mail")).status_code == 405
    closed = await start()
    answer = await closed.http.post("/webhooks/mail", content=raw, headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    with post.porchlight.app.database.bound():
        assert await MailSuppression.all().count() == 0
    assert await post.report(raw, SECRETS[1], "bearer") == (200, "bounced")
    registry = post.porchlight.app.metrics.registry
    counted = {
        name: registry.get_sample_value("porchlight_mail_reports_total", {"outcome": name})
        for name in ("refused", "bounced")
    }
    assert counted == {"refused": 3, "bounced": 1}


async def test_what_is_reported_outlives_the_account(post: Post) -> None:
    """Who has gone is written to no more; who comes back with the address begins afresh once it is proven."""
    ada = await post.porchlight.register()
    raw = about(await post.sender(), feedback("abuse"))
    with post.porchlight.app.database.bound():
        await User.filter(id=ada.user_id).delete()
    assert await post.outcome(raw) == "complained"
    assert await post.actions() == []
    back = await post.porchlight.register()
    assert await mine(post.porchlight, back, "suppressed") == COMPLAINED
    await post.prove(back)
    with post.porchlight.app.database.bound():
        assert await MailSuppression.filter(lifted_at=None).count() == 0


@pytest.mark.parametrize(
    ("answer", "suppressed"), [("550 5.1.1 No such user", BOUNCED), ("550 5.7.1 Not from you", FREE)]
)
async def test_what_the_server_refuses_at_once(post: Post, answer: str, suppressed: dict[str, bool]) -> None:
    """A mailbox that does not exist is as good as a bounce; a policy is none."""
    post.smtp.recipient_answers["ada@example.com"] = answer
    ada = await post.porchlight.register()
    await settled(post.porchlight)
    with post.porchlight.app.database.bound():
        assert [(row.letter, row.status) for row in await MailDelivery.all()] == [("welcome", "REJECTED")]
    assert await mine(post.porchlight, ada, "suppressed") == suppressed


async def test_senders_hold_what_was_put_in(post: Post) -> None:
    """And outlast every key that is rotated; 64 characters, which is all that SMTP has room for."""
    app = post.porchlight.app
    made = returns.sender(app, address_key="ada@example.com", user_id=2**31 - 1, message_id="<1@x>", host="localhost")
    local = made.rpartition("@")[0]
    assert len(local) == 64
    sent = returns.read_sender(app, local.removeprefix("bounces+").encode())
    assert sent is not None
    assert (sent.user_id, sent.at) == (2**31 - 1, app.clock.now())
    assert await post.outcome(b"To: " + made.encode() + b"\n" + feedback("abuse")) == "complained"
    assert await post.actions() == []
