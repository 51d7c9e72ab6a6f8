from tortoise import migrations
from tortoise.migrations import operations as ops
from models.trials import EndPolicy, TrialChangeKind
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0004_trial_quotas')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Event',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=64)),
                ('version', fields.IntField()),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='events', on_delete=OnDelete.CASCADE)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('properties', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={'table': 'events', 'app': 'models', 'indexes': [Index(fields=['name', 'at']), Index(fields=['user'])], 'pk_attr': 'id', 'table_description': 'One event. Names and versions of their properties are those of `services.analytics`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TrialChange',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('trial', fields.ForeignKeyField('models.Trial', source_field='trial_id', db_constraint=True, to_field='id', related_name='changes', on_delete=OnDelete.CASCADE)),
                ('version', fields.IntField()),
                ('kind', fields.CharEnumField(description='STARTED: STARTED\nEXTENDED: EXTENDED\nPAUSED: PAUSED\nRESUMED: RESUMED\nCANCELED: CANCELED\nPAYMENT_METHOD_ADDED: PAYMENT_METHOD_ADDED\nCHARGE_FAILED: CHARGE_FAILED\nCONVERTED: CONVERTED\nQUOTA_RAISED: QUOTA_RAISED\nENDED: ENDED', enum_type=TrialChangeKind, max_length=24)),
                ('from_status', fields.CharField(null=True, max_length=16)),
                ('to_status', fields.CharField(max_length=16)),
                ('ends_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('actor_id', fields.IntField(null=True)),
                ('reason', fields.CharField(null=True, max_length=500)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'trial_changes', 'app': 'models', 'unique_together': (('trial', 'version'),), 'pk_attr': 'id', 'table_description': 'One change of a trial, written in the transaction that made it.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Trial',
            name='billable_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Trial',
            name='charge_failed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Trial',
            name='due_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Trial',
            name='end_policy',
            field=fields.CharEnumField(default=EndPolicy.REVERT, description='BILL: BILL\nREVERT: REVERT\nPAUSE: PAUSE\nCANCEL: CANCEL', db_default='REVERT', enum_type=EndPolicy, max_length=16),
        ),
        ops.AddField(
            model_name='Trial',
            name='halted_microseconds',
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Trial',
            name='paused_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Trial',
            name='pauses',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='Trial',
            name='resumes_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Trial',
            name='revert_to',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddIndex(
            model_name='Trial',
            index=Index(fields=['due_at']),
        ),
        # Trials that have begun revert to the free plan, and their ends are still to be written down.
        ops.RunSQL(
            "UPDATE trials SET revert_to = 'free', due_at = CASE WHEN converted_at IS NULL AND canceled_at IS NULL"
            " THEN ends_at END",
            "UPDATE trials SET due_at = NULL",
        ),
    ]
