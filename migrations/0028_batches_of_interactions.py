from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0027_epochs')]

    initial = False

    operations = [
        ops.AddIndex(
            model_name='Interaction',
            index=Index(fields=['user', 'batch']),
        ),
    ]
