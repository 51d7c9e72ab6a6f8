"""What is told besides: found by local rules, and checked against what there is, whoever found it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from core.texts import printable
from services.billing.catalogue import BillingInterval
from services.intents import words
from services.intents.declaring import Intent, Slot, SlotType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.app import App

LONGEST_VALUE = 200
"""Characters of a value that is looked at: more is none of ours."""


def spoken(text: str) -> str:
    """One spelling: NFKC, without case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def found(app: App, intent: Intent, text: str) -> dict[str, str]:
    """What the rules read in `text` for the slots of `intent`, not yet checked."""
    said = spoken(text)
    values = {name: _read(app, slot.type, said) for name, slot in intent.slots.items()}
    return {name: value for name, value in values.items() if value is not None}


def checked(app: App, intent: Intent, text: str, proposed: Mapping[str, str]) -> dict[str, Any]:
    """What holds of `proposed`: values of the declared types that exist now. Everything else is dropped."""
    held: dict[str, Any] = {}
    for name, slot in intent.slots.items():
        value = proposed.get(name, "")
        if 0 < len(value) <= LONGEST_VALUE and (good := _checked(app, slot, text, value)) is not None:
            held[name] = good
    plan = app.catalogue.plans.get(held.get("plan", ""))
    if plan and held.get("interval", plan.interval) != plan.interval:
        return {name: value for name, value in held.items() if name not in {"plan", "interval"}}
    return held


def categories(app: App) -> frozenset[str]:
    """The catalogue's categories, as far as this process knows its items."""
    return app.items.categories


def _read(app: App, kind: SlotType, said: str) -> str | None:
    match kind:
        case SlotType.PLAN:
            return _plan(app, said)
        case SlotType.INTERVAL:
            return words.interval(words.wanted(said))
        case SlotType.CATEGORY:
            return words.only(key for key in categories(app) if words.stands_in(key.replace("-", " "), said))
        case SlotType.NUMBER:
            return words.days(said)
    return words.topic(said)


def _plan(app: App, said: str) -> str | None:
    """The one plan that is named, by its line and, where the line has several, by its interval."""
    wanted = words.wanted(said)
    interval = words.interval(wanted)
    lines = {plan.line for plan in app.catalogue.sold if words.stands_in(plan.line.replace("-", " "), wanted)}
    return words.only(
        plan.key for plan in app.catalogue.sold if {plan.line} == lines and interval in {None, plan.interval}
    )


def _checked(app: App, slot: Slot, text: str, value: str) -> Any:
    """The value as it is told, or None."""
    match slot.type:
        case SlotType.PLAN:
            return words.only(plan.key for plan in app.catalogue.sold if plan.key == value)
        case SlotType.INTERVAL:
            return words.only(str(interval) for interval in BillingInterval if interval == value)
        case SlotType.CATEGORY:
            return value if value in categories(app) else None
        case SlotType.NUMBER:
            return _number(slot, value)
    return _text(slot, text, value)


def _number(slot: Slot, value: str) -> int | None:
    number = int(value) if re.fullmatch(r"[0-9]{1,6}", value) else None
    return number if number is not None and slot.least <= number <= slot.most else None


def _text(slot: Slot, text: str, value: str) -> str | None:
    """Words that somebody has said: a model can choose among them, and add none."""
    topic = spoken(value)
    if not topic or len(topic) > slot.longest or not printable(topic):
        return None
    return topic if topic in spoken(text) else None
