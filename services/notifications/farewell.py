"""The last letter: the account is gone, and with this letter the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import PorchlightError, Unavailable
from models.accounts import User
from models.jobs import Job
from services import jobs
from services.languages import Told, label, phrase
from services.notifications.letters import deliver
from services.notifications.notices import TEXTS, Notice

if TYPE_CHECKING:
    from services.app import App

FAREWELL = "mail.farewell"
WHAT_STAYS: dict[str, Told] = {
    label("What stays"): phrase(
        "a keyed hash that tells that you have had a trial, and records of what happened to the account, which name it "
        "by its number"
    )
}
"""Told before and after an account is deleted, as a row of the letters."""


async def farewell(app: App, user: User) -> None:
    """Write the job of the last letter, inside the transaction that deletes the account."""
    payload = {"to": [user.email, user.email_key], "number": user.id, "locale": user.locale}
    await jobs.enqueue(app, FAREWELL, payload, dedup_key=_key(user.id))


async def send_farewell(app: App, payload: dict[str, Any]) -> None:
    """Deliver the last letter, then forget where it went; so also when the last try fails.

    What fails in a way that nobody foresaw keeps the address until it is given up; then pruning deletes the job.
    Raises Unavailable, PorchlightError.
    """
    number = payload["number"]
    job = await Job.get_or_none(dedup_key=_key(number))
    if job is None or "to" not in job.payload:
        return
    written, key = job.payload["to"]
    text = TEXTS[Notice.DELETED]
    gone = User(id=number, email=written, email_key=key, locale=job.payload.get("locale"))
    try:
        await deliver(
            app, gone, template="notice", key=f"{Notice.DELETED}.{number}", subject=text.subject,
            sentence=text.sentence, details=WHAT_STAYS, advice=None, label=None, url=None,
        )  # fmt: skip
    except PorchlightError as error:
        if isinstance(error, Unavailable) and job.attempts < jobs.MAX_ATTEMPTS:
            raise
        await _forget(number)
        # The reason would be kept with the job, and mail servers quote addresses.
        raise PorchlightError("The letter could not be delivered.") from None
    await _forget(number)


async def _forget(number: int) -> None:
    await Job.filter(dedup_key=_key(number)).update(payload={"number": number}, last_error=None)


def _key(number: int) -> str:
    return f"{FAREWELL}:{number}"
