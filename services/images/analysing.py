"""Analysing an image: checked, found again or looked at, counted, and turned into interests."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from adapters.images import Unusable
from adapters.vision import DEADLINE, Seen
from core.errors import BadUserInput, Refusal, Unauthenticated, Unavailable
from core.texts import printable
from models.recommendations import InterestSource
from services import onboarding, usage
from services.images import keeping
from services.images.looking import look, was_asked
from services.recommendations import learn

if TYPE_CHECKING:
    from adapters.images import Picture
    from models.accounts import User
    from models.usage import UsageReservation
    from services.app import App

METER = "image-analysis"
LONGEST_CAPTION = 300
HOLD = 60
"""Seconds that one analysis is set aside for."""


class InvalidImage(Refusal):
    """The file is no picture that we look at. The message says what would be right."""

    message = "This is no picture that can be looked at."


@dataclass(frozen=True)
class Analysis:
    """What an image showed: topics with their weights, the strongest first, and who says so."""

    topics: tuple[tuple[str, float], ...]
    model: str
    confidence: float

    @classmethod
    def of(cls, seen: Seen) -> Analysis:
        """What was seen, its tags in words."""
        return cls(tuple((tag.replace("-", " "), weight) for tag, weight in seen.tags), seen.model, seen.confidence)

    @property
    def caption(self) -> str:
        """A sentence for the person, made of the topics alone: no word in it is the model's own."""
        names = [topic for topic, _ in self.topics[:4]]
        if not names:
            return "Nothing that we know of can be told of this picture."
        *others, last = names
        return f"This picture tells of {', '.join(others)} and {last}." if others else f"This picture tells of {last}."


async def analyze(app: App, user: User, raw: bytes, caption: str | None) -> Analysis:
    """Look at an image of the user's, within 10 s. The same one again, with the same caption, costs nothing.

    Of who has opted out neither what was seen is kept nor anything learnt: each look is a new one, and costs.
    Raises InvalidImage, UsageLimitReached, BadUserInput, Unavailable; Unauthenticated when the account has been deleted
    meanwhile.
    """
    said = _cleaned(caption or "")
    ends = asyncio.get_running_loop().time() + DEADLINE
    try:
        async with asyncio.timeout_at(ends):
            picture = await app.images.decode(raw)
        seen = await _seen(app, user.id, picture, said, ends)
    except Unusable as error:
        raise InvalidImage(error.message) from error
    except TimeoutError as error:
        raise Unavailable from error
    analysis = Analysis.of(seen)
    await learn(app, user.id, analysis.topics, InterestSource.IMAGE)
    return analysis


async def _seen(app: App, user_id: int, picture: Picture, said: str, ends: float) -> Seen:
    """What is known of the picture, or what is seen when it is looked at now."""
    fingerprint = app.keys.identity(METER, f"{user_id}:{picture.fingerprint}:{said}")
    known = await keeping.find(app, user_id, fingerprint)
    if known is not None:
        return known
    reserved = await _reserve(app, user_id)
    try:
        seen = await look(app, user_id, picture, said, ends=ends)
    except BaseException:
        await _write_down(app, reserved, fingerprint, None)
        raise
    await _write_down(app, reserved, fingerprint, seen)
    return seen


async def _reserve(app: App, user_id: int) -> UsageReservation:
    """Set one analysis aside. Raises UsageLimitReached."""
    entry = usage.Entry(METER, 1, f"image:{secrets.token_hex(16)}")
    return (await usage.reserve(app, user_id, entry, seconds=HOLD)).row


async def _write_down(app: App, reserved: UsageReservation, fingerprint: str, seen: Seen | None) -> None:
    """End the reservation with what came of it, all or nothing.

    Only what the model of the settings saw is kept and counted: not what failed, what stood in for it, or what another
    request for the same image has written down meanwhile. Raises Unauthenticated.
    """
    user_id = reserved.user_id
    try:
        async with app.database.transaction():
            new = bool(seen and was_asked(app, seen) and await keeping.keep(app, user_id, fingerprint, seen))
            await usage.end(app, reserved, 1 if new else None)
            if seen:
                await onboarding.done(app, user_id, onboarding.SHOW_IMAGE)
    except IntegrityError as error:
        raise Unauthenticated from error  # the account has been deleted meanwhile
    await app.usage_changed.publish(str(user_id))


def _cleaned(caption: str) -> str:
    """A caption in NFKC and on one line. Raises BadUserInput."""
    text = " ".join(unicodedata.normalize("NFKC", caption[: LONGEST_CAPTION * 4]).split())
    if len(text) > LONGEST_CAPTION or len(caption) > LONGEST_CAPTION * 4 or not printable(text):
        raise BadUserInput(f"caption has at most {LONGEST_CAPTION} characters, all of them printable.")
    return text
