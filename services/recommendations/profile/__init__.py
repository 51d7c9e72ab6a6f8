"""What is known of a person: their interests, what they did, and what follows from it. They may edit all of it."""

from services.recommendations.profile.editing import (
    interests_of,
    remove_interest,
    set_interests,
    weigh_interest,
)
from services.recommendations.profile.learning import learn
from services.recommendations.profile.personalization import set_personalization
from services.recommendations.profile.reading import Profile, profile_by, profile_of, told_by
from services.recommendations.profile.signals import Signal
from services.recommendations.profile.vectors import embed_interests, vectors_of

__all__ = [
    "Profile",
    "Signal",
    "embed_interests",
    "interests_of",
    "learn",
    "profile_by",
    "profile_of",
    "remove_interest",
    "set_interests",
    "set_personalization",
    "told_by",
    "vectors_of",
    "weigh_interest",
]
