"""The second opinion, where our own is not sure: for who is signed in, within their budget and a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.intents import Choice, Option
from adapters.openai import NotAsked, Refused
from core.errors import Unavailable
from services import budgets
from services.intents.declaring import UNKNOWN

if TYPE_CHECKING:
    from services.app import App
    from services.intents.declaring import Intents

DEADLINE = 3.0
"""Seconds in all."""
EXAMPLES = 4
"""Phrasings of each intent that a model is shown."""
BUDGET, UNAVAILABLE, REFUSED = "budget", "unavailable", "refused"
"""Why there is no second opinion although there should be one."""


@dataclass(frozen=True)
class Opinion:
    """What was chosen; or why nothing was, None when nobody was to be asked."""

    choice: Choice | None = None
    reason: str | None = None


async def second(app: App, user_id: int | None, text: str) -> Opinion:
    """What the vendor chooses for `text`. Nobody asks at the expense of nobody.

    A question costs what was set aside unless it is known what it did cost: also one that is late, that cannot be read,
    or that was cancelled. Only one that was certainly not asked costs nothing.
    """
    port = app.ports.intents
    if not port.asks or user_id is None:
        return Opinion()
    if not port.ready:
        return Opinion(reason=UNAVAILABLE)
    options = options_of(app.intents.intents)
    reservation = await budgets.reserve(app, user_id, port.most_tokens(options), model=port.model)
    if reservation is None:
        return Opinion(reason=BUDGET)
    caller = app.keys.identity("safety", str(user_id))
    spent, written = reservation.tokens, None
    try:
        choice = await port.choose(text, options, caller=caller, deadline=DEADLINE)
        spent, written = choice.input_tokens + choice.output_tokens, choice.output_tokens
    except Unavailable as error:
        if isinstance(error, NotAsked):
            spent = 0
        return Opinion(reason=UNAVAILABLE)
    except Refused:
        return Opinion(reason=REFUSED)
    finally:
        await budgets.settle(app, reservation, spent, output_tokens=written)
    return Opinion(choice)


def options_of(intents: Intents) -> list[Option]:
    """The whole list, and that it is none of it."""
    listed = [
        Option(intent.key, intent.phrasings[:EXAMPLES], {name: slot.told for name, slot in intent.slots.items()})
        for intent in intents.intents.values()
    ]
    return [*listed, Option(UNKNOWN, intents.outside[:EXAMPLES])]
