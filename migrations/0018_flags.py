from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0017_measures')]

    initial = False

    operations = [
        ops.CreateModel(
            name='FeatureFlag',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=64)),
                ('rollout', fields.IntField()),
                ('killed', fields.BooleanField()),
                ('version', fields.IntField()),
                ('changed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'feature_flags', 'app': 'models', 'pk_attr': 'id', 'table_description': 'One flag. A declared one that nobody has set has no row; the row of one that is declared no more stays.'},
            bases=['Model'],
        ),
    ]
