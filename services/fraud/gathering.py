"""From what was seen of earlier sign-ups to features."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.fraud import FraudIdentifier
from services.fraud.crowd import Crowd, Earlier
from services.fraud.features import Features
from services.fraud.keys import Keys, Kind, SignUp
from services.fraud.listing import listed
from services.fraud.looking import MEMORY, MOST, Seen, Sightings
from services.fraud.mailboxes import domain_kind, randomness
from services.fraud.places import NetworkKind, network_kind
from services.fraud.ties import Ties

if TYPE_CHECKING:
    from services.app import App

MOST_TIES = 24
"""Devices and cards of a group that are followed: a larger group is a crowd, not an operator."""
TIES = (Kind.DEVICE, Kind.CARD)
OF_PHONES = ("Mobile", "Android", "iPhone", "iPad")
"""Words in the user agents of phones and tablets, which are like all others of their make."""
EXPECTED_HEADERS = ("user-agent", "accept", "accept-language", "accept-encoding")


async def gather(app: App, sign_up: SignUp, keys: Keys, seen: Seen) -> Features:
    """What is known of a sign-up, by what was seen. One query where devices or cards are shared, otherwise none."""
    now = app.clock.now()
    person = keys[Kind.PERSON]
    others = {number: each for number, each in seen.earlier.items() if person not in each.keys[Kind.PERSON]}
    trial = timedelta(days=app.catalogue.trial_plan.trial_days)
    crowd = Crowd(keys, others.values(), now, trial, seen.passing)
    network, mobile = network_kind(sign_up.client.ip), _is_mobile(sign_up.client.user_agent)
    ties = Ties(keys, others.values(), now, trial, hidden=network is not NetworkKind.UNKNOWN, mobile=mobile)
    mailbox, written = (text.rpartition("@")[0] for text in (sign_up.address.person, sign_up.address.key))
    return Features(
        domain_kind=domain_kind(sign_up.domain).name,
        tagged=len(mailbox) < len(written) - written.count("."),
        randomness=round(randomness(mailbox), 3),
        person_trials=int(seen.claimed),
        linked_trials=await _linked_trials(keys, others, now),
        network_kind=network.name,
        form_seconds=sign_up.form_seconds,
        headers_missing=sum(name not in sign_up.client.headers for name in EXPECTED_HEADERS),
        listed=listed(seen.lists),
        proven=sign_up.proven,
        history_days=round((now - (seen.passing.begun or now)) / timedelta(days=1), 1),
        **crowd.features(),
        **ties.features(seen.passing),
    )


def _is_mobile(agent: str | None) -> bool:
    return any(word in (agent or "") for word in OF_PHONES)


async def _linked_trials(keys: Keys, others: Sightings, now: datetime) -> int:
    """Trials of the group that devices and cards connect to the sign-up, one step beyond those that it shares."""
    own = {keys[kind] for kind in TIES if kind in keys}
    tied = {number: each for number, each in others.items() if own & _ties(each)}
    beyond = set().union(*map(_ties, tied.values())) - own
    trials = {number for number, each in tied.items() if each.granted}
    if beyond and len(beyond) <= MOST_TIES:
        further = FraudIdentifier.filter(hash__in=beyond, at__gte=now - MEMORY, granted=True)
        trials |= set(await further.order_by("-at").limit(MOST).values_list("assessment_id", flat=True))  # type: ignore[arg-type]
    return len(trials)


def _ties(each: Earlier) -> set[str]:
    return set().union(*(each.keys[kind] for kind in TIES))
