"""What was seen in pictures; the pictures themselves are nowhere."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.accounts import User


class ImageAnalysis(Model):
    """What was seen in one picture of one user, so that the same picture is looked at once."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="image_analyses")
    user_id: int
    fingerprint = fields.CharField(max_length=64)
    """A keyed hash of the user, the pixels and what was said of them: it tells nothing of the picture."""
    model = fields.CharField(max_length=100)
    prompt_version = fields.CharField(max_length=32)
    tags: Any = fields.JSONField()
    """Pairs of a tag and its confidence, the surest first."""
    confidence = fields.FloatField()
    created_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "image_analyses"
        unique_together = (("user", "fingerprint", "model", "prompt_version"),)
