from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.migrations.constraints import UniqueConstraint

class Migration(migrations.Migration):
    dependencies = [('models', '0014_mail_preferences')]

    initial = False

    operations = [
        ops.CreateModel(
            name='EventDay',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('day', fields.DateField()),
                ('name', fields.CharField(max_length=64)),
                ('count', fields.BigIntField()),
                ('users', fields.BigIntField()),
            ],
            options={'table': 'event_days', 'app': 'models', 'unique_together': (('day', 'name'),), 'pk_attr': 'id', 'table_description': 'How many events of a name there were on a day, in UTC, and of how many users. Kept when the events are gone.'},
            bases=['Model'],
        ),
        ops.RemoveIndex(
            model_name='Event',
            name=None,
            fields=['user'],
        ),
        ops.AddField(
            model_name='Event',
            name='idempotency_key',
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddConstraint(
            model_name='Event',
            constraint=UniqueConstraint(fields=('user', 'idempotency_key'), name=None),
        ),
        ops.AddField(
            model_name='User',
            name='analytics_consent',
            field=fields.BooleanField(default=True, db_default=True),
        ),
    ]
