"""Work that happens later: a row written in the transaction that causes it."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Job(Model):
    """One piece of work, done at least once.

    `due_at` is when a worker may take it. Taking it moves `due_at` to the end of the lease, so a job whose
    worker died becomes due again by itself; a finished or dead job has none.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=64)
    payload: Any = fields.JSONField()
    dedup_key = fields.CharField(max_length=200, unique=True)
    due_at = fields.DatetimeField(null=True)
    lease = fields.CharField(max_length=32, null=True)
    attempts = fields.IntField(default=0)
    created_at = fields.DatetimeField()
    done_at = fields.DatetimeField(null=True)
    dead_at = fields.DatetimeField(null=True)
    last_error = fields.TextField(null=True)

    class Meta:
        table = "jobs"
        indexes = (("due_at",),)
