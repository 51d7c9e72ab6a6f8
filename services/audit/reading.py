"""Reading the log, the newest event first."""

from __future__ import annotations

from core.errors import BadUserInput
from models.audit import AuditEvent
from services.audit.recording import Action
from services.pages import Page, Rows, newest_first


async def event(event_id: int) -> AuditEvent | None:
    """An event by its id."""
    return await AuditEvent.get_or_none(id=event_id)


async def events(page: Page, *, user_id: int | None = None, action: str | None = None) -> tuple[Rows[AuditEvent], int]:
    """A page of events, of one account or of one kind where that is asked, and how many there are in all.

    Two queries. Raises BadUserInput for an action that there is not.
    """
    found = AuditEvent.all()
    if user_id is not None:
        found = found.filter(user_id=user_id)
    if action is not None:
        if action not in set(Action):
            raise BadUserInput("There is no such action.")
        found = found.filter(action=action)
    return await newest_first(found, page), await found.count()
