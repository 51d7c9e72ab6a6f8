"""How far an adjustable clock is ahead of the machine's: one row, or none as long as nobody has moved it."""

from tortoise import fields
from tortoise.models import Model


class ClockOffset(Model):
    """Read by every process whose clock is adjustable. It only grows."""

    id = fields.IntField(primary_key=True)
    ahead = fields.BigIntField()
    """Seconds."""

    class Meta:
        table = "clock"
