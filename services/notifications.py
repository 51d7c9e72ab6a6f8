"""Letters to users. A letter is a job; what is sent is rendered when it is sent."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.trials import Trial
from services import jobs

if TYPE_CHECKING:
    from services.app import App

SENDER = "Porchlight <hello@{host}>"
TEMPLATES = Path(__file__).parent / "templates"
WELCOME = "mail.welcome"


async def welcome(app: App, user: User) -> None:
    """Write the job of the welcome letter, inside the caller's transaction."""
    await jobs.enqueue(app, WELCOME, {"user_id": user.id}, dedup_key=f"{WELCOME}:{user.id}")


async def send_welcome(app: App, payload: dict[str, Any]) -> None:
    """Deliver the welcome letter. Nobody is there to read it when the account has gone: then nothing is sent.

    The Message-ID follows from the user, so that a second try is recognised as the same letter.
    Raises Unavailable when the mail server may take it later.
    """
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return
    trial = await Trial.get_or_none(user_id=user.id)
    plan = app.catalogue.plans[trial.plan_key] if trial else None
    message = _letter(app, user, name="welcome", subject="Welcome to Porchlight", user=user, trial=trial, plan=plan)
    await app.mail.send(message)


def _letter(app: App, to: User, *, name: str, subject: str, **values: Any) -> EmailMessage:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # ruff: ignore[import-outside-top-level] -- start time

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=select_autoescape(["html"])
    )
    host = app.settings.public_url.split("://", 1)[1].split(":", 1)[0].split("/", 1)[0]
    values |= {"public_url": app.settings.public_url, "subject": subject}
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = SENDER.format(host=host)
    message["To"] = to.email
    message["Date"] = format_datetime(app.clock.now())
    message["Message-ID"] = f"<{name}.{to.id}.{app.keys.mac('message-id', f'{name}.{to.id}').hex()[:16]}@{host}>"
    message.set_content(environment.get_template(f"{name}.txt").render(values))
    message.add_alternative(environment.get_template(f"{name}.html").render(values), subtype="html")
    return message
