"""The verdict on a sign-up: caps of families, what a block needs, and what looking at earlier sign-ups may miss."""

import random
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SystemClock
from core.emails import parse_email
from models.fraud import FraudAssessment, FraudIdentifier
from services.app import App
from services.devices import Description
from services.fraud.crowd import DAY, HOUR, NEAR, OPERATOR_MEMORY, Crowd, Earlier, Passing
from services.fraud.features import Features
from services.fraud.gathering import gather
from services.fraud.keys import Kind, SignUp, keys_of
from services.fraud.looking import MEMORY, MOST, look
from services.fraud.rules import read_rules
from services.fraud.scoring import NOTABLE, Decision, Reason, asked_for, evaluate
from services.fraud.signals import SIGNALS, Family
from services.fraud.ties import AFTER_END, BEFORE_END
from services.sessions import Client
from tests.porchlight import Porchlight

RULES = read_rules()
COUNTS = [field.name for field in fields(Features) if field.type == "int" and field.name != "listed"]

sign_ups = st.builds(
    Features,
    **{name: st.integers(0, 400) for name in COUNTS},
    domain_kind=st.sampled_from(["OTHER", "PROVIDER", "RELAY", "DISPOSABLE"]),
    network_kind=st.sampled_from(["UNKNOWN", "HOSTING", "VPN", "TOR"]),
    randomness=st.floats(0, 1),
    tagged=st.booleans(),
    domain_age_days=st.none() | st.floats(0, 180),
    form_seconds=st.none() | st.floats(0, 600),
)


@given(sign_ups)
def test_no_family_adds_more_than_its_cap(seen: Features) -> None:
    """However many signals of one family are there, the score moves by the caps of the families alone."""
    verdict = evaluate(seen, RULES)
    families = {reason.signal.family for reason in verdict.reasons}
    assert abs(verdict.log_odds - RULES.prior) <= sum(RULES.caps[family] for family in families) + 1e-9


@given(sign_ups)
def test_a_block_has_a_strong_key_or_two_families(seen: Features) -> None:
    """Nobody is refused for reasons of one family, unless a key that one person should hold is among them."""
    verdict = evaluate(seen, RULES)
    if verdict.decision is Decision.BLOCK:
        against = [reason for reason in verdict.reasons if reason.weight > 0]
        assert any(reason.signal.strong for reason in against) or len({each.signal.family for each in against}) >= 2


@given(sign_ups)
def test_stored_features_are_judged_alike(seen: Features) -> None:
    """Features that come back from storage get the verdict that they got at first: replay rests on it."""
    stored = Features.of_json(seen.as_json())
    assert stored is not None
    assert evaluate(stored, RULES) == evaluate(seen, RULES)


@pytest.mark.parametrize(
    ("seen", "decision"),
    [
        (Features(), Decision.ALLOW),
        (Features(domain_kind="RELAY", tagged=True, network_kind="VPN"), Decision.ALLOW),
        (Features(network_day=40, network_usual=3.0, tagged=True), Decision.ALLOW),
        (Features(device_trials=1), Decision.ALLOW),
        (Features(domain_kind="DISPOSABLE"), Decision.LIMIT),
        (Features(card_trials=1), Decision.LIMIT),
        (Features(listed=1), Decision.BLOCK),
        (Features(listed=-1, card_trials=30, device_trials=30), Decision.ALLOW),
    ],
)
def test_what_becomes_of_typical_sign_ups(seen: Features, decision: Decision) -> None:
    """Relays, tags, a VPN, a class in one room and a family's laptop get a trial; what farms use gets less."""
    verdict = evaluate(seen, RULES)
    assert verdict.decision is decision, (verdict.log_odds, [each.signal.code for each in verdict.reasons])


def test_one_family_alone_refuses_nobody() -> None:
    """Even at its cap, the family of addresses does not refuse anybody."""
    seen = Features(domain_kind="DISPOSABLE", randomness=1.0, twins=300)
    verdict = evaluate(seen, RULES)
    assert verdict.log_odds == RULES.prior + RULES.caps[Family.IDENTITY]
    assert RULES.caps[Family.IDENTITY] >= NOTABLE
    assert verdict.decision is Decision.LIMIT


async def test_a_common_fingerprint_hides_no_device(porchlight: Porchlight) -> None:
    """Strangers who share a fingerprint do not push the trials of the very device out of sight."""
    app = porchlight.app
    now = app.clock.now()
    said = Description(device_token="t" * 43, fingerprint="common")
    sign_up = SignUp(address=parse_email("ada@example.com"), client=Client(ip="127.0.0.1"), device=said)
    keys = keys_of(app, sign_up)
    with app.database.bound():
        for number in range(MOST + 2):
            old = number == 0
            at = now - (timedelta(days=20) if old else timedelta(minutes=number))
            kind = Kind.DEVICE if old else Kind.FINGERPRINT
            row = await FraudAssessment.create(
                at=at, rules_version="1", features={}, score=0.0, decision="ALLOW", reasons=[]
            )
            await FraudIdentifier.create(assessment_id=row.id, kind=kind, hash=keys[kind], at=at, granted=True)
        seen = await gather(app, sign_up, keys, await look(app, sign_up, keys))
    assert seen.device_trials == 1


@pytest.mark.parametrize(
    ("ages", "usual"),
    [
        ([], 0.0),
        ([DAY * 2] * 29 + [HOUR] * 10, 1.0),  # today's own burst is not what is usual
        ([DAY * 31] * 50, 0.0),
        ([HOUR] * 199, 0.0),
        ([2 * DAY * number / 300 for number in range(301)], 150.5),  # the newest of a crowd, all of two days
        ([0 * DAY] * 200, 40_000.0),  # all in one moment: no division by nothing
    ],
)
def test_what_is_usual(ages: list[timedelta], usual: float) -> None:
    """Sign-ups a day, from the days before; of a crowd only the newest are known, so from the time that they cover."""
    now = SystemClock().now()
    rows = [Earlier(now - age, granted=True) for age in ages]
    for each in rows:
        each.keys[Kind.NETWORK].add("here")
    features = Crowd({Kind.NETWORK: "here"}, rows, now, timedelta(days=14)).features()
    assert features["network_usual"] == usual
    passing = Passing(recent=len([age for age in ages if age <= 3 * DAY]), hour=ages.count(HOUR), first=now - 2 * DAY)
    there = Crowd({}, [], now, timedelta(days=14), passing).features()["operator_usual"]
    assert there == round((passing.recent / 48 if passing.recent >= 200 else (passing.recent - passing.hour) / 71), 3)


@pytest.mark.parametrize(
    ("signals", "kind"),
    [
        ({"RANDOM_ADDRESS": 2.0, "HOSTING_NETWORK": 1.0, "MAIL_READ": -3.0}, "EMAIL_CODE"),
        ({"RANDOM_ADDRESS": 1.0, "HOSTING_NETWORK": 2.0}, "PROOF_OF_WORK"),
        ({"WORK_DONE": -1.0}, "PROOF_OF_WORK"),
    ],
)
def test_what_is_doubted_is_asked_for(signals: dict[str, float], kind: str) -> None:
    """And stays so once it has been answered: an answer is no reason to ask for the other one."""
    by_code = {signal.code: signal for signal in SIGNALS}
    assert asked_for([Reason(by_code[code], weight) for code, weight in signals.items()]) == kind


def someone(draw: random.Random) -> SignUp:
    """Somebody out of a small world, where much is shared."""
    name, domain = (
        draw.choice(["ada", "ada+t", "p1", "p22", "x9"]),
        draw.choice(["gmail.com", "a.example", "b.example"]),
    )
    said = Description(device_token=draw.choice([None, "d1", "d2"]), fingerprint=draw.choice([None, "f1", "f2"]))
    client = Client(ip=draw.choice([None, "81.2.3.4", "81.2.9.9", "81.9.9.9"]))
    card = draw.choice([None, "card-1", "card-2"])
    return SignUp(address=parse_email(f"{name}@{domain}"), client=client, device=said, card=card)


async def happened(app: App, draw: random.Random, number: int) -> None:
    """A sign-up of some time ago, now and then at the very edge of what is looked at."""
    trial = timedelta(days=app.catalogue.trial_plan.trial_days)
    edges = (HOUR, OPERATOR_MEMORY, NEAR, 3 * NEAR, MEMORY, trial - BEFORE_END, trial + AFTER_END)
    ago = draw.choice([draw.choice(edges), draw.random() * draw.choice([2 * HOUR, OPERATOR_MEMORY, NEAR, 7 * NEAR])])
    at, granted = app.clock.now() - ago, draw.random() < 0.7
    row = await FraudAssessment.create(at=at, rules_version="1", features={}, score=0.0, decision="ALLOW", reasons=[])
    keys = {*keys_of(app, someone(draw)).items(), (Kind.DEVICE, f"given-{number}")}
    await FraudIdentifier.bulk_create(
        FraudIdentifier(assessment_id=row.id, kind=kind, hash=value, at=at, granted=granted) for kind, value in keys
    )


async def by_hand(app: App, sign_up: SignUp) -> dict[str, Any]:
    """What counts of all rows that there are, one by one."""
    keys, now, found = keys_of(app, sign_up), app.clock.now(), dict[int, Earlier]()
    for row in await FraudIdentifier.filter(at__gte=now - MEMORY):
        each = found.setdefault(row.assessment_id, Earlier(row.at, row.granted))
        each.keys[Kind(row.kind)].add(row.hash)
    others = [each for each in found.values() if keys[Kind.PERSON] not in each.keys[Kind.PERSON]]
    return Crowd(keys, others, now, timedelta(days=app.catalogue.trial_plan.trial_days)).features()


async def test_one_statement_sees_what_there_is(porchlight: Porchlight) -> None:
    """Counted by the database or read and counted here: the features are those of looking at every row."""
    app, draw = porchlight.app, random.Random(7)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same each time
    with app.database.bound():
        for number in range(150):
            await happened(app, draw, number)
        for _ in range(40):
            sign_up = someone(draw)
            keys = keys_of(app, sign_up)
            seen = await gather(app, sign_up, keys, await look(app, sign_up, keys))
            expected = await by_hand(app, sign_up)
            assert {name: getattr(seen, name) for name in expected} == expected


def test_counting_takes_as_long_as_there_are_sign_ups() -> None:
    """A crowd that shares one fingerprint is counted in one pass: the comparisons do not grow with its square."""
    now = SystemClock().now()
    looked_at = 0

    class Counted(Earlier):
        def __getattribute__(self, name: str) -> object:
            nonlocal looked_at
            looked_at += name == "keys"
            return super().__getattribute__(name)

    crowd = [Counted(now, granted=True) for _ in range(MOST)]
    for each in crowd:
        each.keys[Kind.FINGERPRINT].add("common")
    looked_at = 0
    features = Crowd({Kind.FINGERPRINT: "common"}, crowd, now, timedelta(days=14)).features()
    assert features["fingerprint_trials"] == MOST
    assert looked_at <= 20 * MOST
