"""Letters to users. A letter is a job; what is sent is rendered when it is sent."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from models.accounts import User
from models.trials import Trial
from services import jobs

if TYPE_CHECKING:
    from jinja2 import Environment

    from services.app import App

TEMPLATES = Path(__file__).parent / "templates"
WELCOME = "mail.welcome"


async def welcome(app: App, user: User) -> None:
    """Write the job of the welcome letter, inside the caller's transaction."""
    await jobs.enqueue(app, WELCOME, {"user_id": user.id}, dedup_key=f"{WELCOME}:{user.id}")


async def send_welcome(app: App, payload: dict[str, Any]) -> None:
    """Deliver the welcome letter. Nobody is there to read it when the account has gone: then nothing is sent.

    The Message-ID follows from the user, so that a second try is recognised as the same letter.
    Raises Unavailable when the mail server may take it later, MailRejected when it never will.
    """
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return
    trial = await Trial.get_or_none(user_id=user.id)
    plan = app.catalogue.plans[trial.plan_key] if trial else None
    message = _letter(app, user, name="welcome", subject="Welcome to Porchlight", user=user, trial=trial, plan=plan)
    await app.mail.send(message)


def _letter(app: App, to: User, *, name: str, subject: str, **values: Any) -> EmailMessage:
    host = mail_host(app.settings.public_url)
    values |= {"public_url": app.settings.public_url, "subject": subject}
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = Address("Porchlight", "hello", host)
    message["To"] = _recipient(to)
    message["Date"] = format_datetime(app.clock.now())
    message["Message-ID"] = f"<{name}.{to.id}.{app.keys.mac('message-id', f'{name}.{to.id}').hex()[:16]}@{host}>"
    message.set_content(_templates().get_template(f"{name}.txt").render(values))
    message.add_alternative(_templates().get_template(f"{name}.html").render(values), subtype="html")
    return message


def mail_host(public_url: str) -> str:
    """The domain that letters come from; an IP address stands in brackets (RFC 5321, section 4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # ruff: ignore[magic-value-comparison] -- the version's own number


def _recipient(user: User) -> Address:
    """The mailbox as written, its domain in ASCII: every server takes it unless the mailbox itself is in Unicode."""
    return Address(username=user.email.rpartition("@")[0], domain=user.email_key.rpartition("@")[2])


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # ruff: ignore[import-outside-top-level] -- start time

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
    )
