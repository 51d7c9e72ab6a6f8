"""Composing and sending letters: a template in text and HTML, an address, an id that repeats."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.languages import reader_of
from services.notifications import returns, unsubscribing
from services.notifications.letter import MANDATORY
from services.notifications.long_headers import POLICY
from services.notifications.printing import printed

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.notifications.letter import Draft, Mailbox, Topic


def message_of(app: App, letter: str, key: str, draft: Draft, topic: Topic) -> EmailMessage:
    """The letter as it goes out, in its reader's words.

    The Message-ID follows from the letter's name and its delivery's key, so that a second try is recognised as the same
    letter.
    """
    host = mail_host(app.settings.public_url)
    reader = reader_of(draft.user.locale, draft.user.timezone)
    way_out = None if topic in MANDATORY else unsubscribing.link(app, draft.user.id, topic)
    home = app.settings.frontend_url or app.settings.public_url
    values = {**draft.values, "home": home, "subject": draft.subject, "unsubscribe": way_out}
    words = printed(reader, draft.template, values)
    message = EmailMessage(policy=POLICY)
    message["Subject"] = reader.tell(draft.subject)
    message["From"] = Address("Porchlight", "hello", host)
    message["To"] = _recipient(draft.mailbox)
    message["Date"] = format_datetime(app.clock.now())
    message["Message-ID"] = _message_id(app, letter, key, host)
    message["Return-Path"] = f"<{_envelope(app, draft, message, host)}>"
    for name, value in unsubscribing.headers(way_out).items():
        message[name] = value
    message.set_content(words.text)
    message.add_alternative(words.html, subtype="html")
    return message


def _envelope(app: App, draft: Draft, message: EmailMessage, host: str) -> str:
    """The envelope's sender, which is this letter's own: what comes back of it is known by that."""
    return returns.sender(
        app,
        address_key=draft.mailbox.key,
        user_id=draft.user.id or 0,
        message_id=message["Message-ID"],
        host=host,
    )


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
    return f"<{name}.{readable}.{app.keys.identity('message-id', f'{name}.{key}')[:16]}@{host}>"


def _recipient(mailbox: Mailbox) -> Address:
    """The mailbox as written, its domain in ASCII: every server takes it unless the mailbox itself is in Unicode."""
    return Address(username=mailbox.written.rpartition("@")[0], domain=mailbox.key.rpartition("@")[2])
