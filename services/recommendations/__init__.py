"""Recommendations: a catalogue, what a person is interested in, what suits them, and what they did with it."""

from services.recommendations.browsing import item, items
from services.recommendations.catalogue import PREPARE, announce, prepare
from services.recommendations.interactions import Event, Recorded, record
from services.recommendations.profile import interests_of, set_interests
from services.recommendations.ranking import Filter, Recommendation, Slate, recommend

__all__ = [
    "PREPARE",
    "Event",
    "Filter",
    "Recommendation",
    "Recorded",
    "Slate",
    "announce",
    "interests_of",
    "item",
    "items",
    "prepare",
    "recommend",
    "record",
    "set_interests",
]
