"""What happens in a simulated year: who signs up when, with what, and what is owed to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.fraud.browsers import Profile

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 365
TRIAL_DAYS = 14


class Role(StrEnum):
    """How a sign-up is judged."""

    OWED = "owed"
    """An honest person's, to whom the whole trial is owed: anything less is a false positive."""
    LATER = "later"
    """The second or a later one of an operator: granted in full, it is a miss."""
    FIRST = "first"
    """The first one of an operator. Nothing could tell it, so it is not judged."""
    OPEN = "open"
    """Of an honest person who has had a trial: nothing is owed, and nothing is farmed. It is told, not judged."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a form is filled in with, and from where."""

    email: str
    name: str | None
    profile: Profile
    ip: str
    seconds: float
    """How long the form was open."""
    card: str | None = None
    """Which card, where one is given."""
    scripted: str | None = None
    """The program that sends it, where it is no browser."""


class Operator(Protocol):
    """Somebody who decides what to do next by what they were answered."""

    def attempt(self, at: datetime) -> Attempt:
        """The next sign-up."""
        ...

    def learn(self, *, granted: bool) -> None:
        """Whether the last one gave the whole trial: all that they can see."""
        ...


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """One registration. `group` is its cohort or family; `number` counts those of one person or operator from 1."""

    at: datetime
    group: str
    actor: str
    number: int
    role: Role
    what: Attempt | Operator

    def attempt(self) -> Attempt:
        """What is sent: known from the beginning, or decided now."""
        return self.what if isinstance(self.what, Attempt) else self.what.attempt(self.at)

    def learn(self, *, granted: bool) -> None:
        """Tell whoever decides by answers."""
        if not isinstance(self.what, Attempt):
            self.what.learn(granted=granted)


@dataclass(frozen=True)
class Outcome:
    """How a registration ended, as its sender saw it."""

    kind: str
    """The last answer's type: RegisterSuccess, EmailTaken, FraudSuspected, ChallengeRequired…"""
    trial: bool
    """A trial of any size."""
    granted: bool
    """A trial with every quota of its plan."""
    challenges: tuple[str, ...] = ()
    """The kinds of challenge that were asked for on the way."""


@dataclass(frozen=True)
class Result:
    """A sign-up with what came of it. `score` is the engine's own, None where it has none."""

    event: SignUp
    attempt: Attempt
    outcome: Outcome
    score: float | None = None

    @property
    def challenged(self) -> bool:
        """Whether anything had to be solved."""
        return bool(self.outcome.challenges)

    @property
    def blocked(self) -> bool:
        """Whether there was no trial in the end, with or without an account."""
        return not self.outcome.trial

    @property
    def suspicion(self) -> float:
        """The score; without one, what was done tells whether it is beyond every threshold or below."""
        if self.score is not None:
            return self.score
        return -math.inf if self.outcome.granted else math.inf


def day_of(at: datetime) -> int:
    """Which day of the year."""
    return (at - NEW_YEAR).days


def after(at: datetime, *, days: float = 0.0, minutes: float = 0.0) -> datetime:
    """A moment later."""
    return at + timedelta(days=days, minutes=minutes)
