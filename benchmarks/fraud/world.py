"""A world: all sign-ups of a year in their order, drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from benchmarks.fraud import legitimate
from benchmarks.fraud.chance import Chance
from benchmarks.fraud.dev_families import DEV_COMMODITY, DEV_FAMILIES
from benchmarks.fraud.events import Attempt, Role, SignUp
from benchmarks.fraud.families import COMMODITY, FAMILIES
from benchmarks.fraud.operators import Family

TWINS = {"googlemail.com": "gmail.com", "me.com": "icloud.com", "mac.com": "icloud.com", "pm.me": "proton.me"}


@dataclass(frozen=True)
class Suite:
    """Which families, on which seed, how many honest sign-ups and how many units."""

    name: str
    seed: int
    families: tuple[Family, ...]
    commodity: tuple[str, ...]
    honest: int = 20_000
    units: int = 1_600

    def smaller(self, honest: int, units: int) -> Suite:
        """The same in little: for a look, not for a figure."""
        return replace(self, honest=honest, units=units)

    def seeded(self, seed: int) -> Suite:
        """The same with other dice."""
        return replace(self, seed=seed)


REPORTED = Suite("reported", 20260105, FAMILIES, COMMODITY)
DEV = Suite("dev", 7_041, DEV_FAMILIES, DEV_COMMODITY)
"""What parameters may be tuned on."""


def parts(suite: Suite) -> dict[str, int]:
    """Units of each family: its share, rounded, the first family taking what is left."""
    counts = {family.name: round(suite.units * family.share) for family in suite.families}
    counts[suite.families[0].name] += suite.units - sum(counts.values())
    return counts


def draw(suite: Suite) -> list[SignUp]:
    """Everything that happens, in order, no two at the same millisecond, no mailbox with two people."""
    chance = Chance(suite.seed, suite.name)
    events = list(legitimate.sign_ups(chance.part("honest"), suite.honest))
    counts = parts(suite)
    for family in suite.families:
        events += family.sign_ups(chance.part(family.name), counts[family.name])
    return list(_apart(_own_mailboxes(sorted(events, key=lambda event: event.at))))


def _apart(events: Iterable[SignUp]) -> Iterator[SignUp]:
    """Whole milliseconds, each later than the last: by its time a sign-up is found again."""
    last = None
    for event in events:
        at = event.at.replace(microsecond=event.at.microsecond // 1000 * 1000)
        at = at if last is None else max(at, last + timedelta(milliseconds=1))
        last = at
        yield replace(event, at=at)


def mailbox(email: str) -> str:
    """Where mail to an address arrives, as its owner knows it."""
    local, _, domain = email.lower().partition("@")
    domain = TWINS.get(domain, domain)
    local = local.partition("+")[0]
    return f"{local.replace('.', '') if domain == 'gmail.com' else local}@{domain}"


def _own_mailboxes(events: Iterable[SignUp]) -> Iterator[SignUp]:
    """Give another name to whoever would have somebody else's mailbox, as providers do."""
    owners: dict[str, str] = {}
    renamed: dict[tuple[str, str], str] = {}
    for event in events:
        if not isinstance(event.what, Attempt):
            yield event
            continue
        email = event.what.email
        box = mailbox(email)
        local, _, domain = email.partition("@")
        base, mark, tag = local.partition("+")
        base = renamed.get((event.actor, box), base)
        number = 2
        while owners.setdefault(mailbox(f"{base}@{domain}"), event.actor) != event.actor:
            base = f"{base}{number}"
            number += 1
            renamed[event.actor, box] = base
        yield replace(event, what=replace(event.what, email=f"{base}{mark}{tag}@{domain}"))


def judged(events: Iterable[SignUp]) -> dict[Role, int]:
    """How many sign-ups of each role."""
    counts = dict.fromkeys(Role, 0)
    for event in events:
        counts[event.role] += 1
    return counts
