from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0010_billing')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ClockOffset',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('ahead', fields.BigIntField()),
            ],
            options={'table': 'clock', 'app': 'models', 'pk_attr': 'id', 'table_description': 'Read by every process whose clock is adjustable. It only grows.'},
            bases=['Model'],
        ),
    ]
