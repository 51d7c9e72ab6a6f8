from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0008_fraud')]

    initial = False

    operations = [
        ops.RemoveIndex(
            model_name='FraudIdentifier',
            name=None,
            fields=['hash', 'at'],
        ),
        ops.AddIndex(
            model_name='FraudIdentifier',
            index=Index(fields=['hash', 'at', 'assessment', 'granted']),
        ),
        ops.AddField(
            model_name='FraudListEntry',
            name='case_id',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='OneTimeToken',
            name='attempts_elsewhere',
            field=fields.IntField(default=0, db_default=0),
        ),
    ]
