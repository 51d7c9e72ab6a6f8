"""What is stored: Tortoise tables, one file a noun, with no decisions beyond constraints."""

from models.accounts import Role, User
from models.devices import Device
from models.jobs import Job
from models.recommendations import Interaction, InteractionKind, Interest, InterestSource, Item, ItemVector
from models.sessions import Session
from models.trials import Trial

__all__ = [
    "Device",
    "Interaction",
    "InteractionKind",
    "Interest",
    "InterestSource",
    "Item",
    "ItemVector",
    "Job",
    "Role",
    "Session",
    "Trial",
    "User",
]
