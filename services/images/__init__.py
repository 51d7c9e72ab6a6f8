"""Images that people show: looked at once, kept by nobody, and felt in what is recommended."""

from services.images.analysing import Analysis, InvalidImage, analyze
from services.images.keeping import PRUNE, prune
from services.images.suiting import items_for

__all__ = ["PRUNE", "Analysis", "InvalidImage", "analyze", "items_for", "prune"]
