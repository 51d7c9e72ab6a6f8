from tortoise import migrations
from tortoise.migrations import operations as ops
from models.mail_preferences import SuppressionReason
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0013_mail_deliveries')]

    initial = False

    operations = [
        ops.CreateModel(
            name='MailPreference',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='mail_preferences', on_delete=OnDelete.CASCADE)),
                ('topic', fields.CharField(max_length=16)),
                ('wanted', fields.BooleanField()),
                ('changed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'mail_preferences', 'app': 'models', 'unique_together': (('user', 'topic'),), 'pk_attr': 'id', 'table_description': 'What somebody has said about the letters of one topic. Without a row, they are sent.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='MailSuppression',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('address_hash', fields.CharField(max_length=32)),
                ('reason', fields.CharEnumField(description='BOUNCE: BOUNCE\nCOMPLAINT: COMPLAINT', enum_type=SuppressionReason, max_length=16)),
                ('since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('lifted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'mail_suppressions', 'app': 'models', 'unique_together': (('address_hash', 'reason'),), 'pk_attr': 'id', 'table_description': 'An address, by its keyed hash, that is not to be written to. It outlives accounts.'},
            bases=['Model'],
        ),
    ]
