"""Figures of days and weeks that are over: counts about nobody, kept when accounts and events are gone.

And who was active when, of which the counts of weeks are made.
"""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class KpiDay(Model):
    """What one measure counted on one day, in UTC. It is written once, when nothing of the day can change any more."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=64)
    day = fields.DateField()
    counts: Any = fields.JSONField()
    frozen_at = fields.DatetimeField()

    class Meta:
        table = "kpi_days"
        unique_together = (("key", "day"),)
        indexes = (("day",),)


class DepartedTrial(Model):
    """What became of the trial of an account that was deleted: its days alone, which lead to nobody."""

    id = fields.BigIntField(primary_key=True)
    day = fields.DateField()
    """The one on which it began."""
    counts_on = fields.DateField()
    """The first one on which it counts: its end and the time to pay have passed."""
    paid = fields.BooleanField()
    failed = fields.BooleanField()
    """Whether a first payment was asked for and not made in time."""

    class Meta:
        table = "departed_trials"
        indexes = (("day",),)


class ActiveWeek(Model):
    """That somebody used Porchlight in a week, named by its Monday in UTC: a session's row tells its last use alone."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="active_weeks")
    user_id: int
    week = fields.DateField()

    class Meta:
        table = "active_weeks"
        unique_together = (("user", "week"),)
        indexes = (("week",),)


class RetentionWeek(Model):
    """How many of those who registered in one week were active in another one. Weeks are named by their Monday."""

    id = fields.BigIntField(primary_key=True)
    cohort = fields.DateField()
    week = fields.DateField()
    size = fields.IntField()
    """How many of the cohort there were at the end of its own week."""
    active = fields.IntField()
    frozen_at = fields.DatetimeField()

    class Meta:
        table = "retention_weeks"
        unique_together = (("cohort", "week"),)
        indexes = (("week",),)
