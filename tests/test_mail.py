import asyncio
import os
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from adapters.mail import Mail, MailRejected, OutboxMail, SmtpMail, open_mail
from adapters.mail.smtp import Tls
from core.errors import Unavailable
from tests.services.smtp import PASSWORD, USER, Certificate, Serve, SmtpServer

SENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def message(message_id: str = "<1@porchlight.test>", to: str = "ada@example.com", subject: str = "Hi") -> EmailMessage:
    """A message as callers write it: complete, with text and HTML."""
    written = EmailMessage()
    written["Message-ID"] = message_id
    written["Date"] = SENT
    written["From"] = Address("Porchlight", "hello", "porchlight.test")
    written["To"] = to
    written["Subject"] = subject
    written.set_content("Grüße, Ada 🌱\n\n.\nFrom here\n")
    written.add_alternative("<p>Grüße, <b>Ada</b></p>\n", subtype="html")
    return written


class Arrived(Protocol):
    """The messages that a variant has handed over."""

    def __call__(self) -> list[EmailMessage]: ...


@pytest.fixture(params=["outbox", "smtp"])
async def variant(
    request: pytest.FixtureRequest, tmp_path: Path, serve_smtp: Serve
) -> AsyncIterator[tuple[Mail, Arrived]]:
    mail: Mail
    if request.param == "outbox":
        mail = OutboxMail(tmp_path / "outbox")

        def arrived() -> list[EmailMessage]:
            return [parsed(file.read_bytes()) for file in files(tmp_path / "outbox")]

    else:
        server = await serve_smtp(Tls.NONE, enable_SMTPUTF8=True)
        mail = SmtpMail("127.0.0.1", server.port, tls=Tls.NONE)

        def arrived() -> list[EmailMessage]:
            return server.messages

    await mail.open()
    yield mail, arrived
    await mail.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, EmailMessage, policy=policy.default)


# The contract: every variant keeps it.


def test_variant_meets_the_port(variant: tuple[Mail, Arrived]) -> None:
    """Each variant has what the Protocol names."""
    mail, _ = variant
    assert isinstance(mail, Mail)


async def test_message_arrives_whole(variant: tuple[Mail, Arrived]) -> None:
    """Headers and both bodies come out as they went in, whatever letters they hold."""
    mail, arrived = variant
    sent = message(to="Ada Löveläce <ada@example.com>", subject="Willkommen, 🌱 Ada! " + "ü" * 200)
    await mail.send(sent)
    (got,) = arrived()
    for header in ("Message-ID", "From", "To", "Subject"):
        assert str(got[header]) == str(sent[header])
    assert got["Date"].datetime == SENT
    for kind in ("plain", "html"):
        ours, theirs = sent.get_body((kind,)), got.get_body((kind,))
        assert ours is not None
        assert theirs is not None
        assert theirs.get_content().replace("\r\n", "\n") == ours.get_content()


async def test_address_in_unicode_arrives(variant: tuple[Mail, Arrived]) -> None:
    """An address need not be ASCII."""
    mail, arrived = variant
    await mail.send(message(to="jörg@exämple.com"))
    assert [str(got["To"]) for got in arrived()] == ["jörg@exämple.com"]


async def test_many_messages_at_once_arrive(variant: tuple[Mail, Arrived]) -> None:
    """Sending in parallel mixes nothing up."""
    mail, arrived = variant
    ids = [f"<{number}@porchlight.test>" for number in range(20)]
    await asyncio.gather(*(mail.send(message(each)) for each in ids))
    assert sorted(str(got["Message-ID"]) for got in arrived()) == sorted(ids)


@pytest.mark.parametrize("header", ["Message-ID", "Date", "From", "To"])
async def test_incomplete_message_is_the_callers_mistake(variant: tuple[Mail, Arrived], header: str) -> None:
    """A message without its identity, time, sender or recipient is not sent, and the error names what it lacks."""
    mail, arrived = variant
    incomplete = message()
    del incomplete[header]
    with pytest.raises(ValueError, match=f"needs {header}"):
        await mail.send(incomplete)
    assert arrived() == []


@pytest.mark.parametrize("header", ["Subject", "To", "From", "Message-ID"])
def test_header_cannot_be_injected(header: str) -> None:
    """A line break in a value is refused when the message is written, so that no variant ever sees it."""
    written = EmailMessage()
    with pytest.raises(ValueError, match=r"linefeed|carriage return"):
        written[header] = "ada@example.com\r\nBcc: eve@example.com"
    with pytest.raises(ValueError, match=r"CR and LF|invalid"):
        Address("Ada\r\nBcc: eve@example.com", "ada", "example.com")


# The outbox.


@pytest.fixture
async def outbox(tmp_path: Path) -> OutboxMail:
    mail = OutboxMail(tmp_path)
    await mail.open()
    return mail


async def test_sending_again_changes_nothing(outbox: OutboxMail, tmp_path: Path) -> None:
    """A job that runs twice sends once: the Message-ID names the file."""
    await outbox.send(message(subject="first"))
    await outbox.send(message(subject="second"))
    assert [found.subject for found in outbox.messages(10)] == ["second"]
    assert len(files(tmp_path)) == 1


async def test_hostile_message_ids_stay_in_the_folder(outbox: OutboxMail, tmp_path: Path) -> None:
    """Whatever a Message-ID holds, its file lies in the folder, and ids that look alike have files of their own."""
    ids = ["<../../etc/passwd>", "<..>", "</etc/passwd>", "<a/b@c>", "<a\\b@c>", "<A-B@c>", "<ü@c>", f"<{'x' * 900}@c>"]
    for each in ids:
        await outbox.send(message(each))
    names = [file.name for file in files(tmp_path)]
    assert len(names) == len(ids)
    assert all(outbox.message(name) for name in names)


async def test_outbox_shows_the_newest_first(outbox: OutboxMail, tmp_path: Path) -> None:
    """Messages are listed by the time they were written, as many as asked for."""
    for number, written in ((1, 200), (2, 300), (3, 100)):
        known = set(files(tmp_path))
        await outbox.send(message(f"<{number}@porchlight.test>", subject=f"{number}"))
        (file,) = set(files(tmp_path)) - known
        os.utime(file, (written, written))
    assert [found.subject for found in outbox.messages(10)] == ["2", "1", "3"]
    assert [found.subject for found in outbox.messages(2)] == ["2", "1"]
    assert outbox.messages(0) == []


async def test_outbox_shows_what_a_message_says(outbox: OutboxMail) -> None:
    """A page gets decoded headers and both bodies, and finds the message again by its file's name."""
    await outbox.send(message(to="Ada Löveläce <ada@example.com>", subject="Grüße"))
    (found,) = outbox.messages(10)
    assert (found.subject, found.sender) == ("Grüße", "Porchlight <hello@porchlight.test>")
    assert (found.to, found.date) == ("Ada Löveläce <ada@example.com>", SENT)
    assert found.text.startswith("Grüße, Ada 🌱")
    assert found.html.strip() == "<p>Grüße, <b>Ada</b></p>"
    assert outbox.message(found.name) == found


async def test_message_may_lack_parts(outbox: OutboxMail) -> None:
    """A message of text alone has no HTML, one without a subject an empty one."""
    plain = EmailMessage()
    for header in ("Message-ID", "Date", "From", "To"):
        plain[header] = str(message()[header])
    plain.set_content("Only text")
    await outbox.send(plain)
    (found,) = outbox.messages(1)
    assert (found.subject, found.text.strip(), found.html) == ("", "Only text", "")


def test_foreign_and_broken_files_are_passed_over(outbox: OutboxMail, tmp_path: Path) -> None:
    """Whatever else lies in the folder neither appears nor hides the messages."""
    (tmp_path / "notes.txt").write_text("Message-ID: <1@a>\n\nnot ours")
    (tmp_path / ".hidden.eml").write_text("Message-ID: <2@a>\n\nunfinished")
    (tmp_path / "empty.eml").touch()
    (tmp_path / "noise.eml").write_bytes(os.urandom(5000))
    (tmp_path / "charset.eml").write_bytes(b"Message-ID: <3@a>\nContent-Type: text/plain; charset=nonsense\n\n\xff\xfe")
    (tmp_path / "header.eml").write_bytes(b"Message-ID: <3@a>\nTo: <\n\n")
    (tmp_path / "folder.eml").mkdir()
    os.mkfifo(tmp_path / "pipe.eml")
    (tmp_path / "link.eml").symlink_to(tmp_path / "notes.txt")
    with (tmp_path / "huge.eml").open("wb") as huge:
        huge.write(b"Message-ID: <4@a>\n\n")
        huge.truncate(11 * 1024 * 1024)
    (tmp_path / "odd.eml").write_bytes(b"Message-ID: <5@a>\nDate: never\nSubject: =?utf-8?b?w?= \xff\n\nodd \xff")
    found = outbox.messages(100)
    assert [each.name for each in found] == ["odd.eml"]
    assert found[0].date is None
    assert found[0].text.startswith("odd")
    assert (found[0].subject + found[0].text).encode()


@pytest.mark.parametrize(
    "name", ["../secret.eml", "/etc/passwd", "..", "", "a\0.eml", ".hidden.eml", "gone.eml", "x.txt"]
)
def test_only_names_of_messages_are_read(outbox: OutboxMail, tmp_path: Path, name: str) -> None:
    """A name from a URL leads nowhere but to a message in the folder."""
    (tmp_path.parent / "secret.eml").write_text("Message-ID: <1@a>\n\nsecret")
    (tmp_path / ".hidden.eml").write_text("Message-ID: <1@a>\n\nsecret")
    assert outbox.message(name) is None


async def test_folder_is_private(tmp_path: Path) -> None:
    """Mail carries links that sign people in, so nobody else on the machine reads it, wherever the folder came from."""
    folder = tmp_path / "var" / "outbox"
    folder.mkdir(parents=True, mode=0o755)
    mail = OutboxMail(folder)
    await mail.open()
    await mail.send(message())
    (file,) = files(folder)
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)


async def test_disk_that_fails_is_unavailable(
    outbox: OutboxMail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that cannot be written leaves the earlier one whole and no half file, and may be sent later."""
    await outbox.send(message(subject="first"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable):
        await outbox.send(message(subject="second"))
    assert [found.subject for found in outbox.messages(10)] == ["first"]
    assert len(files(tmp_path)) == 1


def test_outbox_may_be_read_before_it_is_opened(tmp_path: Path) -> None:
    """No folder, no messages."""
    assert OutboxMail(tmp_path / "none").messages(10) == []


# SMTP.


@pytest.fixture
async def plain_server(serve_smtp: Serve) -> SmtpServer:
    return await serve_smtp(Tls.NONE)


def plain(server: SmtpServer) -> SmtpMail:
    return SmtpMail("127.0.0.1", server.port, tls=Tls.NONE)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_credentials_and_mail_are_encrypted(serve_smtp: Serve, certificate: Certificate, tls: Tls) -> None:
    """With STARTTLS as with TLS from the first byte the server gets login and message over TLS."""
    server = await serve_smtp(tls)
    mail = SmtpMail("127.0.0.1", server.port, tls=tls, user=USER, password=PASSWORD, trust=certificate.trust)
    await mail.send(message())
    assert [got["Message-ID"] for got in server.messages] == ["<1@porchlight.test>"]
    assert server.encrypted == [True]
    assert server.logins == [USER.encode()]
    await mail.close()


async def test_wrong_password_is_ours_to_mend(serve_smtp: Serve, certificate: Certificate) -> None:
    """Refused credentials are no reason to give a message up."""
    server = await serve_smtp(Tls.STARTTLS, auth_required=True)
    mail = SmtpMail("127.0.0.1", server.port, user=USER, password="wrong", trust=certificate.trust)
    with pytest.raises(Unavailable), capture_logs() as logs:
        await mail.send(message())
    assert server.messages == []
    assert "wrong" not in str(logs)


async def test_missing_credentials_are_ours_to_mend(serve_smtp: Serve, certificate: Certificate) -> None:
    """A server that wants a login first says 530, which is about us and not about the message."""
    server = await serve_smtp(Tls.STARTTLS, auth_required=True)
    with pytest.raises(Unavailable):
        await SmtpMail("127.0.0.1", server.port, trust=certificate.trust).send(message())
    assert server.messages == []


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_certificate_must_be_trusted(serve_smtp: Serve, tls: Tls) -> None:
    """A server that cannot show who it is gets neither password nor message."""
    server = await serve_smtp(tls)
    with pytest.raises(Unavailable):
        await SmtpMail("127.0.0.1", server.port, tls=tls, user=USER, password=PASSWORD).send(message())
    assert (server.messages, server.logins) == ([], [])


async def test_starttls_is_insisted_on(plain_server: SmtpServer) -> None:
    """Where encryption is asked for and not offered, nothing is sent in the clear."""
    mail = SmtpMail("127.0.0.1", plain_server.port, tls=Tls.STARTTLS, user=USER, password=PASSWORD)
    with pytest.raises(Unavailable):
        await mail.send(message())
    assert (plain_server.messages, plain_server.logins) == ([], [])


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"recipient_answers": {"ada@example.com": "550 5.1.1 ada@example.com is unknown"}}, 550),
        ({"sender_answers": {"hello@porchlight.test": "553 5.1.8 Not from you"}}, 553),
        ({"content_answer": "554 5.7.1 Looks like spam"}, 554),
    ],
)
async def test_permanent_answer_rejects(plain_server: SmtpServer, answers: dict[str, Any], code: int) -> None:
    """A 5xx to sender, recipient or content is final; the caller gets the server's words, the log does not."""
    for name, value in answers.items():
        setattr(plain_server, name, value)
    with pytest.raises(MailRejected) as raised, capture_logs() as logs:
        await plain(plain_server).send(message())
    assert raised.value.code == code
    assert raised.value.reason
    assert "ada@" not in raised.value.message + str(logs)
    assert plain_server.messages == []


@pytest.mark.parametrize(
    "answers",
    [
        {"recipient_answers": {"ada@example.com": "450 4.2.1 Busy"}},
        {"sender_answers": {"hello@porchlight.test": "451 4.3.0 Later"}},
        {"content_answer": "452 4.3.1 Full"},
        {"content_answer": "421 4.3.2 Closing"},
    ],
)
async def test_passing_answer_is_unavailable(plain_server: SmtpServer, answers: dict[str, Any]) -> None:
    """A 4xx asks for a later try."""
    for name, value in answers.items():
        setattr(plain_server, name, value)
    with pytest.raises(Unavailable) as raised, capture_logs() as logs:
        await plain(plain_server).send(message())
    assert raised.value.retry_after > 0
    assert "ada@" not in str(logs)


@pytest.mark.parametrize(("answer", "raised"), [("550 5.1.1 Unknown", MailRejected), ("450 4.2.1 Busy", Unavailable)])
async def test_message_that_some_cannot_get_raises(
    plain_server: SmtpServer, answer: str, raised: type[Exception]
) -> None:
    """A refused recipient is not passed over in silence because another one was taken."""
    plain_server.recipient_answers = {"eve@example.com": answer}
    mail = plain(plain_server)
    with pytest.raises(raised):
        await mail.send(message(to="ada@example.com, eve@example.com"))
    await mail.close()
    assert [envelope.rcpt_tos for envelope in plain_server.envelopes] == [["ada@example.com"]]


async def test_address_that_the_server_cannot_take_is_rejected(plain_server: SmtpServer) -> None:
    """Without SMTPUTF8 an address in Unicode will never be reached."""
    with pytest.raises(MailRejected) as raised:
        await plain(plain_server).send(message(to="jörg@example.com"))
    assert raised.value.code == 553


async def test_nobody_listens(plain_server: SmtpServer, unused_port: int) -> None:
    """A connection that is refused is unavailable."""
    plain_server.port = unused_port
    with pytest.raises(Unavailable):
        await plain(plain_server).send(message())


async def test_silence_ends_at_the_deadline(silent_port: int) -> None:
    """A server that takes the connection and never answers is given up in time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(Unavailable):
        await SmtpMail("127.0.0.1", silent_port, tls=Tls.NONE, deadline=0.2).send(message())
    assert 0.15 < loop.time() - start < 2


async def test_silence_in_the_middle_ends_at_the_deadline(
    plain_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline holds for all of it, not for each answer; what was not taken may be sent again."""
    stopped = asyncio.Event()

    async def silent(*_: object) -> str:
        await stopped.wait()
        return "250 Too late"

    monkeypatch.setattr(plain_server, "handle_RCPT", silent)
    with pytest.raises(Unavailable):
        await SmtpMail("127.0.0.1", plain_server.port, tls=Tls.NONE, deadline=0.2).send(message())
    stopped.set()
    assert plain_server.messages == []


async def test_cancelled_sending_leaves_no_connection(silent_port: int) -> None:
    """A worker that stops does not wait for a server."""
    sending = asyncio.create_task(SmtpMail("127.0.0.1", silent_port, tls=Tls.NONE).send(message()))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


# Opening.


async def test_url_names_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is relative or absolute, and may hold what a URL must escape."""
    monkeypatch.chdir(tmp_path)
    for url in ("outbox://var/outbox", "outbox://Var", f"outbox://{tmp_path}/absolute", "outbox://a%20b"):
        mail = open_mail(url)
        await mail.open()
    assert {path.name for path in files(tmp_path)} == {"var", "Var", "absolute", "a b"}
    assert (tmp_path / "var" / "outbox").is_dir()


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.test", 587, Tls.STARTTLS),
        ("smtp://mail.test?tls=starttls", 587, Tls.STARTTLS),
        ("smtp://mail.test?tls=implicit", 465, Tls.IMPLICIT),
        ("smtp://mail.test:2525?tls=none", 2525, Tls.NONE),
        ("smtp://mail.test/?tls=none", 25, Tls.NONE),
    ],
)
def test_url_names_a_server(url: str, port: int, tls: Tls) -> None:
    """The port follows from the encryption, which is STARTTLS unless said otherwise."""
    mail = open_mail(url)
    assert isinstance(mail, SmtpMail)
    assert (mail._host, mail._port, mail._tls, mail._user) == ("mail.test", port, tls, None)


def test_url_names_credentials() -> None:
    """User and password may hold any character, escaped as URLs want it."""
    mail = open_mail("smtp://user%40example.com:p%40ss%2Fw%C3%B6rd@mail.test")
    assert isinstance(mail, SmtpMail)
    assert (mail._user, mail._password) == ("user@example.com", "p@ss/wörd")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "outbox://",
        "smtp://",
        "smtp://:1",
        "sendmail://x",
        "smtp://u:s3cret@h?tls=maybe",
        "smtp://u:s3cret@h?tsl=none",
    ],
)
def test_url_without_sense_is_refused(url: str) -> None:
    """A mistake in the URL stops the start, with a message that repeats no password."""
    with pytest.raises(ValueError, match="smtp://") as raised:
        open_mail(url)
    assert "s3cret" not in str(raised.value)
