from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0020_budgets')]

    initial = False

    operations = [
        ops.CreateModel(
            name='EmbeddingSpace',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('model', fields.CharField(max_length=100)),
                ('dimension', fields.IntField()),
                ('version', fields.CharField(max_length=64)),
                ('url', fields.CharField(max_length=500)),
                ('used_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'embedding_spaces', 'app': 'models', 'unique_together': (('model', 'dimension', 'version'),), 'pk_attr': 'id', 'table_description': 'One space. `url` opens its embeddings, on a process that has the key for it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='EmbeddingProcess',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('name', fields.CharField(unique=True, max_length=32)),
                ('space', fields.ForeignKeyField('models.EmbeddingSpace', source_field='space_id', db_constraint=True, to_field='id', related_name='processes', on_delete=OnDelete.CASCADE)),
                ('seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'embedding_processes', 'app': 'models', 'pk_attr': 'id', 'table_description': 'A running process and the space that its settings name. One that has not been seen for a while is dead.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ModelReservation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='model_reservations', on_delete=OnDelete.CASCADE)),
                ('plan', fields.CharField(max_length=63)),
                ('day', fields.CharField(max_length=10)),
                ('model', fields.CharField(max_length=100)),
                ('tokens', fields.BigIntField()),
                ('micros', fields.BigIntField()),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'model_reservations', 'app': 'models', 'pk_attr': 'id', 'table_description': 'What is set aside for one question, and counted in both sums, until it is settled or lapses.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PlanSpend',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('plan', fields.CharField(max_length=63)),
                ('day', fields.CharField(max_length=10)),
                ('tokens', fields.BigIntField()),
                ('micros', fields.BigIntField()),
            ],
            options={'table': 'plan_spends', 'app': 'models', 'unique_together': (('plan', 'day'),), 'pk_attr': 'id', 'table_description': 'What everybody on one plan has spent on one day, what is reserved included.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ServingSpace',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('space', fields.ForeignKeyField('models.EmbeddingSpace', source_field='space_id', db_constraint=True, to_field='id', related_name='serving', on_delete=OnDelete.RESTRICT)),
                ('since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'serving_space', 'app': 'models', 'pk_attr': 'id', 'table_description': 'The one space that all processes read: the row whose id is 1.'},
            bases=['Model'],
        ),
    ]
