"""What happens again and again: when it last did, and how that ended."""

from tortoise import fields
from tortoise.models import Model


class ScheduleRun(Model):
    """A kind of recurring work. There is one row a kind, whatever the number of workers and runs."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(max_length=64, unique=True)
    every = fields.IntField()
    """Seconds from the beginning of one slot to that of the next one."""
    slot_at = fields.DatetimeField()
    """Where the newest slot begins that has a job."""
    ended_slot_at = fields.DatetimeField(null=True)
    """The slot whose job has ended last; that of `slot_at` waits or runs where it is another one."""
    started_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    outcome = fields.CharField(max_length=16, null=True)
    """How the last attempt ended, in the words of `services.jobs.Outcome`."""
    error = fields.CharField(max_length=100, null=True)
    """The kind of its fault: the words of one may name people, and stand in the log."""
    succeeded_at = fields.DatetimeField(null=True)
    missed = fields.BigIntField(default=0, db_default=0)
    """Slots without a job, because no worker was there or an earlier one still ran."""

    class Meta:
        table = "schedule_runs"
