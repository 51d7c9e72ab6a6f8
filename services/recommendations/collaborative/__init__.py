"""What people who did alike did next: fitted by a job, followed by every process, ranked in memory."""

from services.recommendations.collaborative.following import Collaborative
from services.recommendations.collaborative.working import FIT, LOOK, fit, fit_when_worth_it

__all__ = ["FIT", "LOOK", "Collaborative", "fit", "fit_when_worth_it"]
