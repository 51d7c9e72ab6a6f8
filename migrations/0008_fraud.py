from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0007_email_code')]

    initial = False

    operations = [
        ops.CreateModel(
            name='FraudAssessment',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('user_id', fields.IntField(null=True)),
                ('email', fields.CharField(null=True, max_length=320)),
                ('rules_version', fields.CharField(max_length=32)),
                ('features', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('score', fields.FloatField()),
                ('decision', fields.CharField(max_length=16)),
                ('reasons', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('shadow_version', fields.CharField(null=True, max_length=32)),
                ('shadow_score', fields.FloatField(null=True)),
                ('shadow_decision', fields.CharField(null=True, max_length=16)),
            ],
            options={'table': 'fraud_assessments', 'app': 'models', 'indexes': [Index(fields=['user_id']), Index(fields=['at'])], 'pk_attr': 'id', 'table_description': 'One sign-up that was checked: its features, by which another rule set can judge it again, and the verdict.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='FraudCase',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('assessment', fields.OneToOneField('models.FraudAssessment', source_field='assessment_id', db_constraint=True, to_field='id', related_name='case', on_delete=OnDelete.CASCADE)),
                ('status', fields.CharField(max_length=16)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('reviewer_id', fields.IntField(null=True)),
                ('note', fields.CharField(null=True, max_length=500)),
                ('appealed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('appeal_message', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'fraud_cases', 'app': 'models', 'indexes': [Index(fields=['status', 'id'])], 'pk_attr': 'id', 'table_description': 'A sign-up that a person should look at. One UPDATE on its status decides it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='FraudIdentifier',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('assessment', fields.ForeignKeyField('models.FraudAssessment', source_field='assessment_id', db_constraint=True, to_field='id', related_name='identifiers', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharField(max_length=16)),
                ('hash', fields.CharField(max_length=64)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('granted', fields.BooleanField()),
            ],
            options={'table': 'fraud_identifiers', 'app': 'models', 'indexes': [Index(fields=['hash', 'at']), Index(fields=['assessment'])], 'pk_attr': 'id', 'table_description': 'One key of one sign-up: a device, a card, a network, as a keyed hash of its kind.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='FraudKey',
            fields=[
                ('hash', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('touched_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'fraud_keys', 'app': 'models', 'indexes': [Index(fields=['touched_at'])], 'pk_attr': 'hash', 'table_description': 'The lock of one identifier: sign-ups that share it wait for each other, so that each sees the one before it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='FraudListEntry',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('kind', fields.CharField(max_length=16)),
                ('value_hash', fields.CharField(max_length=64)),
                ('hint', fields.CharField(max_length=320)),
                ('verdict', fields.CharField(max_length=8)),
                ('reason', fields.CharField(max_length=500)),
                ('owner_id', fields.IntField(null=True)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'fraud_list_entries', 'app': 'models', 'unique_together': (('kind', 'value_hash'),), 'pk_attr': 'id', 'table_description': 'What the staff knows of an address, a domain or a network, until it expires.'},
            bases=['Model'],
        ),
    ]
