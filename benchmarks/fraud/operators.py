"""People who farm trials: what each of them has, and how a family of them uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.fraud import mailboxes, networks
from benchmarks.fraud.browsers import Machine, Profile, machine
from benchmarks.fraud.events import DAYS, NEW_YEAR, TRIAL_DAYS, Attempt, Operator, Role, SignUp, after
from benchmarks.fraud.mailboxes import Name
from benchmarks.fraud.networks import Home

if TYPE_CHECKING:
    from benchmarks.fraud.chance import Chance

SAME_BROWSER, PRIVATE, VPN = "same browser", "private window", "VPN"
HABITS = {SAME_BROWSER: 0.55, PRIVATE: 0.3, VPN: 0.15}
"""How somebody comes back who only thinks of the address. With a VPN they open a private window too."""
CARDS = 0.1
"""Share of operators who leave a card, which is the same then each time."""


class Means:
    """What one operator has."""

    def __init__(self, chance: Chance, key: str) -> None:
        self.chance = chance
        self.key = key
        self.name = Name(chance)
        self.home = Home(chance)
        self.own = Profile(self._machine())
        self.habit = chance.by_share(HABITS)
        self.card = f"operator_{key}" if chance.happens(CARDS) else None

    def sign_up(
        self,
        email: str,
        *,
        profile: Profile | None = None,
        ip: str | None = None,
        card: str | None = None,
        seconds: float | None = None,
        scripted: str | None = None,
    ) -> Attempt:
        """Fill in the form: by habit, but for what is said."""
        practised = max(2.0, self.chance.around(14.0, 0.5))
        return Attempt(
            email=email,
            name=Name(self.chance).display if self.chance.happens(0.4) else None,
            profile=profile or (self.own if self.habit == SAME_BROWSER else self.private_window()),
            ip=ip or (networks.vpn(self.chance) if self.habit == VPN else self.home.address()),
            seconds=practised if seconds is None else seconds,
            card=card or self.card,
            scripted=scripted,
        )

    def private_window(self) -> Profile:
        """The same browser, which has forgotten everything."""
        return Profile(self.own.machine)

    def fresh_profile(self) -> Profile:
        """A browser that pretends to be another machine."""
        return Profile(self._machine())

    def other_mailbox(self) -> str:
        """A further mailbox of a free provider: most of them in no relation to the last one."""
        return mailboxes.free(self.chance, Name(self.chance), mailboxes.EASY)

    def _machine(self) -> Machine:
        return machine(self.chance, self.home.provider.locale, self.home.provider.timezone)


Style = Callable[[Means], Callable[[int], Attempt]]
"""For an operator, what their sign-up of each number is."""
Pace = Callable[["Chance"], Callable[[], float]]
"""For an operator, days from one sign-up to the next."""
Deciding = Callable[[Means], Operator]


@dataclass(frozen=True)
class Family:
    """Operators of one kind. `later` is the least and the greatest number of trials after the first."""

    name: str
    share: float
    later: tuple[int, int]
    pace: Pace
    style: Style | None = None
    deciding: Deciding | None = None

    def sign_ups(self, chance: Chance, units: int) -> Iterator[SignUp]:
        """As many later sign-ups as there are units, each operator's first one besides; not yet in order."""
        number = 0
        while units:
            number += 1
            own = chance.part(number)
            later = min(units, own.whole(*self.later))
            units -= later
            yield from self._of_one(own, f"{self.name}/{number}", later)

    def _of_one(self, chance: Chance, actor: str, later: int) -> Iterator[SignUp]:
        means = Means(chance, "".join(filter(str.isalnum, actor)))
        gap = self.pace(chance)
        days = [0.0]
        for _ in range(later):
            days.append(days[-1] + gap())
        shrink = min(1.0, (DAYS - 2) / days[-1])
        begin = chance.between(0.2, DAYS - 1 - days[-1] * shrink)
        style = self.style(means) if self.style else None
        operator = self.deciding(means) if self.deciding else None
        for number, day in enumerate(days, start=1):
            what = style(number) if style else operator
            assert what is not None
            role = Role.FIRST if number == 1 else Role.LATER
            at = after(NEW_YEAR, days=begin + day * shrink)
            yield SignUp(at=at, group=self.name, actor=actor, number=number, role=role, what=what)


def trial_by_trial(chance: Chance) -> Callable[[], float]:
    """The next one when the last has ended, now and then after a pause."""
    return lambda: max(0.5, chance.normal(TRIAL_DAYS, 1.5)) + (chance.around(20.0, 0.8) if chance.happens(0.2) else 0)


def at_once(chance: Chance) -> Callable[[], float]:
    """All within hours."""
    return lambda: chance.around(0.01, 1.0)


def either(chance: Chance) -> Callable[[], float]:
    """Two in three operators wait for the end, one hoards."""
    return trial_by_trial(chance) if chance.happens(0.67) else at_once(chance)


def every(days: float, spread: float = 0.2) -> Pace:
    """In a rhythm."""
    return lambda chance: lambda: chance.around(days, spread)
