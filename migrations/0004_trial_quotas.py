from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0003_accounts_that_hold')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Trial',
            name='quota_percent',
            field=fields.IntField(default=100, db_default=100),
        ),
    ]
