"""Appeals: who was refused asks for a person to look. GDPR Article 22(3) gives them that right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.fraud import FraudCase
from models.one_time_tokens import Purpose
from services import one_time_tokens
from services.fraud.cases import CaseStatus
from services.sessions import InvalidToken

if TYPE_CHECKING:
    from services.app import App

LONGEST_MESSAGE = 2_000


async def appeal(app: App, token: str, message: str) -> None:
    """Write an appeal into its case. A token that is dead or was never one changes nothing. Raises BadUserInput."""
    text = _checked(message)
    try:
        await _write(app, token, text)
    except InvalidToken:
        return


async def appeal_by_link(app: App, token: str, message: str) -> None:
    """The same from the page of the link, which tells a dead one. Raises InvalidToken, BadUserInput."""
    await _write(app, token, _checked(message))


async def _write(app: App, token: str, message: str) -> None:
    """Spend the token and open the case, or open it again when it was confirmed before anybody had appealed."""
    row = await one_time_tokens.find(app, Purpose.APPEAL, token)
    if row is None:
        raise InvalidToken
    async with app.database.transaction():
        if not await one_time_tokens.spend(app, row):
            raise InvalidToken
        await (
            FraudCase.filter(id=row.data["case"], appealed_at=None)
            .exclude(status=CaseStatus.DISMISSED)
            .update(appealed_at=app.clock.now(), appeal_message=message, status=CaseStatus.OPEN, closed_at=None)
        )


def _checked(message: str) -> str:
    text = message.strip()
    printable = all(sign.isprintable() or sign in "\r\n\t" for sign in text)
    if not 1 <= len(text) <= LONGEST_MESSAGE or not printable:
        raise BadUserInput(f"message has from 1 to {LONGEST_MESSAGE} characters, all of them printable.")
    return text
