"""The engine's own scores, read from its rows after the run: to try other thresholds, never to tell a hit."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import Any

MODULE, MODEL = "models.fraud", "FraudAssessment"


async def scores() -> dict[datetime, float] | None:
    """The greatest score of each moment, at which exactly one person signed up; None without an engine."""
    model = _model()
    if model is None:
        return None
    found: dict[datetime, float] = {}
    for at, score in await model.all().values_list("at", "score"):
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        found[moment] = max(float(score), found.get(moment, float(score)))
    return found


def _model() -> Any:
    try:
        return getattr(importlib.import_module(MODULE), MODEL)
    except (ImportError, AttributeError):
        return None
