"""How close earlier trials are to a sign-up, and how long ago they began. Pure, over rows in memory.

Two weak keys in common say more than both by themselves: the same browser at the same place. A place that few have come
from says more than one that many share, and a trial that has just ended more than one of last spring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from services.fraud.keys import Keys, Kind

if TYPE_CHECKING:
    from services.fraud.crowd import Earlier, Passing

BEFORE_END, AFTER_END = timedelta(days=3), timedelta(days=5)
"""How long before and after the end of one trial the next one of the same operator begins."""
AT_ONCE, LATE = timedelta(days=2), timedelta(days=45)
APART = 0.6
"""Networks for each sign-up of a domain above which its people are no colleagues."""
RARE, UNIQUE = 20, 4
"""Sign-ups with one fingerprint below which it ties them together, and below which it is hardly a make's."""
QUIET, SMALL = 1, 8
"""Sign-ups from elsewhere in a network up to which an address in it is a household's, and from the address itself."""


class Tie(StrEnum):
    """What an earlier trial has in common with a sign-up: the closest that holds."""

    DEVICE = "device"
    HERE = "here"
    """The same browser, from the same network."""
    NEARBY = "nearby"
    """The same browser, from the same network operator."""
    BROWSER = "browser"
    """The same browser, which hardly anybody else has, from anywhere."""
    ADDRESS = "address"
    """Another browser at the same address, in a network from which few come."""


class When(StrEnum):
    """How long ago an earlier trial began."""

    AT_ONCE = "at_once"
    ENDED = "ended"
    """So long that it ends just now."""
    LATE = "late"
    BEFORE = "before"


def follows(at: datetime, each: Earlier, trial: timedelta) -> bool:
    """Whether a sign-up at this moment comes when the trial of `each` ends."""
    return -BEFORE_END <= at - (each.at + trial) <= AFTER_END


def is_of_one(domain: list[Earlier], keys: Keys) -> bool:
    """Whether one person may stand behind the sign-ups at a domain: they are few, and sit apart.

    Colleagues share networks, or are many. Some of many begin by chance when the trial of another one ends.
    """
    networks = {network for each in domain for network in each.keys[Kind.NETWORK]} | {keys.get(Kind.NETWORK)}
    return len(domain) < SMALL and len(networks) > APART * (len(domain) + 1)


class Ties:
    """The earlier sign-ups of other people, as pairs with the present one."""

    def __init__(
        self, keys: Keys, earlier: Iterable[Earlier], now: datetime, trial: timedelta, *, hidden: bool, mobile: bool
    ) -> None:
        """`hidden`: the address is a VPN's or a hosting company's. `mobile`: a phone, which is like its whole make."""
        self._keys = keys
        self._now = now
        self._trial = trial
        self._earlier = list(earlier)
        alike, network = self._sharing(Kind.FINGERPRINT), self._sharing(Kind.NETWORK)
        here = [each for each in network if self._shares(each, Kind.ADDRESS)]
        office = any(self._shares(each, Kind.DOMAIN) for each in here)
        self._browsers, self._near, self._mobile = len(alike), len(network), mobile
        self._quiet = not (hidden or office) and len(network) - len(here) <= QUIET and len(here) <= SMALL

    def features(self, passing: Passing) -> dict[str, int]:
        """How many trials of each tie began when, and how many addresses and forms look like this one's."""
        tied = [(each, tie) for each in self._earlier if (tie := self._tie(each))]
        counts = Counter(f"{tie}_{self._when(each)}" for each, tie in tied if each.granted)
        every = {f"{tie}_{when}": counts[f"{tie}_{when}"] for tie in Tie for when in When}
        places = [each for each, tie in tied if tie is Tie.ADDRESS and each.granted]
        alike = sum(self._shares(each, Kind.TRAITS) for each in places)
        chains = self._of_chains([each for each, _ in tied])
        return every | {"address_alike": alike} | chains | self._of_shapes(passing)

    def _of_chains(self, tied: list[Earlier]) -> dict[str, int]:
        domain = self._sharing(Kind.DOMAIN)
        own = domain if is_of_one(domain, self._keys) else []
        return {
            "whole_chain": self._whole_chain(tied),
            "domain_chain": self._whole_chain(own),
            "held": sum(bool(each.keys[Kind.HELD]) for each in {id(each): each for each in (*tied, *own)}.values()),
        }

    def _whole_chain(self, among: list[Earlier]) -> int:
        """How many there are, if each of them began at once with the one before or when its trial ended; else 0."""
        at = self._now
        for each in sorted(among, key=lambda each: each.at, reverse=True):
            if at - each.at >= AT_ONCE and not follows(at, each, self._trial):
                return 0
            at = each.at
        return len(among)

    def _of_shapes(self, passing: Passing) -> dict[str, int]:
        twins = self._sharing(Kind.TWIN)
        return {
            "twins_here": sum(self._shares(each, Kind.NETWORK) for each in twins),
            "twins_at_once": sum(self._now - each.at <= AT_ONCE for each in twins) + passing.twins_at_once,
            "domain_noisy": passing.noisy,
            "burst_hasty": passing.hasty,
        }

    def _tie(self, each: Earlier) -> Tie | None:
        if self._shares(each, Kind.DEVICE):
            return Tie.DEVICE
        if self._shares(each, Kind.DOMAIN):
            return None  # machines of one organisation look alike and share its networks
        if self._shares(each, Kind.FINGERPRINT):
            return self._of_browser(each)
        return Tie.ADDRESS if self._quiet and self._shares(each, Kind.ADDRESS) else None

    def _of_browser(self, each: Earlier) -> Tie | None:
        if self._near < RARE and self._shares(each, Kind.NETWORK):
            return Tie.HERE
        if self._browsers < RARE and self._shares(each, Kind.OPERATOR):
            return Tie.NEARBY
        return Tie.BROWSER if self._browsers < UNIQUE and not self._mobile else None

    def _when(self, each: Earlier) -> When:
        if self._now - each.at < AT_ONCE:
            return When.AT_ONCE
        if follows(self._now, each, self._trial):
            return When.ENDED
        return When.LATE if self._now - each.at < LATE else When.BEFORE

    def _sharing(self, kind: Kind) -> list[Earlier]:
        return [each for each in self._earlier if self._shares(each, kind)]

    def _shares(self, each: Earlier, kind: Kind) -> bool:
        return kind in self._keys and self._keys[kind] in each.keys[kind]
