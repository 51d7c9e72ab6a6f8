"""The check that stands before every trial, inside the transaction that would begin it.

The keys of a sign-up are locked first: two sign-ups that share a card or a network wait for each other, and the second
one sees the first. What the check refuses is written down after the transaction has been rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.expressions import Q, Subquery

from models.fraud import FraudAssessment, FraudCase, FraudIdentifier, FraudListEntry
from services.fraud.cases import CaseStatus
from services.fraud.features import Features
from services.fraud.gathering import gather
from services.fraud.keys import LOCKED, Keys, Kind, SignUp, hashed, keys_of
from services.fraud.looking import look
from services.fraud.scoring import Decision, Verdict, evaluate

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App

_LOCK = """
INSERT INTO fraud_keys (hash, touched_at) VALUES {rows}
ON CONFLICT (hash) DO UPDATE SET touched_at = excluded.touched_at
"""
CASES = frozenset({Decision.LIMIT, Decision.REVIEW, Decision.BLOCK})
"""What people may want to look at: less than a whole trial. A challenge opens by itself."""
STOPPING = frozenset({Decision.BLOCK, Decision.CHALLENGE})


@dataclass(frozen=True)
class Checked:
    """A sign-up with its verdict, and that of the shadow rules where there are any."""

    sign_up: SignUp
    keys: Keys
    features: Features
    verdict: Verdict
    shadow: Verdict | None
    quota_percent: int
    """How much of the plan's quotas a trial gives."""
    passes: tuple[int, ...]
    """Entries of the lists that an account uses up."""

    @property
    def gives_trial(self) -> bool:
        """Whether a trial begins now."""
        return self.verdict.decision in {Decision.ALLOW, Decision.LIMIT}


class Stopped(Exception):
    """The sign-up goes no further for now: it is blocked or challenged."""

    def __init__(self, checked: Checked) -> None:
        super().__init__()
        self.checked = checked

    @property
    def refused(self) -> bool:
        """Whether nothing that the person can do now helps."""
        return self.checked.verdict.decision is Decision.BLOCK


async def check(app: App, sign_up: SignUp) -> Checked:
    """Judge a sign-up, inside the caller's transaction and as its first statement. Raises Stopped."""
    keys = keys_of(app, sign_up)
    await _lock(app, keys)
    seen = await look(app, sign_up, keys)
    features = await gather(app, sign_up, keys, seen)
    verdict = evaluate(features, app.fraud_rules)
    shadow = evaluate(features, app.shadow_rules) if app.shadow_rules else None
    app.metrics.fraud_decisions.labels(verdict.decision).inc()
    quota = app.fraud_rules.limited_quota if verdict.decision is Decision.LIMIT else 100
    checked = Checked(sign_up, keys, features, verdict, shadow, quota, tuple(seen.passes))
    if verdict.decision in STOPPING:
        raise Stopped(checked)
    return checked


async def keep(
    app: App, checked: Checked, *, user_id: int | None, device_token: str | None = None, granted: bool = False
) -> FraudAssessment:
    """Write down what was seen and decided, inside the caller's transaction; a case where people should look."""
    now = app.clock.now()
    verdict, shadow = checked.verdict, checked.shadow
    row = await FraudAssessment.create(
        at=now,
        user_id=user_id,
        email=checked.sign_up.address.written,
        rules_version=verdict.rules_version,
        features=checked.features.as_json(),
        score=verdict.score,
        decision=verdict.decision,
        reasons=[reason.as_json() for reason in verdict.reasons],
        shadow_version=shadow.rules_version if shadow else None,
        shadow_score=shadow.score if shadow else None,
        shadow_decision=shadow.decision if shadow else None,
    )
    if verdict.decision is not Decision.CHALLENGE:
        keys = {
            *checked.keys.items(),
            *([(Kind.DEVICE, hashed(app, Kind.DEVICE, device_token))] if device_token else []),
            *([(Kind.HELD, hashed(app, Kind.HELD, "held"))] if verdict.decision is not Decision.ALLOW else []),
        }
        await FraudIdentifier.bulk_create(
            FraudIdentifier(assessment_id=row.id, kind=kind, hash=value, at=now, granted=granted)
            for kind, value in sorted(keys)
        )
    if checked.passes and user_id is not None:
        await FraudListEntry.filter(id__in=checked.passes, case_id__not_isnull=True).delete()
    if verdict.decision in CASES:
        await FraudCase.create(assessment_id=row.id, status=CaseStatus.OPEN, created_at=now)
    return row


async def forget(user: User) -> None:
    """Part the evidence from an account that is being deleted, inside the caller's transaction: keyed hashes stay.

    So also that of sign-ups with its address that were refused before.
    """
    theirs = FraudAssessment.filter(Q(user_id=user.id) | Q(email=user.email))
    await FraudCase.filter(assessment_id__in=Subquery(theirs.only("id"))).update(appeal_message=None, note=None)
    await theirs.update(user_id=None, email=None)


async def _lock(app: App, keys: Keys) -> None:
    """Hold every key until the transaction ends, in one order, so that nobody waits in a circle."""
    now = app.clock.now()
    values = sorted(keys[kind] for kind in LOCKED if kind in keys)
    rows = ", ".join(f"(${number}, $1)" for number in range(2, len(values) + 2))
    await app.database.rows(_LOCK.format(rows=rows), [now, *values])
