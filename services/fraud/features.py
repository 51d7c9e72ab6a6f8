"""What is known of one sign-up: plain values, kept with it, by which any rule set can judge it again.

No country, no name, no time of the day is among them. Counts are of other people's sign-ups in the last 180 days.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

VERSION = 2
"""Grows when a feature changes its meaning; replay passes over rows of another version."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """One sign-up. Every default is what says nothing."""

    domain_kind: str = "OTHER"
    tagged: bool = False
    """The address bears a tag (`name+tag@`)."""
    randomness: float = 0.0
    """How machine-made the local part looks, from 0 to 1."""
    person_trials: int = 0
    """Whether the person has had a trial: a keyed hash tells it for good."""
    twins: int = 0
    """Sign-ups at this domain in 90 days whose local part differs in its digits alone."""
    domain_people: int = 0
    """Sign-ups at this domain, where it is neither a provider's nor a relay's."""
    domain_networks: int = 0
    """Networks that they came from, the present one among them."""
    domain_burst: int = 0
    """Those of the last 30 days."""
    domain_age_days: float | None = None
    """Days since the first of them."""
    device_trials: int = 0
    """Trials begun on this device."""
    card_trials: int = 0
    """Trials begun with this card."""
    fingerprint_trials: int = 0
    """Trials begun with this fingerprint, outside the organisation of the address."""
    fingerprint_block: int = 0
    """Those of them that came from the same network operator."""
    chain: int = 0
    """Trials with a link to this sign-up, each of which began when the one before had ended, up to now."""
    operator_successions: int = 0
    """Trials of this network operator that ended within days of this sign-up."""
    operator_expected: float = 0.0
    """How many of these its recent sign-ups would let one expect."""
    fingerprint_networks: int = 0
    """Networks that they came from."""
    linked_trials: int = 0
    """Trials of the whole group that devices and cards connect to this sign-up."""
    successions: int = 0
    """Trials with a link to this sign-up that ended, or were to end, within days of it."""
    bursts: int = 0
    """Trials with a link to this sign-up that began within two days of it."""
    device_at_once: int = 0
    """Trials on this device that began within two days, ended just now, began within 45 days, or before that."""
    device_ended: int = 0
    device_late: int = 0
    device_before: int = 0
    here_at_once: int = 0
    """The same of trials with this fingerprint from this network, outside the organisation."""
    here_ended: int = 0
    here_late: int = 0
    here_before: int = 0
    nearby_at_once: int = 0
    """The same of those from elsewhere at this network operator."""
    nearby_ended: int = 0
    nearby_late: int = 0
    nearby_before: int = 0
    browser_at_once: int = 0
    """The same of those from other operators, where hardly anybody has the fingerprint."""
    browser_ended: int = 0
    browser_late: int = 0
    browser_before: int = 0
    address_at_once: int = 0
    """The same of trials with another fingerprint at this address, in a network that few come from."""
    address_ended: int = 0
    address_late: int = 0
    address_before: int = 0
    address_alike: int = 0
    """Those of them with the same browser, system, language and time zone."""
    whole_chain: int = 0
    """Sign-ups with any of these ties, if each of them came at once with the one before or when its trial ended."""
    domain_chain: int = 0
    """The same of all sign-ups at this domain, where they are few and sit apart."""
    held: int = 0
    """Those of both that did not get the whole trial."""
    history_days: float = 180.0
    """How long sign-ups have been kept, at most 180 days: what is rare in a week may be common in a year."""
    domain_noisy: int = 0
    """Sign-ups at this domain whose mailbox looks made by a machine."""
    burst_hasty: int = 0
    """Where the form was filled in fast: sign-ups of this network operator in six hours whose form was as well."""
    twins_here: int = 0
    """Twins that came from this network."""
    twins_at_once: int = 0
    """Twins of the last two days."""
    network_kind: str = "UNKNOWN"
    network_hour: int = 0
    network_day: int = 0
    network_usual: float = 0.0
    """Sign-ups a day of this network in the 30 days before."""
    network_alike: int = 0
    """Sign-ups of this network in 30 days with this fingerprint or browser profile, outside the organisation."""
    operator_hour: int = 0
    operator_usual: float = 0.0
    """Sign-ups an hour of this network operator in the days before."""
    form_seconds: float | None = None
    """How long the form was open, as the client says."""
    headers_missing: int = 0
    """Headers that every browser sends, and this client did not."""
    listed: int = 0
    """Deny lists that name it; -1 when an allow list does."""
    proven: tuple[str, ...] = ()
    """Challenges that were passed: PROOF_OF_WORK, EMAIL_CODE."""

    def as_json(self) -> dict[str, Any]:
        """What is stored."""
        return {"version": VERSION, **asdict(self), "proven": list(self.proven)}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Features | None:
        """What was stored; None for features of another version."""
        if stored.get("version") != VERSION:
            return None
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        return cls(**{**values, "proven": tuple(values.get("proven", ()))})
