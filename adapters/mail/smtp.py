"""Mail by SMTP."""

import asyncio
import socket
import ssl
from copy import copy
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from adapters.mail.port import MailRejected, require_headers
from core.errors import PorchlightError, Unavailable

if TYPE_CHECKING:
    from adapters.mail.connections import Connection, Connections

RETRY_AFTER = 60.0
PERMANENT = 500  # RFC 5321, 4.2.1: the first digit says whether to try again
CREDENTIALS = {530, 534, 535, 538}  # RFC 4954, 6: what we have to mend, so that the message may still go
UNSUPPORTED_ADDRESS = 553  # RFC 6531, 3.5: for an address in Unicode that the server cannot take

log = structlog.get_logger(__name__)


class Tls(StrEnum):
    """How the connection is encrypted. Without `NONE` nothing is sent, no password either, before it is."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


@dataclass(frozen=True)
class Limits:
    """Of the connections that are kept: how many, how many seconds idle, and for how many messages each."""

    connections: int = 4
    idle: float = 30.0
    messages: int = 100


class SmtpMail:
    """Hands each message to one server, over a connection that is kept for the next, within `deadline` seconds in all.

    When the answer to a message's content is lost, nobody knows whether the server took it. That is Unavailable, too: a
    later try may be a second copy, with the same Message-ID.

    Faults of the connection, of TLS and of our credentials are Unavailable: mending them lets the message go.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Tls = Tls.STARTTLS,
        user: str | None = None,
        password: str = "",
        deadline: float = 10.0,
        trust: ssl.SSLContext | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._user = user
        self._password = password
        self._deadline = deadline
        self._trust = trust  # None trusts what the machine trusts
        self._limits = limits
        self._kept: Connections | None = None

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        if self._kept is not None:
            await self._kept.close()

    async def send(self, message: EmailMessage) -> None:
        from aiosmtplib import SMTPException  # ruff: ignore[import-outside-top-level] -- paid by those who use SMTP

        require_headers(message)
        try:
            async with asyncio.timeout(self._deadline):
                refused = await self._connections().send(*_enveloped(message))
        except (SMTPException, OSError) as fault:
            raise _failure(fault) from fault
        if refused:
            raise _refusal([(answer.code, answer.message) for answer in refused.values()])

    def _connections(self) -> "Connections":
        from adapters.mail.connections import Connections  # ruff: ignore[import-outside-top-level] -- as above

        if self._kept is None:
            self._kept = Connections(self._connection, self._limits)
        return self._kept

    def _connection(self) -> "Connection":
        from adapters.mail.connections import Connection  # ruff: ignore[import-outside-top-level] -- as above

        return Connection(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls is Tls.IMPLICIT,
            start_tls=self._tls is Tls.STARTTLS,
            tls_context=self._trust,
            local_hostname=socket.gethostname(),  # the full name may take DNS seconds to tell
            timeout=self._deadline,
        )


def _enveloped(message: EmailMessage) -> tuple[EmailMessage, str | None]:
    """The message without its Return-Path, which only the last server writes (RFC 5321, 4.4), and the address in it."""
    if "Return-Path" not in message:
        return message, None
    sent = copy(message)
    del sent["Return-Path"]
    return sent, str(message["Return-Path"]).strip("<>")


def _failure(fault: Exception) -> PorchlightError:
    import aiosmtplib  # ruff: ignore[import-outside-top-level] -- paid by those who use SMTP

    match fault:
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            return _refusal([(refused.code, refused.message) for refused in recipients])
        case aiosmtplib.SMTPSenderRefused() | aiosmtplib.SMTPDataError():
            return _refusal([(fault.code, fault.message)])
        case aiosmtplib.SMTPNotSupported():
            return MailRejected(UNSUPPORTED_ADDRESS, fault.message)
    log.warning("mail.server_unavailable", fault=repr(fault))
    return Unavailable(retry_after=RETRY_AFTER)


def _refusal(answers: list[tuple[int, str]]) -> PorchlightError:
    """What the server's answers about sender, recipients or content mean. Logged without words, which name people."""
    for code, _ in answers:
        if code < PERMANENT or code in CREDENTIALS:
            log.warning("mail.deferred", code=code)
            return Unavailable(retry_after=RETRY_AFTER)
    code, reason = answers[0]
    log.warning("mail.rejected", code=code)
    return MailRejected(code, reason)
