"""From keys to features: a few queries over the sign-ups of the last 180 days, bounded however many there are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tortoise.expressions import Q

from models.fraud import FraudIdentifier
from services import trials
from services.fraud.crowd import AFTER_END, BEFORE_END, NEAR, OPERATOR_MEMORY, Crowd, Earlier
from services.fraud.features import Features
from services.fraud.keys import STRONG, Keys, Kind, SignUp
from services.fraud.mailboxes import domain_kind, randomness
from services.fraud.places import network_kind

if TYPE_CHECKING:
    from services.app import App

MEMORY = timedelta(days=180)
MOST = 300
"""Sign-ups of one query, the newest: what more than these share is a crowd, and the first hundreds tell so."""
MOST_TIES = 24
"""Devices and cards of a group that are followed: a larger group is a crowd, not an operator."""
TIES = (Kind.DEVICE, Kind.CARD)
CROWDS = frozenset({Kind.NETWORK, Kind.OPERATOR, Kind.PROFILE})
"""Kinds that so many sign-ups share that they are asked for apart, or not at all."""
EXPECTED_HEADERS = ("user-agent", "accept", "accept-language", "accept-encoding")

Sightings = dict[int, Earlier]
"""Earlier sign-ups by the number of their assessment."""


async def gather(app: App, sign_up: SignUp, keys: Keys, *, listed: int) -> Features:
    """What is known of a sign-up whose keys are locked. Eight queries; a ninth where devices or cards are shared."""
    now = app.clock.now()
    earlier = await _sharing(app, keys, now)
    others = {number: each for number, each in earlier.items() if keys[Kind.PERSON] not in each.keys[Kind.PERSON]}
    crowd = Crowd(keys, others.values(), now, timedelta(days=app.catalogue.trial_plan.trial_days))
    mailbox, written = (text.rpartition("@")[0] for text in (sign_up.address.person, sign_up.address.key))
    return Features(
        domain_kind=domain_kind(sign_up.domain).name,
        tagged=len(mailbox) < len(written) - written.count("."),
        randomness=round(randomness(mailbox), 3),
        person_trials=int(await trials.is_claimed(app, sign_up.address.person)),
        linked_trials=await _linked_trials(keys, others, now),
        network_kind=network_kind(sign_up.client.ip).name,
        form_seconds=sign_up.form_seconds,
        headers_missing=sum(name not in sign_up.client.headers for name in EXPECTED_HEADERS),
        listed=listed,
        proven=sign_up.proven,
        **crowd.features(),
    )


async def _sharing(app: App, keys: Keys, now: datetime) -> Sightings:
    """The earlier sign-ups that share a key, each with all its keys.

    Strong keys are asked for apart: a crowd with the same common fingerprint would push them out of the newest `MOST`.
    """
    of_one = [value for kind, value in keys.items() if kind in STRONG]
    of_few = [value for kind, value in keys.items() if kind not in STRONG and kind not in CROWDS]
    ids = set(await _assessments(Q(hash__in=of_one, at__gte=now - MEMORY)))
    ids |= set(await _assessments(Q(hash__in=of_few, at__gte=now - MEMORY)))
    if Kind.NETWORK in keys:
        ids |= set(await _assessments(Q(hash=keys[Kind.NETWORK], at__gte=now - 3 * NEAR)))
    found = await _sightings(ids)
    return await _of_operator(app, keys, now) | found


async def _of_operator(app: App, keys: Keys, now: datetime) -> Sightings:
    """The sign-ups of the network operator, with this key alone: they are counted by time, and are many.

    Recent ones are asked for apart: they would push those whose trial ends now out of the newest `MOST`.
    """
    found: Sightings = {}
    if Kind.OPERATOR not in keys:
        return found
    value = keys[Kind.OPERATOR]
    trial = timedelta(days=app.catalogue.trial_plan.trial_days)
    ending = Q(at__gte=now - trial - AFTER_END, at__lte=now - trial + BEFORE_END)
    for window in (Q(at__gte=now - OPERATOR_MEMORY), ending):
        rows = FraudIdentifier.filter(window, hash=value).order_by("-at").limit(MOST)
        for number, at, granted in await rows.values_list("assessment_id", "at", "granted"):
            found[number] = Earlier(at, granted)
            found[number].keys[Kind.OPERATOR].add(value)
    return found


async def _assessments(wanted: Q) -> list[int]:
    found = FraudIdentifier.filter(wanted).order_by("-at").limit(MOST)
    numbers: list[int] = await found.values_list("assessment_id", flat=True)  # type: ignore[assignment]
    return numbers


async def _sightings(ids: set[int]) -> Sightings:
    found: Sightings = {}
    if not ids:
        return found
    rows = FraudIdentifier.filter(assessment_id__in=ids)
    for number, kind, value, at, granted in await rows.values_list("assessment_id", "kind", "hash", "at", "granted"):
        each = found.setdefault(number, Earlier(at, granted))
        each.keys[Kind(kind)].add(value)
    return found


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
