"""Replay: what another rule set would have decided about the sign-ups that are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.fraud import FraudAssessment
from services.fraud.features import Features
from services.fraud.scoring import Decision, evaluate

if TYPE_CHECKING:
    from datetime import datetime

    from services.fraud.rules import Rules

BATCH = 1_000


@dataclass
class Replayed:
    """How many sign-ups went from which decision to which. `passed_over` have features of another version."""

    moves: Counter[tuple[Decision, Decision]] = field(default_factory=Counter)
    passed_over: int = 0

    @property
    def total(self) -> int:
        """Sign-ups that were judged again."""
        return self.moves.total()

    @property
    def changed(self) -> int:
        """Those of them about which the other rule set decides otherwise."""
        return sum(count for (before, after), count in self.moves.items() if before is not after)


async def replay(rules: Rules, *, since: datetime) -> Replayed:
    """Judge every sign-up since then again, by its stored features. One query for each thousand."""
    replayed, after = Replayed(), 0
    while True:
        rows = await FraudAssessment.filter(at__gte=since, id__gt=after).order_by("id").limit(BATCH)
        if not rows:
            return replayed
        after = rows[-1].id
        for row in rows:
            features = Features.of_json(row.features)
            if features is None:
                replayed.passed_over += 1
            else:
                replayed.moves[Decision(row.decision), evaluate(features, rules).decision] += 1
