from tortoise import migrations
from tortoise.migrations import operations as ops
from models.one_time_tokens import Purpose
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0006_usage')]

    initial = False

    operations = [
        ops.AlterField(
            model_name='OneTimeToken',
            name='purpose',
            field=fields.CharEnumField(description='VERIFY_EMAIL: VERIFY_EMAIL\nCHANGE_EMAIL: CHANGE_EMAIL\nRESET_PASSWORD: RESET_PASSWORD\nMAGIC_LINK: MAGIC_LINK\nMFA: MFA\nENROLL_PASSKEY: ENROLL_PASSKEY\nPASSKEY: PASSKEY\nREPORT_SIGN_IN: REPORT_SIGN_IN\nCANCEL_DELETION: CANCEL_DELETION\nEXPORT: EXPORT\nCHALLENGE: CHALLENGE\nEMAIL_CODE: EMAIL_CODE\nAPPEAL: APPEAL', enum_type=Purpose, max_length=32),
        ),
    ]
