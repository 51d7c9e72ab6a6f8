"""Composing and sending letters: a template in text and HTML, an address, an id that repeats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from adapters.mail import MailRejected
from services.languages import Phrase, reader_of
from services.notifications import returns, unsubscribing
from services.notifications.hindrances import hindrance
from services.notifications.letter import MANDATORY, Topic
from services.notifications.long_headers import POLICY
from services.notifications.printing import Value, printed
from services.notifications.reports import hard

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Mailbox:
    """Where a letter goes: an address as written, and its key."""

    written: str
    key: str


async def deliver(
    app: App,
    user: User,
    *,
    template: str,
    subject: Phrase,
    key: str,
    topic: Topic = Topic.SECURITY,
    to: Mailbox | None = None,
    **values: Value,
) -> bool:
    """Print the template and hand it to the mail server, to the user's own address unless `to` says another.

    False, and nothing is sent, where the user has switched the topic off, or the address does not get it any more. The
    Message-ID follows from `template` and `key`, so that a second try is recognised as the same letter.
    Raises Unavailable when the mail server may take it later, MailRejected when it never will.
    """
    mailbox = to or Mailbox(user.email, user.email_key)
    if held := await hindrance(app, user_id=user.id, address_key=mailbox.key, topic=topic):
        log.info("mail.held_back", letter=template, topic=topic, why=held)
        return False
    host, reader = mail_host(app.settings.public_url), reader_of(user.locale, user.timezone)
    way_out = None if topic in MANDATORY else unsubscribing.link(app, user.id, topic)
    values |= {"public_url": app.settings.public_url, "subject": subject, "unsubscribe": way_out}
    letter = printed(reader, template, values)
    message = EmailMessage(policy=POLICY)
    message["Subject"] = reader.tell(subject)
    message["From"] = Address("Porchlight", "hello", host)
    message["To"] = _recipient(mailbox)
    message["Date"] = format_datetime(app.clock.now())
    message["Message-ID"] = _message_id(app, template, key, host)
    for name, value in unsubscribing.headers(way_out).items():
        message[name] = value
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    await _hand_over(app, message, user, mailbox, host)
    return True


async def _hand_over(app: App, message: EmailMessage, user: User, mailbox: Mailbox, host: str) -> None:
    """Send under an envelope whose sender is this letter's own. A server that knows no such mailbox is believed."""
    envelope = returns.sender(
        app, address_key=mailbox.key, user_id=user.id, message_id=message["Message-ID"], host=host
    )
    message["Return-Path"] = f"<{envelope}>"
    try:
        await app.mail.send(message)
    except MailRejected as error:
        if hard(error.reason):
            await returns.rejected(app, mailbox.key, user.id)
        raise


def name_to_greet(user: User) -> str | None:
    """What a letter calls its reader; nothing before the address is proven, so that nobody writes to others' by us."""
    return user.name if user.email_verified_at else None


def mail_host(public_url: str) -> str:
    """The domain that letters come from; an IP address stands in brackets (RFC 5321, section 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # ruff: ignore[magic-value-comparison] -- the version's own number


def _message_id(app: App, name: str, key: str, host: str) -> str:
    """An id in the letters that RFC 5322, section 3.6.4, allows; the keyed hash tells two keys apart for certain."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key)[:40]
    return f"<{name}.{readable}.{app.keys.mac('message-id', f'{name}.{key}').hex()[:16]}@{host}>"


def _recipient(mailbox: Mailbox) -> Address:
    """The mailbox as written, its domain in ASCII: every server takes it unless the mailbox itself is in Unicode."""
    return Address(username=mailbox.written.rpartition("@")[0], domain=mailbox.key.rpartition("@")[2])
