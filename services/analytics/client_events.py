"""What clients may tell: each event with its properties, and what these may be. There are no others.

A change of an event's properties that older clients do not send makes a new `version`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from services.analytics.names import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Keys of plans, features and surfaces: words of the frontend's, never of people's."""
PATH = re.compile(r"/[^?#\s]*")


class Kind(Protocol):
    """What a property may be."""

    @property
    def says(self) -> str:
        """The rule in words, as in "a whole number"."""

    def allows(self, value: object) -> bool:
        """Whether this is one."""


@dataclass(frozen=True)
class Text:
    """Printable characters of a pattern. What cannot be stored, such as half of a character, is not printable."""

    says: str
    pattern: re.Pattern[str]
    longest: int

    def allows(self, value: object) -> bool:
        return (
            isinstance(value, str)
            and len(value) <= self.longest
            and value.isprintable()
            and self.pattern.fullmatch(value) is not None
        )


@dataclass(frozen=True)
class Number:
    """A number within bounds, which JSON may have written in any way."""

    least: float
    most: float

    @property
    def says(self) -> str:
        return f"a number from {self.least:,} to {self.most:,}"

    def allows(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class Property:
    """One property: what it tells, what it may be, and whether it may be left out."""

    about: str
    kind: Kind
    optional: bool = False


@dataclass(frozen=True)
class ClientEvent:
    """One event that clients tell."""

    name: Name
    about: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    version: int = 1


A_KEY = Text("a key of at most 64 small letters, digits, dots, dashes and underscores", KEY, 64)
A_PATH = Text("a path of at most 300 characters that begins with a slash and has no query", PATH, 300)

CLIENT_EVENTS = {
    event.name: event
    for event in (
        ClientEvent(
            Name.PAGE_VIEWED,
            "A page was shown.",
            {
                "path": Property("Which one, without what may stand behind a question mark.", A_PATH),
                "from": Property("The page of ours before it.", A_PATH, optional=True),
                "seconds": Property("How long that one was looked at.", Number(0, 86_400), optional=True),
            },
        ),
        ClientEvent(Name.ONBOARDING_STARTED, "The first page of the onboarding was shown."),
        ClientEvent(
            Name.CHECKOUT_VIEWED, "A plan was shown with the way to buy it.", {"plan": Property("Its key.", A_KEY)}
        ),
        ClientEvent(
            Name.PAYWALL_VIEWED,
            "Somebody met what their plan does not include.",
            {"feature": Property("The key of the feature.", A_KEY)},
        ),
        ClientEvent(
            Name.FEEDBACK_PROMPTED,
            "Somebody was asked how satisfied they are.",
            {"surface": Property("Where, as `submitFeedback` calls it.", A_KEY)},
        ),
    )
}
CLIENT_NAMES = frozenset(CLIENT_EVENTS)
SERVER_NAMES = frozenset(Name) - CLIENT_NAMES
