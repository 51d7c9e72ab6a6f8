"""Recommendations: a catalogue, what a person is interested in, what suits them, and what they did with it."""

from services.recommendations.browsing import item, items
from services.recommendations.catalogue import PREPARE, announce, prepare
from services.recommendations.filters import Filter
from services.recommendations.grounds import GroundKind
from services.recommendations.interactions import Event, Recorded, record
from services.recommendations.item_rows import ItemRow
from services.recommendations.profile import (
    embed_interests,
    interests_of,
    learn,
    remove_interest,
    set_interests,
    set_personalization,
    weigh_interest,
)
from services.recommendations.recommending import recommend
from services.recommendations.serving import Recommendation, Slate
from services.recommendations.slates import PRUNE, prune

__all__ = [
    "PREPARE",
    "PRUNE",
    "Event",
    "Filter",
    "GroundKind",
    "ItemRow",
    "Recommendation",
    "Recorded",
    "Slate",
    "announce",
    "embed_interests",
    "interests_of",
    "item",
    "items",
    "learn",
    "prepare",
    "prune",
    "recommend",
    "record",
    "remove_interest",
    "set_interests",
    "set_personalization",
    "weigh_interest",
]
