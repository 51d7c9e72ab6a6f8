from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0024_profile')]

    initial = False

    operations = [
        ops.CreateModel(
            name='RecommendationDay',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('day', fields.CharField(max_length=10)),
                ('strategy', fields.CharField(max_length=16)),
                ('slot', fields.IntField()),
                ('impressions', fields.IntField()),
                ('clicks', fields.IntField()),
            ],
            options={'table': 'recommendation_days', 'app': 'models', 'unique_together': (('day', 'strategy', 'slot'),), 'pk_attr': 'id', 'table_description': 'How often an item in one slot of lists of one strategy was seen and opened on one day, in UTC, by anybody.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RecommendationSlate',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='slates', on_delete=OnDelete.CASCADE)),
                ('number', fields.IntField()),
                ('strategy', fields.CharField(max_length=16)),
                ('degraded_reason', fields.CharField(null=True, max_length=100)),
                ('items', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('grounds', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'recommendation_slates', 'app': 'models', 'unique_together': (('user', 'number'),), 'pk_attr': 'id', 'table_description': 'One frozen list of one user. `number` follows from its content: the same list is the same row.'},
            bases=['Model'],
        ),
    ]
