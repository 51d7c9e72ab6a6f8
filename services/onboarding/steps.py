"""The first steps, in one list. Whoever adds one writes a line here, and a call of `done` where its fact is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import BadUserInput

if TYPE_CHECKING:
    from collections.abc import Collection

WITHIN = timedelta(days=7)
"""How long after the registration an onboarding counts as completed in figures."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. `key` is stored with who has done it, and never means something else.

    `told`: clients say that it is done, for there is no fact behind it. All others are done by what they ask for.
    `optional`: the onboarding is complete without it.
    """

    key: str
    title: str
    told: bool = False
    optional: bool = False


VERIFY_EMAIL = Step(key="verify-email", title="Confirm your e-mail address")
CHOOSE_INTERESTS = Step(key="choose-interests", title="Choose what you care for")
SHOW_IMAGE = Step(key="show-image", title="Show a picture that is like you", optional=True)
OPEN_RECOMMENDATION = Step(key="open-recommendation", title="Open something that suits you")
TAKE_TOUR = Step(key="take-tour", title="Take the tour", told=True, optional=True)

STEPS = (VERIFY_EMAIL, CHOOSE_INTERESTS, SHOW_IMAGE, OPEN_RECOMMENDATION, TAKE_TOUR)
"""In the order in which they are shown. A step that is added later is optional, or it opens what was complete."""

REQUIRED = frozenset(step.key for step in STEPS if not step.optional)
"""The keys of those that make the onboarding complete."""


def step_of(key: str) -> Step:
    """The step of a key. Raises BadUserInput."""
    found = next((step for step in STEPS if step.key == key), None)
    if found is None:
        raise BadUserInput(f"key is one of {', '.join(step.key for step in STEPS)}.")
    return found


def complete(done: Collection[str]) -> bool:
    """Whether these steps make the onboarding complete."""
    return REQUIRED.issubset(done)
