from tortoise import migrations
from tortoise.migrations import operations as ops
from models.trials import TrialChangeKind
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0010_clock')]

    initial = False

    operations = [
        ops.AlterField(
            model_name='TrialChange',
            name='kind',
            field=fields.CharEnumField(description='STARTED: STARTED\nEXTENDED: EXTENDED\nPAUSED: PAUSED\nRESUMED: RESUMED\nCANCELED: CANCELED\nPAYMENT_METHOD_ADDED: PAYMENT_METHOD_ADDED\nPAYMENT_METHOD_REMOVED: PAYMENT_METHOD_REMOVED\nCHARGE_FAILED: CHARGE_FAILED\nCONVERTED: CONVERTED\nQUOTA_RAISED: QUOTA_RAISED\nENDED: ENDED', enum_type=TrialChangeKind, max_length=24),
        ),
    ]
