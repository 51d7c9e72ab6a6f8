"""Connections to the mail server: kept for the next letter, few, and never trusted to stand still."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest

from adapters.mail import MailRejected
from adapters.mail.smtp import SmtpMail, Tls
from core.errors import Unavailable
from tests.services.smtp import PASSWORD, USER, Certificate, Serve, SmtpServer
from tests.services.valkey import until
from tests.test_mail import message

Made = list[SmtpMail]


@pytest.fixture
async def made() -> AsyncGenerator[Made]:
    """What a test has made, closed afterwards."""
    mails: Made = []
    yield mails
    for mail in mails:
        await mail.close()


@pytest.fixture
async def server(serve_smtp: Serve) -> SmtpServer:
    return await serve_smtp(Tls.NONE)


def mail_of(made: Made, server: SmtpServer, **options: Any) -> SmtpMail:
    made.append(SmtpMail("127.0.0.1", server.port, **{"tls": Tls.NONE, **options}))
    return made[-1]


async def send(mail: SmtpMail, *numbers: int) -> None:
    await asyncio.gather(*(mail.send(message(f"<{number}@example.com>")) for number in numbers))


async def test_one_connection_carries_many_letters(made: Made, server: SmtpServer) -> None:
    """One after the other over one; at the same moment over as many as may be, and over those again."""
    mail = mail_of(made, server, connections=3)
    for number in range(5):
        await send(mail, number)
    assert len(set(server.peers)) == 1
    await send(mail, *range(20))
    await send(mail, *range(20))
    assert (len(server.messages), len(set(server.peers))) == (45, 3)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_kept_connection_stays_encrypted(
    made: Made, serve_smtp: Serve, certificate: Certificate, tls: Tls
) -> None:
    """And signed in: the password is told once."""
    server = await serve_smtp(tls)
    mail = mail_of(made, server, tls=tls, user=USER, password=PASSWORD, trust=certificate.trust)
    await send(mail, 1)
    await send(mail, 2)
    assert (server.encrypted, len(set(server.peers)), server.logins) == ([True, True], 1, [USER.encode()])


async def test_a_connection_ends_after_its_letters_or_its_rest(made: Made, server: SmtpServer) -> None:
    """A third letter goes over a new one; what rests is ended by itself, and politely."""
    mail = mail_of(made, server, messages=2, idle=0.05)
    for number in range(3):
        await send(mail, number)
    assert server.peers[0] == server.peers[1] != server.peers[2]
    await until(lambda: _is_idle(mail))
    await send(mail, 4)
    assert len(set(server.peers)) == 3


async def _is_idle(mail: SmtpMail) -> bool:
    await asyncio.sleep(0)
    return not mail._connections._kept and not mail._connections._leaving


async def test_a_server_that_hung_up_is_called_again(made: Made, server: SmtpServer) -> None:
    """As when it restarts between two letters: the second is sent once, over a new connection."""
    mail = mail_of(made, server)
    await send(mail, 1)
    assert server.hang_up
    server.hang_up()
    await send(mail, 2)
    assert len(server.messages) == len(set(server.peers)) == 2


async def test_a_refusal_is_an_answer(made: Made, server: SmtpServer) -> None:
    """The next letter goes over the same connection; with 421 the server takes its leave, and over a new one."""
    mail = mail_of(made, server)
    await send(mail, 1)
    for answer, refusal in (("550 5.7.1 No", MailRejected), ("421 4.3.2 Later", Unavailable)):
        server.content_answer = answer
        with pytest.raises(refusal):
            await send(mail, 2)
        server.content_answer = "250 Taken"
    await send(mail, 3)
    assert len(server.messages) == 2


async def test_who_is_cut_off_in_the_middle_leaves_nothing_half_done(
    made: Made, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that is cancelled, or runs out of time, while the server has the letter: its connection is not kept."""
    mail = mail_of(made, server, connections=1, deadline=0.2)
    asked, taken, patient = asyncio.Event(), server.handle_DATA, False

    async def slow(*given: Any) -> str:
        if patient:
            asked.set()
            await asyncio.sleep(60)
        return await taken(*given)

    monkeypatch.setattr(server, "handle_DATA", slow)
    await send(mail, 1)
    patient = True
    sending = asyncio.ensure_future(send(mail, 2))
    await asked.wait()
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    with pytest.raises(Unavailable):
        await send(mail, 3)
    patient = False
    await send(mail, 4)
    assert [str(each["Message-ID"]) for each in server.messages] == ["<1@example.com>", "<4@example.com>"]
    assert len(set(server.peers)) == 2


async def test_closing_ends_what_is_kept(server: SmtpServer) -> None:
    """And a server that is gone by then is no fault."""
    mail = SmtpMail("127.0.0.1", server.port, tls=Tls.NONE)
    await send(mail, 1, 2)
    assert server.hang_up
    server.hang_up()
    await mail.close()
    await mail.close()
    assert await _is_idle(mail)


async def test_a_probe_that_is_cut_off_keeps_nothing(made: Made, server: SmtpServer) -> None:
    """A server that falls silent between two letters costs the second one its time, and not a connection for ever."""
    mail = mail_of(made, server, connections=1, deadline=0.2)
    await send(mail, 1)
    client = mail._connections._kept[0].client

    async def silent() -> None:
        await asyncio.sleep(60)

    client.rset = silent  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        await send(mail, 2)
    assert not client.is_connected
    await send(mail, 3)
    assert len(set(server.peers)) == 2
