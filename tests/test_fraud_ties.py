"""Pairs of sign-ups: what an earlier trial has in common with the present one, how long ago it began, how rare."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.clock import SystemClock
from core.emails import parse_email
from models.fraud import FraudAssessment, FraudIdentifier
from services.app import App
from services.devices import Description
from services.fraud.crowd import Crowd, Earlier, Passing
from services.fraud.features import Features
from services.fraud.gathering import gather
from services.fraud.keys import Kind, SignUp, keys_of
from services.fraud.looking import look
from services.fraud.signals import SIGNALS
from services.fraud.ties import QUIET, RARE, SMALL, UNIQUE, Ties
from services.sessions import Client
from tests.porchlight import Porchlight

NOW = SystemClock().now()
TRIAL = timedelta(days=14)
OWN = {kind: f"own {kind}" for kind in Kind}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Version/19.0 Mobile/15E148 Safari/605.1.15"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"


def earlier(*shared: Kind, days: float = 30.0, granted: bool = True) -> Earlier:
    """A sign-up so many days ago, with these keys of the present one's."""
    made = Earlier(NOW - timedelta(days=days), granted)
    for kind in shared:
        made.keys[kind].add(OWN[kind])
    return made


def ties(*crowd: Earlier, hidden: bool = False, mobile: bool = False) -> dict[str, int]:
    """The features that are not 0."""
    found = Ties(OWN, crowd, NOW, TRIAL, hidden=hidden, mobile=mobile).features(Passing())
    assert found.keys() <= Features.__dataclass_fields__.keys()
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(
    ("shared", "feature"),
    [
        ((Kind.DEVICE, Kind.DOMAIN, Kind.FINGERPRINT), "device_late"),
        ((Kind.DOMAIN, Kind.FINGERPRINT, Kind.NETWORK, Kind.ADDRESS), None),
        ((Kind.FINGERPRINT, Kind.NETWORK, Kind.OPERATOR), "here_late"),
        ((Kind.FINGERPRINT, Kind.OPERATOR), "nearby_late"),
        ((Kind.FINGERPRINT,), "browser_late"),
        ((Kind.NETWORK, Kind.ADDRESS), "address_late"),
        ((Kind.NETWORK, Kind.OPERATOR), None),
        ((Kind.OPERATOR, Kind.TRAITS, Kind.PROFILE), None),
    ],
)
def test_the_closest_tie_counts(shared: tuple[Kind, ...], feature: str | None) -> None:
    """Each earlier trial counts once, by the closest that it has in common; colleagues do not, but for a device."""
    assert ties(earlier(*shared)) == ({feature: 1} if feature else {})
    assert ties(earlier(*shared, granted=False)) == {}


@pytest.mark.parametrize(
    ("days", "when"),
    [(0.1, "at_once"), (2.0, "late"), (11.0, "ended"), (19.0, "ended"), (19.1, "late"), (45.0, "before")],
)
def test_it_counts_how_long_ago_a_trial_began(days: float, when: str) -> None:
    """From three days before the end of a trial of two weeks to five days after it, it has just ended."""
    chain = {"whole_chain": 1} if when in {"at_once", "ended"} else {}
    assert ties(earlier(Kind.DEVICE, days=days)) == {f"device_{when}": 1} | chain


def test_what_many_share_ties_nobody() -> None:
    """A network or a fingerprint of many; a phone's fingerprint elsewhere; an address with a crowd, or near one."""
    here = earlier(Kind.FINGERPRINT, Kind.NETWORK, Kind.OPERATOR)
    neighbours = [earlier(Kind.NETWORK)] * (RARE - 1)
    assert ties(here, *neighbours[1:]) == {"here_late": 1}
    assert ties(here, *neighbours) == {"nearby_late": 1}
    alike = [earlier(Kind.FINGERPRINT, days=90)]
    assert ties(*alike * (UNIQUE - 1)) == {"browser_before": UNIQUE - 1}
    assert ties(*alike * UNIQUE) == ties(*alike, mobile=True) == {}
    nearby = earlier(Kind.FINGERPRINT, Kind.OPERATOR)
    assert ties(nearby, *alike * (RARE - 2)) == {"nearby_late": 1}
    assert ties(nearby, *alike * (RARE - 1)) == {}
    household = [earlier(Kind.NETWORK, Kind.ADDRESS, Kind.TRAITS), *[earlier(Kind.NETWORK)] * QUIET]
    assert ties(*household) == {"address_late": 1, "address_alike": 1}
    assert ties(*household, hidden=True) == ties(*household, earlier(Kind.NETWORK)) == {}
    assert ties(*household[:1] * (SMALL + 1)) == {}


def test_an_office_is_no_household() -> None:
    """Where somebody of the same organisation has come from the address, others there are colleagues too."""
    stranger, colleague = earlier(Kind.NETWORK, Kind.ADDRESS), earlier(Kind.NETWORK, Kind.ADDRESS, Kind.DOMAIN)
    assert ties(stranger) == {"address_late": 1}
    assert ties(stranger, colleague) == {}


def test_a_chain_is_whole_or_none() -> None:
    """Each sign-up comes at once with the one before or when its trial ended; one that does not breaks the chain."""
    links = [earlier(Kind.DEVICE, days=days) for days in (42.0, 41.0, 13.0, 28.0)]
    assert ties(*links)["whole_chain"] == 4
    assert "whole_chain" not in ties(*links, earlier(Kind.DEVICE, days=70.0))
    assert "whole_chain" not in ties(earlier(Kind.DEVICE, days=30.0))
    apart = [earlier(Kind.DOMAIN, days=days) for days in (14.0, 28.0)]
    for number, each in enumerate(apart):
        each.keys[Kind.NETWORK].add(f"elsewhere {number}")
    assert ties(*apart) == {"domain_chain": 2}
    assert ties(*apart, *[earlier(Kind.DOMAIN, Kind.NETWORK, days=14.0)] * 3) == {}  # they share networks


def test_what_was_held_back_is_remembered() -> None:
    """With a tie, whether a trial came of it or not; once, whatever ties there are; not of strangers."""
    held = [earlier(Kind.DEVICE, Kind.HELD, granted=False), earlier(Kind.OPERATOR, Kind.HELD), earlier(Kind.DEVICE)]
    assert ties(*held) == {"held": 1, "device_late": 1}


def test_a_large_domain_is_an_organisations() -> None:
    """Of many colleagues some begin when the trial of another ends, and what was held of one says nothing of all."""
    many = [earlier(Kind.DOMAIN, days=14.0) for _ in range(SMALL)]
    for number, each in enumerate(many):
        each.keys[Kind.NETWORK].add(f"elsewhere {number}")
    assert ties(*many) == {}
    assert Crowd(OWN, many, NOW, TRIAL).features()["successions"] == 0
    assert Crowd(OWN, many[1:], NOW, TRIAL).features()["successions"] == SMALL - 1
    many[0].keys[Kind.HELD].add("held")
    assert ties(*many) == {}


def test_rare_says_little_to_a_young_server() -> None:
    """What is rare, and how young a domain is, counts by how long sign-ups have been kept."""
    code = {signal.code: signal.strength for signal in SIGNALS}
    seen = Features(address_ended=1, browser_late=1, domain_people=1, domain_networks=2, domain_age_days=5.0)
    for days, rare, young in ((0.0, 0.0, 0.0), (45.0, 0.5, 0.5), (180.0, 1.0, 1.0)):
        then = replace(seen, history_days=days)
        assert [code[each](then) for each in ("ADDRESS_REUSED", "ADDRESS_AFTER_TRIAL", "BROWSER_OF_LATE")] == [rare] * 3
        assert code["YOUNG_DOMAIN"](then) == young


@pytest.mark.parametrize(
    ("seen", "swift"),
    [
        (Features(form_seconds=12.0, device_before=1), 1.0),
        (Features(form_seconds=12.0, domain_people=1), 1.0),
        (Features(form_seconds=12.0, domain_people=8), 0.0),
        (Features(form_seconds=12.0), 0.0),
        (Features(form_seconds=20.0, device_before=1), 0.0),
        (Features(device_before=1), 0.0),
    ],
)
def test_a_swift_hand_needs_a_tie(seen: Features, swift: float) -> None:
    """Who fills in a form fast is not suspected for that: a password manager does."""
    assert next(signal for signal in SIGNALS if signal.code == "SWIFT_HAND").strength(seen) == swift


def test_a_relays_addresses_are_no_noise() -> None:
    """A machine makes them for everybody."""
    code = {signal.code: signal.strength for signal in SIGNALS}
    assert code["RANDOM_ADDRESS"](Features(randomness=1.0)) == 1.0
    assert code["RANDOM_ADDRESS"](Features(randomness=1.0, domain_kind="RELAY")) == 0.0


def test_twins_are_told_apart_by_place_and_time() -> None:
    """Addresses that differ in their digits alone count more from one network, and within two days."""
    crowd = [earlier(Kind.TWIN, days=1), earlier(Kind.TWIN, Kind.NETWORK)]
    assert ties(*crowd) == {"twins_here": 1, "twins_at_once": 1}


def sign_up(email: str, agent: str, seconds: float) -> SignUp:
    """A try in this browser."""
    said = Description(platform="Linux", locale="de-DE", timezone="Europe/Vienna", fingerprint="f")
    return SignUp(
        address=parse_email(email), client=Client(ip="203.0.114.7", user_agent=agent), device=said, form_seconds=seconds
    )


async def features_of(app: App, each: SignUp) -> Features:
    """As the check sees it."""
    keys = keys_of(app, each)
    return await gather(app, each, keys, await look(app, each, keys))


async def test_the_database_tells_the_same(porchlight: Porchlight) -> None:
    """Marks and ties are written with a sign-up and found with the next: one look back tells all of them."""
    app = porchlight.app
    first = sign_up("xqzkvw83bd1@noise.example", LAPTOP.format(version=150), 4.0)
    again = sign_up("xqzkvw83bd2@noise.example", LAPTOP.format(version=151), 5.0)
    slow = sign_up("ada@example.org", IPHONE, 40.0)
    with app.database.bound():
        row = await FraudAssessment.create(
            at=app.clock.now(), rules_version="1", features={}, score=0.0, decision="ALLOW", reasons=[]
        )
        for kind, value in keys_of(app, first).items():
            await FraudIdentifier.create(assessment_id=row.id, kind=kind, hash=value, at=app.clock.now(), granted=True)
        seen, other = [await features_of(app, each) for each in (again, slow)]
    assert (seen.domain_noisy, seen.burst_hasty, seen.twins_here, seen.twins_at_once) == (1, 1, 1, 1)
    assert (seen.here_at_once, seen.address_at_once) == (0, 0)  # at one domain they may be colleagues
    assert (other.domain_noisy, other.burst_hasty, other.twins_here, other.twins_at_once) == (0, 0, 0, 0)
    assert (other.here_at_once, other.address_alike) == (1, 0)
