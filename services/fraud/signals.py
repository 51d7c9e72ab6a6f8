"""The signals: what each sees in the features of a sign-up, its family, and the sentence that people read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import log2

from services.fraud.features import Features

SPREAD = 0.6
"""Networks for each sign-up of a domain above which its people do not sit together, as colleagues do."""
POPULAR = 20
"""Sign-ups with one fingerprint from which on it is that of a common device."""
QUICK, HASTY, SWIFT = 3.0, 6.0, 20.0
"""Seconds in which a program, in which hardly a person, and in which hardly a newcomer fills in a form."""
MONTH = 30.0
FEW = 8
"""Sign-ups at a domain below which it may be one person's."""


class Family(StrEnum):
    """Signals of one family stem from one cause: together they count up to the family's cap."""

    IDENTITY = "identity"
    DEVICE = "device"
    PAYMENT = "payment"
    HISTORY = "history"
    NETWORK = "network"
    BEHAVIOUR = "behaviour"
    LISTS = "lists"
    PROOF = "proof"


@dataclass(frozen=True)
class Signal:
    """`strength` is 0 where the signal is not there, and otherwise how many times its weight counts.

    A strong signal names a key that one person alone should hold: it may block by itself.
    """

    code: str
    family: Family
    explanation: str
    strength: Callable[[Features], float]
    strong: bool = False


def _log(count: int) -> float:
    return log2(1 + count)


def _spread(seen: Features) -> float:
    """How far apart the people of a domain sit: 0 for who shares networks, 1 for who never does."""
    if not seen.domain_people:
        return 0.0
    return max(0.0, (seen.domain_networks / (seen.domain_people + 1) - SPREAD) / (1 - SPREAD))


def _random(seen: Features) -> float:
    """A relay's addresses are made by a machine for everybody: that says nothing."""
    return 0.0 if seen.domain_kind == "RELAY" else max(0.0, seen.randomness - 0.5) / 0.5


def _hosted(seen: Features) -> bool:
    return seen.network_kind == "HOSTING"


def _succession_here(seen: Features) -> float:
    return max(0.0, log2((1 + seen.operator_successions) / (1 + 2 * seen.operator_expected)))


def _young(seen: Features) -> float:
    """To a young server every domain is."""
    young = seen.domain_age_days is not None and seen.domain_age_days < MONTH
    return _spread(seen) * min(1.0, max(0.0, seen.history_days - MONTH) / MONTH) if young else 0.0


def _known(seen: Features) -> float:
    """How much it says that something is rare."""
    return min(1.0, seen.history_days / (3 * MONTH))


def _swift(seen: Features) -> bool:
    if seen.form_seconds is None or seen.form_seconds >= SWIFT:
        return False
    ties = _device_of_late(seen) + seen.device_before + _here(seen) + seen.here_before
    ties += seen.nearby_at_once + seen.nearby_ended + seen.nearby_late + seen.nearby_before
    ties += _browser_of_late(seen) + seen.browser_before + _address(seen)
    return ties > 0 or 0 < seen.domain_people < FEW


def _device_of_late(seen: Features) -> int:
    return seen.device_at_once + seen.device_ended + seen.device_late


def _here(seen: Features) -> int:
    return seen.here_at_once + seen.here_ended + seen.here_late


def _browser_of_late(seen: Features) -> int:
    return seen.browser_at_once + seen.browser_ended + seen.browser_late


def _address(seen: Features) -> int:
    return seen.address_at_once + seen.address_ended + seen.address_late + seen.address_before


def _fingerprint(seen: Features) -> float:
    return _log(seen.fingerprint_trials) if seen.fingerprint_trials < POPULAR else 0.0


def _beyond_usual(count: int, usual: float) -> float:
    return max(0.0, log2((count + 1) / (3 * usual + 3)))


def _haste(seen: Features) -> float:
    if seen.form_seconds is None or seen.form_seconds >= HASTY:
        return 0.0
    return 1.0 if seen.form_seconds < QUICK else 0.5


SIGNALS: tuple[Signal, ...] = (
    Signal("PERSON_KNOWN", Family.IDENTITY, "The person has had a trial under another spelling of the address.",
           lambda seen: float(seen.person_trials > 0), strong=True),
    Signal("DISPOSABLE_DOMAIN", Family.IDENTITY, "The address is of a service for addresses to throw away.",
           lambda seen: float(seen.domain_kind == "DISPOSABLE")),
    Signal("RELAY_ADDRESS", Family.IDENTITY, "The address is of a privacy relay.",
           lambda seen: float(seen.domain_kind == "RELAY")),
    Signal("TAGGED_ADDRESS", Family.IDENTITY, "The address bears a tag.", lambda seen: float(seen.tagged)),
    Signal("RANDOM_ADDRESS", Family.IDENTITY, "The name of the mailbox looks made by a machine.", _random),
    Signal("TWIN_ADDRESSES", Family.IDENTITY, "Addresses that differ in their digits alone signed up before.",
           lambda seen: _log(seen.twins)),
    Signal("TWINS_HERE", Family.IDENTITY, "Addresses that differ in their digits alone came from this network.",
           lambda seen: _log(seen.twins_here)),
    Signal("TWINS_AT_ONCE", Family.IDENTITY, "Addresses that differ in their digits alone came within two days.",
           lambda seen: _log(seen.twins_at_once)),
    Signal("NOISY_DOMAIN", Family.IDENTITY, "Mailboxes at this domain look made by a machine.",
           lambda seen: _log(seen.domain_noisy)),
    Signal("DOMAIN_SPREAD", Family.IDENTITY,
           "Several people of one small domain signed up within a month, each from somewhere else.",
           lambda seen: _log(seen.domain_burst) * _spread(seen)),
    Signal("YOUNG_DOMAIN", Family.IDENTITY, "The domain was first seen within a month, and its people sit apart.",
           _young),
    Signal("DEVICE_REUSED", Family.DEVICE, "Trials were begun on this device before.",
           lambda seen: _log(seen.device_trials), strong=True),
    Signal("FINGERPRINT_REUSED", Family.DEVICE, "Trials were begun with the same, rare fingerprint before.",
           _fingerprint),
    Signal("DEVICE_OF_LATE", Family.DEVICE, "Trials were begun on this device within 45 days.",
           lambda seen: _log(_device_of_late(seen))),
    Signal("BROWSER_HERE", Family.DEVICE, "Trials with the same fingerprint came from this network.",
           lambda seen: _log(_here(seen) + seen.here_before)),
    Signal("BROWSER_HERE_OF_LATE", Family.DEVICE, "Some of them began within 45 days.",
           lambda seen: _log(_here(seen))),
    Signal("BROWSER_NEARBY_OF_LATE", Family.DEVICE,
           "Trials with the same fingerprint came from this network operator within 45 days.",
           lambda seen: _log(seen.nearby_ended + seen.nearby_late)),
    Signal("BROWSER_OF_LATE", Family.DEVICE,
           "Trials with the same fingerprint, which hardly anybody has, were begun within 45 days.",
           lambda seen: _known(seen) * _log(_browser_of_late(seen))),
    Signal("LINKED_GROUP", Family.DEVICE, "The sign-up belongs to a group that devices and cards connect.",
           lambda seen: _log(max(0, seen.linked_trials - seen.device_trials - seen.card_trials))),
    Signal("CARD_REUSED", Family.PAYMENT, "Trials were begun with this card before.",
           lambda seen: _log(seen.card_trials), strong=True),
    Signal("TRIAL_AFTER_TRIAL", Family.HISTORY, "A trial with a link to this one ended just now.",
           lambda seen: _log(seen.successions)),
    Signal("TRIALS_AT_ONCE", Family.HISTORY, "Trials with a link to this one began within two days.",
           lambda seen: _log(seen.bursts)),
    Signal("ADDRESS_REUSED", Family.HISTORY, "Trials were begun at this address before, where few people are.",
           lambda seen: _known(seen) * _log(_address(seen))),
    Signal("ADDRESS_AFTER_TRIAL", Family.HISTORY, "A trial of this address ended just now.",
           lambda seen: _known(seen) * _log(seen.address_ended)),
    Signal("ADDRESS_AT_ONCE", Family.HISTORY, "Trials were begun at this address within two days.",
           lambda seen: _known(seen) * _log(seen.address_at_once)),
    Signal("ADDRESS_ALIKE", Family.HISTORY, "Those of this address had a browser, system and language like this one.",
           lambda seen: _known(seen) * _log(seen.address_alike)),
    Signal("WHOLE_CHAIN", Family.HISTORY, "All sign-ups with a tie to this one came at once or trial by trial.",
           lambda seen: _log(seen.whole_chain)),
    Signal("DOMAIN_CHAIN", Family.HISTORY, "All sign-ups at this small domain came at once or trial by trial.",
           lambda seen: _log(seen.domain_chain)),
    Signal("HELD_BEFORE", Family.HISTORY, "Sign-ups with a tie to this one did not get the whole trial.",
           lambda seen: float(seen.held > 0)),
    Signal("FINGERPRINT_NEARBY", Family.DEVICE, "Trials with the same fingerprint came from this network operator.",
           lambda seen: _log(seen.fingerprint_block)),
    Signal("CHAIN_OF_TRIALS", Family.HISTORY, "Trials with a link to this one follow each other, up to now.",
           lambda seen: _log(max(0, seen.chain - 1))),
    Signal("TRIAL_AFTER_TRIAL_NEARBY", Family.HISTORY, "A trial of this network operator ended just now, where few do.",
           _succession_here),
    Signal("NETWORK_BURST", Family.NETWORK, "Far more sign-ups than usual came from this network today.",
           lambda seen: _beyond_usual(seen.network_day, seen.network_usual)),
    Signal("NETWORK_ALIKE", Family.NETWORK, "Sign-ups with the same browser came from this network.",
           lambda seen: _log(seen.network_alike)),
    Signal("OPERATOR_BURST", Family.NETWORK, "Far more sign-ups than usual came from this network operator.",
           lambda seen: _beyond_usual(seen.operator_hour, seen.operator_usual)),
    Signal("HOSTING_NETWORK", Family.NETWORK, "The network is that of a hosting company.",
           lambda seen: float(_hosted(seen))),
    Signal("HOSTED_NOISE", Family.NETWORK, "From a hosting company, with a mailbox that looks made by a machine.",
           lambda seen: _random(seen) * _hosted(seen)),
    Signal("HOSTED_HASTE", Family.NETWORK, "From a hosting company, faster than a person types.",
           lambda seen: _haste(seen) * _hosted(seen)),
    Signal("VPN_NETWORK", Family.NETWORK, "The network is that of a VPN.",
           lambda seen: float(seen.network_kind == "VPN")),
    Signal("TOR_NETWORK", Family.NETWORK, "The network is an exit of Tor.",
           lambda seen: float(seen.network_kind == "TOR")),
    Signal("QUICK_FORM", Family.BEHAVIOUR, "The form was filled in faster than a person types.", _haste),
    Signal("SWIFT_HAND", Family.BEHAVIOUR, "With a tie to an earlier trial, the form was filled in as by who knows it.",
           lambda seen: float(_swift(seen))),
    Signal("HASTY_BURST", Family.BEHAVIOUR, "Several forms of this network operator were filled in fast within hours.",
           lambda seen: _log(seen.burst_hasty)),
    Signal("BARE_CLIENT", Family.BEHAVIOUR, "Headers are missing that every browser sends.",
           lambda seen: float(min(seen.headers_missing, 3))),
    Signal("DENY_LISTED", Family.LISTS, "The staff has put it on the deny list.",
           lambda seen: float(max(0, seen.listed)), strong=True),
    Signal("WORK_DONE", Family.PROOF, "A proof of work was given.",
           lambda seen: float("PROOF_OF_WORK" in seen.proven)),
    Signal("MAIL_READ", Family.PROOF, "A code that was mailed to the address was given.",
           lambda seen: float("EMAIL_CODE" in seen.proven)),
)  # fmt: skip
