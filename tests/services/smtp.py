import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.mail.smtp import Tls

USER, PASSWORD = "porch", "p@ss/wörd"


@dataclass
class SmtpServer:
    """A real SMTP server. It keeps what it accepted, and answers as a test has told it to."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    sender_answers: dict[str, str] = field(default_factory=dict)
    recipient_answers: dict[str, str] = field(default_factory=dict)
    content_answer: str = "250 Taken"
    connections: list[SMTP] = field(default_factory=list)
    """Each that was ever opened."""
    before_answering: dict[str, Callable[[SMTP], Awaitable[None]]] = field(default_factory=dict)
    """What a test does once the server has done what a command asks for, before it says so: by verb."""

    def open_connections(self) -> int:
        """How many are open now."""
        return sum(each.transport is not None and not each.transport.is_closing() for each in self.connections)

    def drop_connections(self) -> None:
        """Close each at once, as a server does that is stopped."""
        for each in self.connections:
            if each.transport is not None:
                each.transport.close()

    def note(self, verb: str) -> list[SMTP]:
        """The connections that say `verb` from now on, in order."""
        seen: list[SMTP] = []

        async def noting(server: SMTP) -> None:  # ruff: ignore[unused-async] -- others wait
            seen.append(server)

        self.before_answering[verb] = noting
        return seen

    def hold(self, verb: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Keep answers to `verb` back. The events tell that one is, and let all go on."""
        reached, released = asyncio.Event(), asyncio.Event()

        async def holding(_server: SMTP) -> None:
            reached.set()
            await released.wait()

        self.before_answering[verb] = holding
        return reached, released

    def break_off(self, verb: str, times: int = 1) -> None:
        """End the connection instead of answering `verb`, so many times."""
        left = iter(range(times))

        async def breaking(server: SMTP) -> None:  # ruff: ignore[unused-async] -- others wait
            if next(left, None) is not None:
                assert isinstance(server.transport, asyncio.WriteTransport)
                server.transport.abort()

        self.before_answering[verb] = breaking

    async def handle_MAIL(  # ruff: ignore[invalid-function-name] -- aiosmtpd looks for this name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.sender_answers.get(address):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        await self._interrupted("MAIL", server)
        return "250 OK"

    async def handle_RCPT(  # ruff: ignore[invalid-function-name] -- aiosmtpd looks for this name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if answer := self.recipient_answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        await self._interrupted("RCPT", server)
        return "250 OK"

    async def handle_DATA(  # ruff: ignore[invalid-function-name] -- aiosmtpd looks for this name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.content_answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.messages.append(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
            self.envelopes.append(envelope)
            assert server.transport is not None
            self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        await self._interrupted("DATA", server)
        return self.content_answer

    async def handle_QUIT(  # ruff: ignore[invalid-function-name] -- aiosmtpd looks for this name
        self, server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        await self._interrupted("QUIT", server)
        return "221 Bye"

    async def _interrupted(self, verb: str, server: SMTP) -> None:
        if (interrupt := self.before_answering.get(verb)) is not None:
            await interrupt(server)

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, credentials: Any
    ) -> AuthResult:
        assert isinstance(credentials, LoginPassword)
        self.logins.append(credentials.login)
        known = (credentials.login, credentials.password) == (USER.encode(), PASSWORD.encode())
        # An answer that is marked as handled would leave the client waiting for one.
        return AuthResult(success=known, handled=False)


class Counted(SMTP):
    """A connection that its server remembers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        again = self in self.event_handler.connections  # with STARTTLS it is made anew
        if not again:
            self.event_handler.connections.append(self)
        super().connection_made(transport)


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 that only those trust who are handed `trust`."""

    server: ssl.SSLContext
    trust: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)  # ruff: ignore[banned-api] -- TLS compares with the machine's clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = tmp_path_factory.mktemp("certificate") / "chain.pem"
    unencrypted = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return Certificate(server=server, trust=ssl.create_default_context(cafile=chain))


@asynccontextmanager
async def _serving(
    factory: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """Serve `factory` on a free port until the block ends."""
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=tls)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


Serve = Callable[..., Awaitable[SmtpServer]]


@pytest.fixture
async def serve_smtp(certificate: Certificate) -> AsyncIterator[Serve]:
    """Start a server for this test, encrypted as said, with more of aiosmtpd's options where they matter."""
    async with AsyncExitStack() as running:

        async def serve(tls: Tls, **options: Any) -> SmtpServer:
            smtp = SmtpServer()
            factory = partial(
                Counted,
                smtp,
                hostname="mail.test",
                loop=asyncio.get_running_loop(),
                authenticator=smtp.authenticate,
                tls_context=certificate.server if tls is Tls.STARTTLS else None,
                require_starttls=tls is Tls.STARTTLS,
                auth_require_tls=tls is not Tls.IMPLICIT,  # aiosmtpd knows only TLS that it started itself
                **options,
            )
            context = certificate.server if tls is Tls.IMPLICIT else None
            smtp.port = await running.enter_async_context(_serving(factory, context))
            return smtp

        yield serve


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""
    async with _serving(asyncio.Protocol) as port:
        yield port


@pytest.fixture
async def unused_port() -> int:
    """A port at which nobody listens."""
    async with _serving(asyncio.Protocol) as port:
        return port
