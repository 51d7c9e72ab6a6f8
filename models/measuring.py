"""How many answers were given, how they went and how long they took, by the minute."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class AnswerOutcome(StrEnum):
    """How an answer went: the worst that is true of it."""

    OK = "OK"
    """Nothing of it failed by a fault of ours. What a client was refused is an answer like any other."""
    INTERNAL = "INTERNAL"
    """A part of it failed by a bug, the others were answered."""
    UNAVAILABLE = "UNAVAILABLE"
    """Something that we need could not be had: UNAVAILABLE, whatever the status."""
    FAILED = "FAILED"
    """Nothing was answered, by a bug: a status of 5xx."""


class RequestMinute(Model):
    """How many answers of one kind all processes gave in one minute. Minutes of past days are those of their hours."""

    id = fields.BigIntField(primary_key=True)
    minute = fields.IntField()
    """Minutes since 1970, in UTC."""
    transport = fields.CharField(max_length=8)
    outcome = fields.CharEnumField(AnswerOutcome, max_length=16)
    within_ms = fields.IntField()
    """Upper bound of the time that each of them took; 0 where time is not measured."""
    count = fields.BigIntField()

    class Meta:
        table = "request_minutes"
        unique_together = (("minute", "transport", "outcome", "within_ms"),)
