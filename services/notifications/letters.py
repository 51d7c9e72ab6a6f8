"""Composing and sending letters: a template in text and HTML, an address, an id that repeats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jinja2 import Environment

    from models.accounts import User
    from services.app import App

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Mailbox:
    """Where a letter goes: an address as written, and its key."""

    written: str
    key: str


async def deliver(
    app: App, user: User, *, name: str, subject: str, key: str, to: Mailbox | None = None, **values: Any
) -> None:
    """Render the template `name` and hand it to the mail server, to the user's own address unless `to` says another.

    The Message-ID follows from `name` and `key`, so that a second try is recognised as the same letter.
    Raises Unavailable when the mail server may take it later, MailRejected when it never will.
    """
    host = mail_host(app.settings.public_url)
    values |= {"public_url": app.settings.public_url, "subject": subject, "user": user}
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = Address("Porchlight", "hello", host)
    message["To"] = _recipient(to or Mailbox(user.email, user.email_key))
    message["Date"] = format_datetime(app.clock.now())
    message["Message-ID"] = _message_id(app, name, key, host)
    message.set_content(_templates().get_template(f"{name}.txt").render(values))
    message.add_alternative(_templates().get_template(f"{name}.html").render(values), subtype="html")
    await app.mail.send(message)


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


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # ruff: ignore[import-outside-top-level] -- start time

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
    )
