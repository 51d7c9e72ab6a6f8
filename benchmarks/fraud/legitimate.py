"""Honest people: the hard cohorts, whose traits look like those of farmers, and everybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.fraud import mailboxes, networks
from benchmarks.fraud.browsers import Profile, machine
from benchmarks.fraud.events import DAYS, NEW_YEAR, Attempt, Role, SignUp, after
from benchmarks.fraud.mailboxes import Name
from benchmarks.fraud.networks import Home

if TYPE_CHECKING:
    from datetime import datetime

    from benchmarks.fraud.chance import Chance

CARDS = 0.15
"""Share of people who leave a card with their sign-up."""
PROGRAMS = 0.004
"""Share of ordinary people who sign up by a program of their own: developers do."""
SHARES = {
    "office NAT of 200": 0.03,
    "campus": 0.045,
    "family laptop": 0.025,
    "identical corporate laptops": 0.03,
    "relay mail": 0.03,
    "plus tags": 0.015,
    "VPN users": 0.05,
    "returning after churn": 0.02,
    "mobile carriers": 0.12,
}
"""Of all honest sign-ups. Ordinary people are the rest."""
ORDINARY = "ordinary people"


@dataclass
class Person:
    """Somebody with a name and a machine of their own."""

    chance: Chance
    name: Name
    profile: Profile
    card: str

    def attempt(self, at: datetime, email: str, ip: str) -> Attempt:
        """Fill in the form: most take half a minute, password managers a few seconds."""
        quick = self.chance.happens(0.2)
        return Attempt(
            email=email,
            name=self.name.display if self.chance.happens(0.6) else None,
            profile=self.profile,
            ip=ip,
            seconds=max(1.5, self.chance.around(6.0 if quick else 32.0, 0.5)),
            card=self.card if self.chance.happens(CARDS) else None,
        )


def person(chance: Chance, key: str, locale: str, timezone: str, *, phone: bool | None = None) -> Person:
    """Somebody new."""
    made = machine(chance, locale, timezone, phone=phone)
    return Person(chance, Name(chance), Profile(made), f"own_{key}")


def sign_ups(chance: Chance, count: int) -> Iterator[SignUp]:
    """All honest sign-ups that are owed a trial, and those that go with them, not yet in order."""
    left = count
    for group, share in SHARES.items():
        wanted = round(count * share)
        left -= wanted
        yield from _owed(COHORTS[group](chance.part(group), group), wanted)
    yield from _owed(ordinary(chance.part(ORDINARY), ORDINARY), left)


def _owed(events: Iterator[SignUp], wanted: int) -> Iterator[SignUp]:
    """As many as are wanted that are owed a trial, with what lies between them."""
    for event in events:
        wanted -= event.role is Role.OWED
        if wanted < 0:
            return
        yield event


def some_time(chance: Chance, first: float = 0.0, last: float = DAYS) -> datetime:
    """A moment of the year, more often by day than by night."""
    hour = min(23.9, max(0.0, chance.normal(14.0, 4.5)))
    return after(NEW_YEAR, days=int(chance.between(first, last - 0.01)), minutes=hour * 60)


def _event(group: str, who: str, at: datetime, attempt: Attempt, role: Role = Role.OWED, number: int = 1) -> SignUp:
    return SignUp(at=at, group=group, actor=f"{group}/{who}", number=number, role=role, what=attempt)


def _address(chance: Chance, name: Name) -> str:
    kind = chance.by_share(mailboxes.KINDS)
    if kind == "company":
        return mailboxes.staff(chance, name, mailboxes.company(chance))
    if kind == "own":
        return f"{chance.of(('me', 'mail', name.first, 'hello'))}@{mailboxes.domain(chance)}"
    return mailboxes.relayed(chance) if kind == "relay" else mailboxes.free(chance, name)


def ordinary(chance: Chance, group: str) -> Iterator[SignUp]:
    """At home, with an address of any kind."""
    number = 0
    while number := number + 1:
        home = Home(chance)
        who = person(chance, f"{group}_{number}".replace(" ", ""), home.provider.locale, home.provider.timezone)
        attempt = who.attempt(at := some_time(chance), _address(chance, who.name), home.address())
        program = chance.of(("requests", "node", "go")) if chance.happens(PROGRAMS) else None
        yield _event(group, str(number), at, replace(attempt, scripted=program))


def carriers(chance: Chance, group: str) -> Iterator[SignUp]:
    """On a phone, behind an address that thousands share."""
    number = 0
    while number := number + 1:
        provider = chance.by_share(networks.HOMES)
        who = person(chance, f"mobile_{number}", provider.locale, provider.timezone, phone=True)
        attempt = who.attempt(at := some_time(chance), mailboxes.free(chance, who.name), networks.mobile(chance))
        yield _event(group, str(number), at, attempt)


def office(chance: Chance, group: str) -> Iterator[SignUp]:
    """200 colleagues behind one address; half of them in the fortnight in which the company tries us."""
    number = 0
    while True:
        ip, company = networks.within(chance, *networks.BUSINESS), mailboxes.domain(chance)
        provider, day = chance.by_share(networks.HOMES), chance.between(10, DAYS - 30)
        for _ in range(200):
            number += 1
            who = person(chance, f"office_{number}", provider.locale, provider.timezone, phone=False)
            at = some_time(chance, day, day + 14) if chance.happens(0.5) else some_time(chance)
            own = chance.happens(0.25)
            email = mailboxes.free(chance, who.name) if own else mailboxes.staff(chance, who.name, company)
            yield _event(group, str(number), at, who.attempt(at, email, ip))


def campus(chance: Chance, group: str) -> Iterator[SignUp]:
    """Students of a university behind a handful of addresses, most of them when a term begins."""
    number = 0
    while True:
        place = networks.within(chance, *networks.CAMPUSES)
        school, provider = f"{chance.common(mailboxes.last_names())}.edu", chance.by_share(networks.HOMES)
        for _ in range(300):
            number += 1
            who = person(chance, f"campus_{number}", provider.locale, provider.timezone)
            first = chance.of((60, 270))
            at = some_time(chance, first, first + 21) if chance.happens(0.6) else some_time(chance)
            at_school = chance.happens(0.45)
            email = mailboxes.staff(chance, who.name, school) if at_school else mailboxes.free(chance, who.name)
            ip = networks.near(chance, place, 28)
            yield _event(group, str(number), at, who.attempt(at, email, ip))


def family(chance: Chance, group: str) -> Iterator[SignUp]:
    """Two or three of one name at one machine, most in one browser profile; sometimes with the family's one card.

    About one honest sign-up in 70 comes from a device that has had an account before: so do they in the public data set
    on sign-ups of a shop (fraudecom), in which devices are numbered.
    """
    number = 0
    while number := number + 1:
        home, shared = Home(chance), chance.happens(0.3)
        last = chance.common(mailboxes.last_names())
        laptop = machine(chance, home.provider.locale, home.provider.timezone, phone=False)
        together, profile = chance.happens(0.6), Profile(laptop)
        for member in range(chance.whole(2, 3)):
            card = f"family_{number}" if shared else f"family_{number}_{member}"
            who = Person(chance, Name(chance, last), profile if together else Profile(laptop), card)
            at = some_time(chance)
            attempt = who.attempt(at, mailboxes.free(chance, who.name), home.address())
            yield _event(group, f"{number}.{member}", at, attempt)


def identical(chance: Chance, group: str) -> Iterator[SignUp]:
    """30 colleagues with machines of one image, which no page can tell apart; at the office, at home, on the road."""
    number = 0
    while True:
        ip, company = networks.within(chance, *networks.BUSINESS), mailboxes.domain(chance)
        provider, day = chance.by_share(networks.HOMES), chance.between(10, DAYS - 100)
        image = machine(chance, provider.locale, provider.timezone, phone=False)
        for _ in range(30):
            number += 1
            who = Person(chance, Name(chance), Profile(image), f"image_{number}")
            at = some_time(chance, day, day + 90)
            where = ip if chance.happens(0.6) else Home(chance).address()
            email = mailboxes.staff(chance, who.name, company)
            yield _event(group, str(number), at, who.attempt(at, email, where))


def relay(chance: Chance, group: str) -> Iterator[SignUp]:
    """Who hides their address behind a relay's."""
    return _at_home(chance, group, lambda _: mailboxes.relayed(chance))


def tags(chance: Chance, group: str) -> Iterator[SignUp]:
    """Who writes down in their address where they gave it away."""

    def tagged(name: Name) -> str:
        tag = chance.of(("porchlight", "apps", "trial", "news", "signup", "2026"))
        return f"{mailboxes.local(chance, name)}+{tag}@{chance.by_share({'gmail.com': 0.85, 'outlook.com': 0.15})}"

    return _at_home(chance, group, tagged)


def vpns(chance: Chance, group: str) -> Iterator[SignUp]:
    """Who surfs through a VPN; one in fifty through Tor."""
    for event in _at_home(chance, group, lambda name: mailboxes.free(chance, name)):
        assert isinstance(event.what, Attempt)
        ip = networks.within(chance, *networks.TOR) if chance.happens(0.02) else networks.vpn(chance)
        yield _event(group, event.actor, event.at, replace(event.what, ip=ip))


def returning(chance: Chance, group: str) -> Iterator[SignUp]:
    """Who tries us, leaves, and comes back months later.

    Half do so for a new employer, with its address, machine and network: another customer, to whom a trial is owed.
    The others sign up again at home: with their old address, or with a new one in their old browser.
    """
    for number, event in enumerate(_at_home(chance, group, lambda name: mailboxes.free(chance, name), last=180.0)):
        yield event
        assert isinstance(event.what, Attempt)
        at, then = after(event.at, days=chance.between(60, 180)), event.what
        if chance.happens(0.5):
            provider = chance.by_share(networks.HOMES)
            who = person(chance, f"again_{number}", provider.locale, provider.timezone, phone=False)
            email = mailboxes.staff(chance, who.name, mailboxes.domain(chance))
            attempt = who.attempt(at, email, networks.within(chance, *networks.BUSINESS))
            yield SignUp(at=at, group=group, actor=event.actor, number=2, role=Role.OWED, what=attempt)
        else:
            same = chance.happens(0.6)
            email = then.email if same else mailboxes.free(chance, Name(chance))
            again = Attempt(email=email, name=then.name, profile=then.profile, ip=then.ip, seconds=then.seconds)
            yield SignUp(at=at, group=group, actor=event.actor, number=2, role=Role.OPEN, what=again)


def _at_home(
    chance: Chance, group: str, address: Callable[[Name], str], *, last: float = float(DAYS)
) -> Iterator[SignUp]:
    number = 0
    while number := number + 1:
        home = Home(chance)
        key = f"{group}_{number}".replace(" ", "")
        who = person(chance, key, home.provider.locale, home.provider.timezone)
        at = some_time(chance, 0.0, last)
        yield _event(group, str(number), at, who.attempt(at, address(who.name), home.address()))


COHORTS: dict[str, Callable[[Chance, str], Iterator[SignUp]]] = {
    "office NAT of 200": office,
    "campus": campus,
    "family laptop": family,
    "identical corporate laptops": identical,
    "relay mail": relay,
    "plus tags": tags,
    "VPN users": vpns,
    "returning after churn": returning,
    "mobile carriers": carriers,
}
