from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0025_slates')]

    initial = False

    operations = [
        ops.CreateModel(
            name='CollaborativeModel',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('format', fields.IntField()),
                ('kind', fields.CharField(max_length=16)),
                ('items', fields.IntField()),
                ('people', fields.IntField()),
                ('interactions', fields.IntField()),
                ('newest_interaction', fields.BigIntField()),
                ('fitted_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('sha256', fields.CharField(max_length=64)),
                ('content', fields.BinaryField()),
            ],
            options={'table': 'collaborative_models', 'app': 'models', 'pk_attr': 'id', 'table_description': 'One fitted model. The newest one that a process can read is the one it serves by.'},
            bases=['Model'],
        ),
    ]
