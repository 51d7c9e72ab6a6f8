"""How satisfied people say they are: a score from 1 to 5, one a person and window of 30 days."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from core.errors import BadUserInput, NotFound
from models.feedback import Feedback
from services import analytics

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App

LOWEST, HIGHEST = 1, 5
WINDOW_SECONDS = 30 * 86_400
"""Windows follow each other from 1970 on, the same for everybody, in UTC."""
LONGEST_COMMENT = 2_000
SURFACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)

_INSERT = """
INSERT INTO feedback (user_id, "window", score, comment, surface, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id, "window") DO NOTHING RETURNING id
"""


@dataclass(frozen=True)
class Answer:
    """What somebody answers. Raises BadUserInput for what is out of bounds."""

    score: int
    comment: str | None = None
    surface: str | None = None

    def __post_init__(self) -> None:
        if not LOWEST <= self.score <= HIGHEST:
            raise BadUserInput(f"score is from {LOWEST} to {HIGHEST}.")
        if self.surface is not None and not SURFACE.fullmatch(self.surface):
            raise BadUserInput("surface is a name of at most 64 characters: a-z, 0-9, dots, dashes and underscores.")
        object.__setattr__(self, "comment", _cleaned(self.comment))


async def submit(app: App, user_id: int, answer: Answer) -> bool:
    """Write an answer down; whether it counts. Only the first one of a window does, and the same one told again.

    Raises NotFound when the account has been deleted meanwhile.
    """
    now = app.clock.now()
    window, given = window_of(now), (answer.score, answer.comment, answer.surface)
    try:
        async with app.database.transaction():
            if await app.database.rows(_INSERT, [user_id, window, *given, now]):
                happened = analytics.FeedbackSubmitted(score=answer.score, surface=answer.surface)
                await analytics.record(app, user_id, happened)
                return True
    except IntegrityError as error:
        raise NotFound from error
    standing = await Feedback.get_or_none(user_id=user_id, window=window)
    return standing is not None and (standing.score, standing.comment, standing.surface) == given


def window_of(moment: datetime) -> int:
    """The number of the window that a moment is in."""
    return int(moment.timestamp() // WINDOW_SECONDS)


def _cleaned(comment: str | None) -> str | None:
    """A comment in NFC, trimmed, with lines; None when nothing is left. Raises BadUserInput."""
    if comment is None:
        return None
    text = unicodedata.normalize("NFC", comment[: LONGEST_COMMENT * 4]).replace("\r\n", "\n").strip()
    if len(text) > LONGEST_COMMENT or any(
        unicodedata.category(each) in {"Cc", "Cs"} for each in text if each not in "\n\t"
    ):
        raise BadUserInput(f"comment has at most {LONGEST_COMMENT:,} characters, none of them a control character.")
    return text or None
