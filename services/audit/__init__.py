"""The audit log: what happened to accounts, written with its cause, chained a little later, read by who may."""

from services.audit.chaining import CHAIN, Head, chain, head, waiting
from services.audit.reading import event, events
from services.audit.recording import Action, checked_reason, record
from services.audit.verifying import BrokenChainError, verify

__all__ = [
    "CHAIN",
    "Action",
    "BrokenChainError",
    "Head",
    "chain",
    "checked_reason",
    "event",
    "events",
    "head",
    "record",
    "verify",
    "waiting",
]
