"""What those who run Porchlight ask of a process: is it ready, and what does it count. Server and worker alike."""

from services.monitoring.exposition import CONTENT_TYPE, exposition, own
from services.monitoring.present import Present
from services.monitoring.readiness import readiness
from services.monitoring.siblings import Siblings
from services.monitoring.stored import Stored
from services.monitoring.watching import watching_loop

__all__ = ["CONTENT_TYPE", "Present", "Siblings", "Stored", "exposition", "own", "readiness", "watching_loop"]
