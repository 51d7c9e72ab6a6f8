"""How far somebody has come, from the steps that they have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.onboarding.steps import REQUIRED, STEPS, complete

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from models.onboarding import OnboardingStep
    from services.onboarding.steps import Step


@dataclass(frozen=True)
class Progress:
    """Each step with whether it is done; the share of those that are not optional; when the last of them was done."""

    steps: tuple[tuple[Step, bool], ...]
    share: float
    completed_at: datetime | None


def progress_of(rows: Iterable[OnboardingStep]) -> Progress:
    """The progress of one person. Steps that there are no more count for nothing."""
    done_at = {row.step: row.done_at for row in rows}
    needed = REQUIRED & done_at.keys()
    return Progress(
        steps=tuple((step, step.key in done_at) for step in STEPS),
        share=len(needed) / len(REQUIRED),
        completed_at=max(done_at[key] for key in needed) if complete(done_at) else None,
    )
