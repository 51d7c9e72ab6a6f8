from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0019_schedule_runs')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ModelSpend',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='model_spends', on_delete=OnDelete.CASCADE)),
                ('day', fields.CharField(db_index=True, max_length=10)),
                ('tokens', fields.BigIntField()),
                ('micros', fields.BigIntField()),
            ],
            options={'table': 'model_spends', 'app': 'models', 'unique_together': (('user', 'day'),), 'pk_attr': 'id', 'table_description': 'What one user has spent on one day in UTC, what is reserved included.'},
            bases=['Model'],
        ),
    ]
