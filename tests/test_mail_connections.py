import asyncio
from collections import UserDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.mail import MailRejected, SmtpMail
from adapters.mail.smtp import Limits, Tls
from core.errors import Unavailable
from tests.services.smtp import PASSWORD, USER, Certificate, Serve, SmtpServer
from tests.test_mail import message

Connect = Callable[..., SmtpMail]


@pytest.fixture
async def server(serve_smtp: Serve) -> SmtpServer:
    return await serve_smtp(Tls.NONE)


@pytest.fixture
async def connect(server: SmtpServer) -> AsyncIterator[Connect]:
    """A sender to `server`, with limits as named, closed after the test."""
    async with AsyncExitStack() as opened:

        def connecting(*, deadline: float = 10.0, **limits: Any) -> SmtpMail:
            mail = SmtpMail("127.0.0.1", server.port, tls=Tls.NONE, deadline=deadline, limits=Limits(**limits))
            opened.push_async_callback(mail.close)
            return mail

        yield connecting


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop go on until `holds`."""
    async with asyncio.timeout(20):
        while not holds():  # ruff: ignore[async-busy-wait] -- the server is another party, and tells nobody
            await asyncio.sleep(0.001)


async def test_one_connection_carries_many_messages(server: SmtpServer, connect: Connect) -> None:
    """Who sends one message after another uses one connection, and every message arrives whole and alone."""
    mail = connect()
    for number in range(7):
        await mail.send(message(f"<{number}@porchlight.test>", to=f"{number}@example.com"))
    assert [str(got["Message-ID"]) for got in server.messages] == [f"<{n}@porchlight.test>" for n in range(7)]
    assert [each.rcpt_tos for each in server.envelopes] == [[f"{n}@example.com"] for n in range(7)]
    assert len(server.connections) == 1


async def test_connection_ends_after_its_messages(server: SmtpServer, connect: Connect) -> None:
    """After as many messages as a connection may carry there is another one, and the server is told goodbye."""
    mail = connect(messages=2)
    for number in range(5):
        await mail.send(message(f"<{number}@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (3, 5)
    await until(lambda: server.open_connections() == 1)


async def test_connections_are_bounded(server: SmtpServer, connect: Connect) -> None:
    """However many send at once, there are so many connections and no more; the others wait for one of them."""
    reached, released = server.hold("DATA")
    mail = connect(connections=2)
    sending = [asyncio.create_task(mail.send(message(f"<{number}@porchlight.test>"))) for number in range(9)]
    await reached.wait()
    await until(lambda: len(server.connections) == 2)
    released.set()
    await asyncio.gather(*sending)
    assert (len(server.connections), len(server.messages)) == (2, 9)


async def test_waiting_for_a_connection_ends_at_the_deadline(server: SmtpServer, connect: Connect) -> None:
    """The deadline holds for the wait, too. Who has waited in vain has sent nothing."""
    reached, released = server.hold("MAIL")
    mail = connect(connections=1, deadline=0.2)
    both = await asyncio.gather(mail.send(message()), mail.send(message()), return_exceptions=True)
    assert [type(each) for each in both] == [Unavailable, Unavailable]
    assert reached.is_set()
    released.set()
    assert (len(server.connections), server.messages) == (1, [])


async def test_idle_connection_ends(server: SmtpServer, connect: Connect) -> None:
    """A connection that nobody needs is given up with a goodbye; the next message opens another."""
    mail = connect(idle=0.02)
    await mail.send(message())
    await until(lambda: server.open_connections() == 0)
    await mail.send(message("<2@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (2, 2)


async def test_newest_connection_is_used_first(server: SmtpServer, connect: Connect) -> None:
    """Those that a burst has left over grow idle: a single sender uses the one that was used last."""
    reached, released = server.hold("DATA")
    mail = connect()
    sending = [asyncio.create_task(mail.send(message(f"<{number}@porchlight.test>"))) for number in range(3)]
    await reached.wait()
    released.set()
    await asyncio.gather(*sending)
    used = server.note("MAIL")
    for number in range(3, 6):
        await mail.send(message(f"<{number}@porchlight.test>"))
    assert len(server.connections) == 3
    assert len(set(used)) == 1


@pytest.mark.parametrize("noticed", [True, False])
async def test_server_restarts_between_two_messages(server: SmtpServer, connect: Connect, *, noticed: bool) -> None:
    """A connection that the server has closed is replaced, whether we knew before we wrote or not."""
    mail = connect()
    await mail.send(message())
    (kept,) = server.connections
    server.drop_connections()
    if noticed:
        await until(lambda: kept.transport is None)
        await asyncio.sleep(0.02)  # our end of the connection learns of it, too
    await mail.send(message("<2@porchlight.test>"))
    assert [str(got["Message-ID"]) for got in server.messages] == ["<1@porchlight.test>", "<2@porchlight.test>"]
    assert len(server.connections) == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
async def test_kept_connection_that_breaks_before_the_content_is_replaced(
    server: SmtpServer, connect: Connect, verb: str
) -> None:
    """Before DATA the server has nothing of the message: once more by a new connection, and it is there once."""
    mail = connect()
    await mail.send(message())
    server.break_off(verb, times=1)
    await mail.send(message("<2@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (2, 2)


async def test_message_is_tried_again_once(server: SmtpServer, connect: Connect) -> None:
    """A server that breaks the new connection off as well is unavailable; so is one that breaks off a first one."""
    mail = connect()
    await mail.send(message())
    server.break_off("MAIL", times=3)
    for connections in (2, 3):
        with pytest.raises(Unavailable):
            await mail.send(message("<2@porchlight.test>"))
        assert (len(server.connections), len(server.messages)) == (connections, 1)
    await mail.send(message("<2@porchlight.test>"))
    assert len(server.messages) == 2


@pytest.mark.parametrize("answers", ["sender_answers", "recipient_answers"])
async def test_server_that_closes_the_session_is_asked_anew(
    server: SmtpServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    """421 on a kept connection is about the connection. A new one is asked, and what that one says counts."""
    mail = connect()
    await mail.send(message())
    asked = {"sender_answers": "hello@porchlight.test", "recipient_answers": "ada@example.com"}[answers]
    monkeypatch.setattr(server, answers, Once({asked: "421 4.3.2 Too long idle"}))
    await mail.send(message("<2@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (2, 2)
    monkeypatch.setattr(server, answers, {asked: "421 4.3.2 Closing"})
    with pytest.raises(Unavailable):
        await mail.send(message("<3@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (3, 2)


class Once(UserDict[str, str]):
    """Answers that are given once."""

    def get(self, key: str, default: Any = None) -> Any:
        return self.pop(key, default)


@pytest.mark.parametrize("kept", [True, False])
async def test_lost_answer_to_the_content_is_not_tried_again(
    server: SmtpServer, connect: Connect, *, kept: bool
) -> None:
    """The server has taken the message and its answer is lost: only a later try may repeat it."""
    mail = connect()
    if kept:
        await mail.send(message())
    server.break_off("DATA", times=1)
    with pytest.raises(Unavailable):
        await mail.send(message("<2@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (1, 1 + kept)
    await mail.send(message("<2@porchlight.test>"))
    assert (len(server.connections), len(server.messages)) == (2, 2 + kept)


@pytest.mark.parametrize("verb", ["MAIL", "DATA"])
async def test_cancelled_sender_leaves_no_connection(server: SmtpServer, connect: Connect, verb: str) -> None:
    """Who is cancelled in the middle takes the connection along: the next message never gets the answer to that one."""
    mail = connect(connections=1)
    await mail.send(message())
    reached, released = server.hold(verb)
    sending = asyncio.create_task(mail.send(message("<2@porchlight.test>")))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await until(lambda: server.open_connections() == 0)
    released.set()
    await mail.send(message("<3@porchlight.test>"))
    assert len(server.connections) == 2
    assert "<3@porchlight.test>" in [str(got["Message-ID"]) for got in server.messages]


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ({"recipient_answers": {"ada@example.com": "550 5.1.1 Unknown"}}, MailRejected),
        ({"sender_answers": {"hello@porchlight.test": "451 4.3.0 Later"}}, Unavailable),
        ({"content_answer": "554 5.7.1 Looks like spam"}, MailRejected),
    ],
)
async def test_refusal_is_not_tried_again(
    server: SmtpServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, Any],
    raised: type[Exception],
) -> None:
    """What a server says about a message on a kept connection counts; the connection is not used again."""
    mail = connect()
    await mail.send(message())
    with monkeypatch.context() as patched:
        for name, value in answers.items():
            patched.setattr(server, name, value)
        with pytest.raises(raised):
            await mail.send(message("<2@porchlight.test>"))
    assert len(server.connections) == 1
    await mail.send(message("<3@porchlight.test>"))
    assert [str(got["Message-ID"]) for got in server.messages] == ["<1@porchlight.test>", "<3@porchlight.test>"]
    assert len(server.connections) == 2


async def test_close_ends_all_connections(server: SmtpServer, connect: Connect) -> None:
    """Whoever sends still comes to an end; then no connection is left, and the server has been told so."""
    said = server.note("QUIT")
    reached, released = server.hold("DATA")
    mail = connect()
    sending = [asyncio.create_task(mail.send(message(f"<{number}@porchlight.test>"))) for number in range(3)]
    await reached.wait()
    closing = asyncio.create_task(mail.close())
    await asyncio.sleep(0)
    assert not closing.done()
    released.set()
    await asyncio.gather(*sending, closing)
    assert len(server.messages) == 3
    assert set(said) == set(server.connections)
    await until(lambda: server.open_connections() == 0)
    await mail.close()


async def test_close_waits_for_no_answer(server: SmtpServer, connect: Connect) -> None:
    """A server that breaks off at the goodbye keeps nobody from closing."""
    server.break_off("QUIT")
    mail = connect()
    await mail.close()  # nothing to close
    await mail.send(message())
    await mail.close()
    assert len(server.messages) == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_kept_connection_stays_encrypted_and_signed_in(
    serve_smtp: Serve, certificate: Certificate, tls: Tls
) -> None:
    """One login and one handshake serve many messages; a connection that replaces another has both of its own."""
    secure = await serve_smtp(tls, auth_required=tls is Tls.STARTTLS)
    mail = SmtpMail("127.0.0.1", secure.port, tls=tls, user=USER, password=PASSWORD, trust=certificate.trust)
    for number in range(3):
        await mail.send(message(f"<{number}@porchlight.test>"))
    assert (len(secure.connections), secure.logins) == (1, [USER.encode()])
    secure.drop_connections()
    await mail.send(message("<3@porchlight.test>"))
    assert (len(secure.connections), secure.logins) == (2, [USER.encode()] * 2)
    assert secure.encrypted == [True] * 4
    await mail.close()
    await until(lambda: secure.open_connections() == 0)


async def test_envelope_belongs_to_its_message(server: SmtpServer, connect: Connect) -> None:
    """Each message on one connection has the envelope's sender that its Return-Path names."""
    mail = connect()
    for number in range(2):
        sent = message(f"<{number}@porchlight.test>")
        sent["Return-Path"] = f"<bounces+{number}@porchlight.test>"
        await mail.send(sent)
    await mail.send(message("<2@porchlight.test>"))
    senders = ["bounces+0@porchlight.test", "bounces+1@porchlight.test", "hello@porchlight.test"]
    assert [each.mail_from for each in server.envelopes] == senders
    assert all("Return-Path" not in got for got in server.messages)
    assert len(server.connections) == 1
