"""How far people have come with their first steps."""

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class OnboardingStep(Model):
    """A step that a user has done. Its key is one of `services.onboarding`."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="onboarding_steps")
    user_id: int
    step = fields.CharField(max_length=64)
    done_at = fields.DatetimeField()
    """The first time."""

    class Meta:
        table = "onboarding_steps"
        unique_together = (("user", "step"),)
