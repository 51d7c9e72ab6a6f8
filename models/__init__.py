"""What is stored: Tortoise tables, one file a noun, with no decisions beyond constraints."""

from models.accounts import Role, User
from models.devices import Device
from models.jobs import Job
from models.sessions import Session
from models.trials import Trial

__all__ = ["Device", "Job", "Role", "Session", "Trial", "User"]
