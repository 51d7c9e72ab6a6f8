"""A worker that sends letters and dies by `kill -9` at a point: `python -m tests.dying_worker POINT URL …`."""

import asyncio
import os
import signal
import sys
from email.message import EmailMessage
from typing import Any, NoReturn

from models import MailDelivery
from services import jobs
from services.app import App, open_app
from services.notifications import sending
from tests.clock import ManualClock
from tests.porchlight import settings_for
from worker.loop import Worker
from worker.tasks import TASKS

POINTS = ("claimed", "composed", "handed over", "settled")
"""After the job is under a lease, after the letter's token is stored, after the mail server has it, after the entry."""


def die(*_: object, **__: object) -> NoReturn:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def armed(app: App, point: str) -> None:
    """Put the end at its point."""
    match point:
        case "claimed":
            MailDelivery.exists = die  # type: ignore[method-assign]
        case "composed":
            vars(sending)["message_of"] = die
        case "handed over":
            mail: Any = app.mail
            hand_over = mail.send

            async def handing_over(message: EmailMessage) -> None:
                await hand_over(message)
                die()

            mail.send = handing_over
        case _:
            jobs.finish = die


async def main(point: str, *urls: str) -> None:
    """Take what is due, and die."""
    async with open_app(settings_for(*urls), clock=ManualClock()) as app:
        armed(app, point)
        await Worker(app, TASKS).drain()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
