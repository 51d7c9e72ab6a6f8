"""What somebody asks for, as one of the list. Nothing of what they wrote is kept or logged."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput, Unavailable
from services import access
from services.intents import asking, finding, slots
from services.intents.declaring import UNKNOWN, Intent, SlotType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.accounts import User
    from services.app import App
    from services.intents.classifying import Guess

LONGEST = 500
"""Characters of an utterance."""
DEADLINE = 2.0
"""Seconds for its vector."""
LEARNT_WITHIN = 8.0
"""Seconds that the first question in a space may wait for what is to be learnt: about one, longer on a busy machine."""
KNOWN = 0.4
"""How sure an answer is at least: below, it is `unknown`. Left out one by one, 88 % of the phrasings get there, 84 % of
them right, and 10 % of what is outside (docs/intents.md has the command)."""
SURE = 0.7
"""How sure an answer is that needs no second opinion. Left out, 67 % of the phrasings get there, 90 % of them right."""
OF_VENDORS = 0.8
"""How sure a vendor's choice is said to be: it tells none itself, and nothing offline can measure it."""
LOCAL = "local"


@dataclass(frozen=True)
class Resolved:
    """One of the list, or `unknown`. `confidence` is the probability that it is right.

    `reason` tells why a second opinion is missing; `vector` is there when items of the catalogue are an answer.
    """

    name: str
    confidence: float
    resolved_by: str = LOCAL
    reason: str | None = None
    alternatives: tuple[str, ...] = ()
    slots: dict[str, Any] = field(default_factory=dict)
    operation: str | None = None
    vector: NDArray[np.float32] | None = None


async def resolve(app: App, text: str, user: User | None) -> Resolved:
    """What `text` asks for. Raises BadUserInput, Unavailable."""
    said = cleaned(text)
    resolved = await _resolved(app, said, user) if said else Resolved(UNKNOWN, 1.0)
    app.metrics.intents.labels(intent=resolved.name, resolver=resolved.resolved_by).inc()
    return resolved


def cleaned(text: str) -> str:
    """One line of NFKC without control characters and halves of pairs; empty without any letter or digit.

    Raises BadUserInput.
    """
    if len(text) > LONGEST:
        raise BadUserInput(f"text has at most {LONGEST} characters.")
    spoken = "".join(" " if unicodedata.category(each) in {"Cc", "Cs"} else each for each in text)
    line = " ".join(unicodedata.normalize("NFKC", spoken).split())[:LONGEST]
    return line if any(each.isalnum() for each in line) else ""


async def _resolved(app: App, said: str, user: User | None) -> Resolved:
    vector, guess = await _guess(app, said)
    opinion = asking.Opinion()
    if guess.confidence < SURE:
        opinion = await asking.second(app, user.id if user else None, said)
    name, confidence, by = _own(guess)
    proposed: dict[str, str] = {}
    if opinion.choice:
        name, confidence, by = opinion.choice.name, OF_VENDORS, app.ports.intents.name
        proposed = dict(opinion.choice.slots)
    intent = app.intents.intents.intents.get(name)
    return Resolved(
        name,
        confidence,
        by,
        opinion.reason,
        tuple(each for each in guess.names if each != name),
        await _slots(app, intent, said, vector, proposed) if intent else {},
        _operation(intent, user),
        vector if intent is None or intent.items else None,
    )


async def _guess(app: App, said: str) -> tuple[NDArray[np.float32], Guess]:
    embeddings = app.embeddings
    try:
        async with asyncio.timeout(LEARNT_WITHIN):
            classifier = await app.intents.classifier(embeddings)
        async with asyncio.timeout(DEADLINE):
            vectors = await embeddings.embed([said], deadline=DEADLINE)
    except TimeoutError as fault:
        raise Unavailable from fault
    return vectors[0], classifier.guesses(vectors)[0]


def _own(guess: Guess) -> tuple[str, float, str]:
    if guess.confidence < KNOWN:
        return UNKNOWN, 1 - guess.confidence, LOCAL
    return guess.names[0], guess.confidence, LOCAL


async def _slots(
    app: App, intent: Intent, said: str, vector: NDArray[np.float32], proposed: dict[str, str]
) -> dict[str, Any]:
    """What the rules read, then what a vendor read, then the category of items near to a topic: all checked alike."""
    held = slots.checked(app, intent, said, proposed) | slots.checked(app, intent, said, slots.found(app, intent, said))
    missing = [name for name, slot in intent.slots.items() if slot.type is SlotType.CATEGORY and name not in held]
    about = any(slot.type is SlotType.TEXT and name in held for name, slot in intent.slots.items())
    if missing and about and (category := await finding.category_near(app, vector)):
        held |= slots.checked(app, intent, said, dict.fromkeys(missing, category))
    return held


def _operation(intent: Intent | None, user: User | None) -> str | None:
    """What would do it, unless this caller may not."""
    if intent is None:
        return None
    if intent.permission and not (user and access.has_permission(user, intent.permission)):
        return None
    return intent.operation
