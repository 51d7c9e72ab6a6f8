"""Letters sent by hand, and the jobs that wait to send them."""

from typing import Any

from models import Job
from services import notifications
from services.app import App
from worker.letters import LETTERS

SENDING = notifications.Sending(LETTERS)


async def send(app: App, letter: str, payload: dict[str, Any], *, delivery: str = "by hand") -> None:
    """What a worker does with the job of a letter."""
    await SENDING(app, {**payload, "letter": letter, "delivery": delivery})


async def waiting(letter: str) -> list[Job]:
    """The jobs of one letter, done or not, in the order in which they were written."""
    jobs = await Job.filter(kind=notifications.SEND).order_by("id")
    return [job for job in jobs if job.payload["letter"] == letter]
