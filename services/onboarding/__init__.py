"""The first steps of somebody new, and how far each has come."""

from services.onboarding.doing import done, tell
from services.onboarding.progress import Progress, progress_of
from services.onboarding.steps import (
    CHOOSE_INTERESTS,
    OPEN_RECOMMENDATION,
    REQUIRED,
    SHOW_IMAGE,
    STEPS,
    VERIFY_EMAIL,
    WITHIN,
    Step,
)

__all__ = [
    "CHOOSE_INTERESTS",
    "OPEN_RECOMMENDATION",
    "REQUIRED",
    "SHOW_IMAGE",
    "STEPS",
    "VERIFY_EMAIL",
    "WITHIN",
    "Progress",
    "Step",
    "done",
    "progress_of",
    "tell",
]
