from tortoise import migrations
from tortoise.migrations import operations as ops
from models.keys import KeyUse
from models.one_time_tokens import Purpose
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0002_recommendations')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('action', fields.CharField(max_length=64)),
                ('actor_id', fields.IntField(null=True)),
                ('user_id', fields.IntField(null=True)),
                ('subject', fields.CharField(null=True, max_length=100)),
                ('ip', fields.CharField(null=True, max_length=45)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('data', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('sequence', fields.BigIntField(null=True, unique=True)),
                ('hash', fields.CharField(null=True, max_length=64)),
            ],
            options={'table': 'audit_events', 'app': 'models', 'indexes': [Index(fields=['user_id', 'id']), Index(fields=['action', 'id'])], 'pk_attr': 'id', 'table_description': 'One security-relevant act. It names users by number and outlives them; `sequence` and `hash` come later.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Key',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('kid', fields.CharField(unique=True, max_length=64)),
                ('use', fields.CharEnumField(description='SIGN: SIGN\nSEAL: SEAL\nIDENTIFY: IDENTIFY', enum_type=KeyUse, max_length=16)),
                ('number', fields.IntField()),
                ('sealed', fields.CharField(max_length=512)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('active_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('retired_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'keys', 'app': 'models', 'unique_together': (('use', 'number'),), 'pk_attr': 'id', 'table_description': 'One key of the ring. The newest active key of its use makes; all that have not retired verify.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OneTimeToken',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('purpose', fields.CharEnumField(description='VERIFY_EMAIL: VERIFY_EMAIL\nCHANGE_EMAIL: CHANGE_EMAIL\nRESET_PASSWORD: RESET_PASSWORD\nMAGIC_LINK: MAGIC_LINK\nMFA: MFA\nENROLL_PASSKEY: ENROLL_PASSKEY\nPASSKEY: PASSKEY\nREPORT_SIGN_IN: REPORT_SIGN_IN\nCANCEL_DELETION: CANCEL_DELETION\nEXPORT: EXPORT\nCHALLENGE: CHALLENGE', enum_type=Purpose, max_length=32)),
                ('key_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', null=True, db_constraint=True, to_field='id', related_name='one_time_tokens', on_delete=OnDelete.CASCADE)),
                ('address', fields.CharField(null=True, max_length=320)),
                ('data', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ('attempts', fields.IntField(default=0, db_default=0)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'one_time_tokens', 'app': 'models', 'indexes': [Index(fields=['user', 'purpose']), Index(fields=['expires_at'])], 'pk_attr': 'id', 'table_description': 'One token. It is spent by setting `used_at`, which one UPDATE decides.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Passkey',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='passkeys', on_delete=OnDelete.CASCADE)),
                ('credential_id', fields.CharField(unique=True, max_length=1400)),
                ('handle', fields.CharField(max_length=90)),
                ('public_key', fields.BinaryField()),
                ('sign_count', fields.BigIntField(default=0, db_default=0)),
                ('backed_up', fields.BooleanField(default=False, db_default=False)),
                ('transports', fields.CharField(null=True, max_length=100)),
                ('name', fields.CharField(max_length=100)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'passkeys', 'app': 'models', 'indexes': [Index(fields=['user'])], 'pk_attr': 'id', 'table_description': 'A WebAuthn credential. `credential_id` and `handle` are base64url; a credential belongs to one user.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='recovery_codes', on_delete=OnDelete.CASCADE)),
                ('code_hash', fields.CharField(max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'recovery_codes', 'app': 'models', 'unique_together': (('user', 'code_hash'),), 'pk_attr': 'id', 'table_description': 'A code for the day on which the other factors are lost. It works once.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Totp',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.OneToOneField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='totp', on_delete=OnDelete.CASCADE)),
                ('sealed_secret', fields.CharField(max_length=255)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('confirmed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('last_step', fields.BigIntField(default=0, db_default=0)),
            ],
            options={'table': 'totps', 'app': 'models', 'pk_attr': 'id', 'table_description': 'An authenticator app. It counts once it is confirmed; `last_step` keeps a code from working twice.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='TrialClaim',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('person_hash', fields.CharField(unique=True, max_length=64)),
                ('user_id', fields.IntField()),
                ('claimed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'trial_claims', 'app': 'models', 'pk_attr': 'id', 'table_description': 'That a person has had a trial: a keyed hash, kept when the account and the trial are gone.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Device',
            name='trusted_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Session',
            name='assurance',
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddField(
            model_name='Session',
            name='factor_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Session',
            name='last_seen_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Session',
            name='location',
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name='Session',
            name='methods',
            field=fields.CharField(default='pwd', db_default='pwd', max_length=64),
        ),
        ops.AddField(
            model_name='Session',
            name='password_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Session',
            name='previous_counter',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Session',
            name='resumed',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='Session',
            name='seen_counter',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='User',
            name='deletion_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='User',
            name='factor_failures',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name='User',
            name='factor_retry_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='User',
            name='locale',
            field=fields.CharField(null=True, max_length=35),
        ),
        ops.AddField(
            model_name='User',
            name='name_key',
            field=fields.CharField(null=True, max_length=400),
        ),
        ops.AddField(
            model_name='User',
            name='password_needs_factor',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='User',
            name='suspended_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='User',
            name='timezone',
            field=fields.CharField(null=True, max_length=64),
        ),
    ]
