"""Counting: what earlier sign-ups that share keys with the present one say about it. Pure, over rows in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.fraud.keys import Keys, Kind
from services.fraud.ties import AFTER_END, APART, AT_ONCE, BEFORE_END, RARE, follows, is_of_one

NEAR = timedelta(days=30)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OPERATOR_MEMORY = timedelta(days=3)
CROWDED = 200
"""Sign-ups of one network from which on there may be more than were read."""


@dataclass
class Earlier:
    """A sign-up that shares keys with the present one, with those of its keys that are compared."""

    at: datetime
    granted: bool
    keys: dict[Kind, set[str]] = field(default_factory=lambda: defaultdict(set))


@dataclass
class Passing:
    """Sign-ups that nothing connects with the present one but the network operator, or the shape of the mailbox.

    They are many, and the database counts them.
    """

    twins: int = 0
    """In 90 days."""
    twins_at_once: int = 0
    """Those of them in two days."""
    noisy: int = 0
    """At this domain, with addresses that look made by a machine. The rest is of the operator alone."""
    hasty: int = 0
    """In six hours, with a form that was filled in fast."""
    begun: datetime | None = None
    """When the oldest sign-up was that is kept."""

    hour: int = 0
    recent: int = 0
    """In `OPERATOR_MEMORY`, those of the hour among them."""
    granted: int = 0
    """The recent ones that got a trial."""
    ended: int = 0
    """Those whose trial ends about now."""
    first: datetime | None = None
    """When the first of the recent ones was."""

    def count(self, number: int, when: str, at: datetime, *, granted: bool) -> None:
        """Add `number` of the operator, the first at `at`: `when` holds the words hour, recent and ending."""
        if when.startswith(("hour", "recent")):
            self.hour += number if when.startswith("hour") else 0
            self.recent += number
            self.granted += number if granted else 0
            self.first = min(at, self.first or at)
        if when.endswith("ending") and granted:
            self.ended += number


class Crowd:
    """The earlier sign-ups of other people, as the present one looks at them."""

    def __init__(
        self, keys: Keys, earlier: Iterable[Earlier], now: datetime, trial: timedelta, passing: Passing | None = None
    ) -> None:
        self._keys = keys
        self._earlier = list(earlier)
        self._passing = passing or Passing()
        self._now = now
        self._trial = trial
        self._domain = self._sharing(Kind.DOMAIN)
        networks = {network for each in self._domain for network in each.keys[Kind.NETWORK]}
        self._networks = len(networks | ({keys[Kind.NETWORK]} if Kind.NETWORK in keys else set()))
        self._rare = len(self._sharing(Kind.FINGERPRINT)) < RARE
        self._own = is_of_one(self._domain, keys)
        self._apart = self._networks > APART * (len(self._domain) + 1)

    def features(self) -> dict[str, Any]:
        """Every feature that is counted, by its name."""
        return self._of_domain() | self._of_keys() | self._of_network() | self._of_time()

    def _of_domain(self) -> dict[str, Any]:
        first = min((each.at for each in self._domain), default=None)
        return {
            "domain_people": len(self._domain),
            "domain_networks": self._networks if self._domain else 0,
            "domain_burst": len(self._since(self._domain, NEAR)),
            "domain_age_days": (self._now - first) / DAY if first else None,
            "twins": len(self._since(self._sharing(Kind.TWIN), 3 * NEAR)) + self._passing.twins,
        }

    def _of_keys(self) -> dict[str, Any]:
        alike = self._strangers(self._trials(Kind.FINGERPRINT))
        return {
            "device_trials": len(self._trials(Kind.DEVICE)),
            "card_trials": len(self._trials(Kind.CARD)),
            "fingerprint_trials": len(alike),
            "fingerprint_block": sum(self._shares(each, Kind.OPERATOR) for each in alike),
            "fingerprint_networks": len({network for each in alike for network in each.keys[Kind.NETWORK]}),
        }

    def _of_network(self) -> dict[str, Any]:
        here, there = self._sharing(Kind.NETWORK), self._sharing(Kind.OPERATOR)
        day, hour = self._since(here, DAY), self._since(there, HOUR)
        return {
            "network_hour": len(self._since(here, HOUR)),
            "network_day": len(day),
            "network_usual": round(self._usual(here, NEAR, DAY), 3),
            "network_alike": len(self._strangers(filter(self._alike, here))),
            "operator_hour": len(hour) + self._passing.hour,
            "operator_usual": round(self._usual(there, OPERATOR_MEMORY, HOUR, self._passing), 3),
        }

    def _usual(self, among: list[Earlier], memory: timedelta, slot: timedelta, passing: Passing | None = None) -> float:
        """How many there are in a slot of time, the present one left out.

        Of a crowd only the newest are known: then it is their average over the time that they cover.
        """
        known, passing = self._since(among, memory), passing or Passing()
        count = len(known) + passing.recent
        if count >= CROWDED:
            first = min([each.at for each in known] + ([passing.first] if passing.first else []))
            return count * (slot / max(self._now - first, slot / count))
        return (count - len(self._since(known, slot)) - passing.hour) / (memory / slot - 1)

    def _of_time(self) -> dict[str, Any]:
        tied = [each for each in self._earlier if each.granted and self._tied(each)]
        there = [each for each in self._sharing(Kind.OPERATOR) if each.granted and not self._colleague(each)]
        recent = len(self._since(there, OPERATOR_MEMORY)) + self._passing.granted
        return {
            "successions": sum(follows(self._now, each, self._trial) for each in tied),
            "chain": self._chain(tied),
            "operator_successions": sum(follows(self._now, each, self._trial) for each in there) + self._passing.ended,
            "operator_expected": round(recent * (BEFORE_END + AFTER_END) / OPERATOR_MEMORY, 3),
            "bursts": len(self._since(tied, AT_ONCE)),
        }

    def _chain(self, tied: list[Earlier]) -> int:
        """How many trials in a row lead up to now, each begun when the one before had ended."""
        length, at = 0, self._now
        for each in sorted(tied, key=lambda each: each.at, reverse=True):
            if follows(at, each, self._trial):
                length, at = length + 1, each.at
        return length

    def _colleague(self, each: Earlier) -> bool:
        return self._shares(each, Kind.DOMAIN) and not self._apart

    def _tied(self, each: Earlier) -> bool:
        """Whether one person may stand behind both: a device, a card, a rare fingerprint, a domain of one's own."""
        if self._shares(each, Kind.DEVICE) or self._shares(each, Kind.CARD):
            return True
        if self._shares(each, Kind.DOMAIN):
            return self._own and not self._alike(each)
        return self._alike(each) and (self._rare or self._shares(each, Kind.NETWORK))

    def _alike(self, each: Earlier) -> bool:
        return self._shares(each, Kind.FINGERPRINT)

    def _strangers(self, among: Iterable[Earlier]) -> list[Earlier]:
        """Those who are no colleagues: machines of one organisation look alike and share its networks."""
        return [each for each in among if not self._shares(each, Kind.DOMAIN)]

    def _trials(self, kind: Kind) -> list[Earlier]:
        return [each for each in self._sharing(kind) if each.granted]

    def _sharing(self, kind: Kind) -> list[Earlier]:
        return [each for each in self._earlier if self._shares(each, kind)]

    def _shares(self, each: Earlier, kind: Kind) -> bool:
        return kind in self._keys and self._keys[kind] in each.keys[kind]

    def _since(self, among: Iterable[Earlier], span: timedelta) -> list[Earlier]:
        return [each for each in among if self._now - each.at <= span]
