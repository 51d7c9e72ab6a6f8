from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0028_batches_of_interactions')]

    initial = False

    operations = [
        ops.AddField(
            model_name='RecommendationSlate',
            name='basis',
            field=fields.CharField(null=True, max_length=32),
        ),
        ops.AddField(
            model_name='RecommendationSlate',
            name='excludes_seen',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='RecommendationSlate',
            name='made_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='RecommendationSlate',
            name='revision',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='RecommendationSlate',
            name='taste',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='User',
            name='taste',
            field=fields.IntField(default=0, db_default=0),
        ),
    ]
