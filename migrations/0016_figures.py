from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0015_events')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ActiveWeek',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='active_weeks', on_delete=OnDelete.CASCADE)),
                ('week', fields.DateField()),
            ],
            options={'table': 'active_weeks', 'app': 'models', 'unique_together': (('user', 'week'),), 'indexes': [Index(fields=['week'])], 'pk_attr': 'id', 'table_description': "That somebody used Porchlight in a week, named by its Monday in UTC: a session's row tells its last use alone."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DepartedTrial',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('day', fields.DateField()),
                ('counts_on', fields.DateField()),
                ('paid', fields.BooleanField()),
                ('failed', fields.BooleanField()),
            ],
            options={'table': 'departed_trials', 'app': 'models', 'indexes': [Index(fields=['day'])], 'pk_attr': 'id', 'table_description': 'What became of the trial of an account that was deleted: its days alone, which lead to nobody.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='KpiDay',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(max_length=64)),
                ('day', fields.DateField()),
                ('counts', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('frozen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'kpi_days', 'app': 'models', 'unique_together': (('key', 'day'),), 'indexes': [Index(fields=['day'])], 'pk_attr': 'id', 'table_description': 'What one measure counted on one day, in UTC. It is written once, when nothing of the day can change any more.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RetentionWeek',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('cohort', fields.DateField()),
                ('week', fields.DateField()),
                ('size', fields.IntField()),
                ('active', fields.IntField()),
                ('frozen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'retention_weeks', 'app': 'models', 'unique_together': (('cohort', 'week'),), 'indexes': [Index(fields=['week'])], 'pk_attr': 'id', 'table_description': 'How many of those who registered in one week were active in another one. Weeks are named by their Monday.'},
            bases=['Model'],
        ),
        ops.AddIndex(
            model_name='FraudCase',
            index=Index(fields=['closed_at']),
        ),
        ops.AddIndex(
            model_name='Trial',
            index=Index(fields=['started_at']),
        ),
        ops.AddIndex(
            model_name='User',
            index=Index(fields=['created_at']),
        ),
    ]
