from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0020_budgets')]

    initial = False

    operations = [
        ops.CreateModel(
            name='CatalogueRevision',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('number', fields.BigIntField()),
            ],
            options={'table': 'catalogue_revisions', 'app': 'models', 'pk_attr': 'id', 'table_description': 'One row: how many transactions have changed items or their vectors.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Item',
            name='available_from',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Item',
            name='available_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Item',
            name='requires',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Item',
            name='revision',
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddIndex(
            model_name='Item',
            index=Index(fields=['revision', 'id']),
        ),
        ops.AddField(
            model_name='ItemVector',
            name='revision',
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddIndex(
            model_name='ItemVector',
            index=Index(fields=['model', 'version', 'revision', 'id']),
        ),
    ]
