from tortoise import migrations
from tortoise.migrations import operations as ops
from models.measuring import AnswerOutcome
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0016_figures')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Feedback',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='feedback', on_delete=OnDelete.CASCADE)),
                ('window', fields.IntField()),
                ('score', fields.SmallIntField()),
                ('comment', fields.TextField(null=True, unique=False)),
                ('surface', fields.CharField(null=True, max_length=64)),
                ('at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'feedback', 'app': 'models', 'unique_together': (('user', 'window'),), 'pk_attr': 'id', 'table_description': 'One answer: a user gives one in each window of 30 days.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='OnboardingStep',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='onboarding_steps', on_delete=OnDelete.CASCADE)),
                ('step', fields.CharField(max_length=64)),
                ('done_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'onboarding_steps', 'app': 'models', 'unique_together': (('user', 'step'),), 'pk_attr': 'id', 'table_description': 'A step that a user has done. Its key is one of `services.onboarding`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RequestMinute',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('minute', fields.IntField()),
                ('transport', fields.CharField(max_length=8)),
                ('outcome', fields.CharEnumField(description='OK: OK\nINTERNAL: INTERNAL\nUNAVAILABLE: UNAVAILABLE\nFAILED: FAILED', enum_type=AnswerOutcome, max_length=16)),
                ('within_ms', fields.IntField()),
                ('count', fields.BigIntField()),
            ],
            options={'table': 'request_minutes', 'app': 'models', 'unique_together': (('minute', 'transport', 'outcome', 'within_ms'),), 'pk_attr': 'id', 'table_description': 'How many answers of one kind all processes gave in one minute. Minutes of past days are those of their hours.'},
            bases=['Model'],
        ),
        # Who had come that far already has done it, as early as is known.
        ops.RunSQL(
            "INSERT INTO onboarding_steps (user_id, step, done_at) SELECT id, 'verify-email', email_verified_at"
            " FROM users WHERE email_verified_at IS NOT NULL",
            "DELETE FROM onboarding_steps",
        ),
        ops.RunSQL(
            "INSERT INTO onboarding_steps (user_id, step, done_at) SELECT user_id, 'choose-interests', MIN(created_at)"
            " FROM interests WHERE source = 'STATED' GROUP BY user_id",
            "DELETE FROM onboarding_steps",
        ),
        ops.RunSQL(
            "INSERT INTO onboarding_steps (user_id, step, done_at) SELECT user_id, 'open-recommendation',"
            " MIN(created_at) FROM interactions WHERE kind IN ('CLICK', 'SAVE', 'COMPLETE') GROUP BY user_id",
            "DELETE FROM onboarding_steps",
        ),
    ]
