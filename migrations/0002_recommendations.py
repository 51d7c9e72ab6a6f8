from tortoise import migrations
from tortoise.migrations import operations as ops
from models.recommendations import InteractionKind, InterestSource
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Interest',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='interests', on_delete=OnDelete.CASCADE)),
                ('topic', fields.CharField(max_length=100)),
                ('topic_key', fields.CharField(max_length=200)),
                ('category', fields.CharField(null=True, max_length=64)),
                ('weight', fields.FloatField()),
                ('source', fields.CharEnumField(description='STATED: STATED\nIMAGE: IMAGE\nBEHAVIOR: BEHAVIOR\nINTENT: INTENT', enum_type=InterestSource, max_length=16)),
                ('model', fields.CharField(max_length=100)),
                ('version', fields.CharField(max_length=64)),
                ('vector', fields.BinaryField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'interests', 'app': 'models', 'unique_together': (('user', 'topic_key'),), 'pk_attr': 'id', 'table_description': 'One topic of one user, with its vector in the space that `model` and `version` name.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Item',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=100)),
                ('position', fields.IntField(db_index=True)),
                ('category', fields.CharField(max_length=64)),
                ('title', fields.CharField(max_length=200)),
                ('summary', fields.TextField(unique=False)),
                ('tags', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('url', fields.CharField(null=True, max_length=500)),
                ('image_url', fields.CharField(null=True, max_length=500)),
                ('search', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('retired_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'items', 'app': 'models', 'indexes': [Index(fields=['category'])], 'pk_attr': 'id', 'table_description': 'Something that can be recommended. `position` is its place in a walk through the catalogue, category by category.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Interaction',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='interactions', on_delete=OnDelete.CASCADE)),
                ('item', fields.ForeignKeyField('models.Item', source_field='item_id', db_constraint=True, to_field='id', related_name='interactions', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharEnumField(description='VIEW: VIEW\nCLICK: CLICK\nSAVE: SAVE\nCOMPLETE: COMPLETE\nDISMISS: DISMISS\nDISLIKE: DISLIKE', enum_type=InteractionKind, max_length=16)),
                ('recommendation', fields.CharField(null=True, max_length=128)),
                ('idempotency_key', fields.CharField(max_length=100)),
                ('batch', fields.CharField(max_length=32)),
                ('occurred_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'interactions', 'app': 'models', 'unique_together': (('user', 'idempotency_key'),), 'indexes': [Index(fields=['user', 'item']), Index(fields=['item', 'kind'])], 'pk_attr': 'id', 'table_description': 'What somebody did, once for each idempotency key. `batch` names the call that recorded it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ItemVector',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('item', fields.ForeignKeyField('models.Item', source_field='item_id', db_constraint=True, to_field='id', related_name='vectors', on_delete=OnDelete.CASCADE)),
                ('model', fields.CharField(max_length=100)),
                ('dimension', fields.IntField()),
                ('version', fields.CharField(max_length=64)),
                ('content', fields.CharField(max_length=64)),
                ('vector', fields.BinaryField()),
            ],
            options={'table': 'item_vectors', 'app': 'models', 'unique_together': (('item', 'model', 'version'),), 'pk_attr': 'id', 'table_description': 'An item in one space of vectors. `content` is the hash of the text that was embedded.'},
            bases=['Model'],
        ),
    ]
