from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0022_items')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ImageAnalysis',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='image_analyses', on_delete=OnDelete.CASCADE)),
                ('fingerprint', fields.CharField(max_length=64)),
                ('model', fields.CharField(max_length=100)),
                ('prompt_version', fields.CharField(max_length=32)),
                ('tags', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('confidence', fields.FloatField()),
                ('created_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'image_analyses', 'app': 'models', 'unique_together': (('user', 'fingerprint', 'model', 'prompt_version'),), 'pk_attr': 'id', 'table_description': 'What was seen in one picture of one user, so that the same picture is looked at once.'},
            bases=['Model'],
        ),
    ]
