"""Figures of the product: what they are made of, how sure they are, and whether they meet their targets."""

from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.statistics import Estimate, Verdict

__all__ = ["Comparison", "Counts", "Estimate", "Kind", "Measure", "Verdict"]
