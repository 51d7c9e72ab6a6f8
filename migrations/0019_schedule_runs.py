from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0018_flags')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ScheduleRun',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('kind', fields.CharField(unique=True, max_length=64)),
                ('every', fields.IntField()),
                ('slot_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_slot_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('started_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('outcome', fields.CharField(null=True, max_length=16)),
                ('error', fields.CharField(null=True, max_length=100)),
                ('succeeded_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('missed', fields.BigIntField(default=0, db_default=0)),
            ],
            options={'table': 'schedule_runs', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A kind of recurring work. There is one row a kind, whatever the number of workers and runs.'},
            bases=['Model'],
        ),
    ]
