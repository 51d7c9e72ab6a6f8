from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields



async def nothing(apps, editor):
    """On the way up there is nothing to fill."""


async def give_empty_vectors(apps, editor):
    """Each database writes no bytes in its own way."""
    empty = "x''" if editor.client.capabilities.dialect == "sqlite" else "''"
    await editor.client.execute_script(
        f"UPDATE interests SET model = '', version = '', vector = {empty} WHERE vector IS NULL"
    )


class Migration(migrations.Migration):
    dependencies = [('models', '0022_items')]

    initial = False

    operations = [
        ops.CreateModel(
            name='InterestVector',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('interest', fields.ForeignKeyField('models.Interest', source_field='interest_id', db_constraint=True, to_field='id', related_name='vectors', on_delete=OnDelete.CASCADE)),
                ('model', fields.CharField(max_length=100)),
                ('dimension', fields.IntField()),
                ('version', fields.CharField(max_length=64)),
                ('vector', fields.BinaryField()),
            ],
            options={'table': 'interest_vectors', 'app': 'models', 'unique_together': (('interest', 'model', 'version'),), 'pk_attr': 'id', 'table_description': "An interest's topic in one space of vectors."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Interest',
            name='corrected_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Interest',
            name='erased_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Interest',
            name='evidence',
            field=fields.IntField(default=0, db_default=0),
        ),
        # Without a vector an interest still stands: on the way back it has an empty one, in no space.
        ops.AlterField(
            model_name='Interest',
            name='model',
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AlterField(
            model_name='Interest',
            name='version',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AlterField(
            model_name='Interest',
            name='vector',
            field=fields.BinaryField(null=True),
        ),
        # One spelling for what a category's key and its name say: of two that become one the older row stays.
        ops.RunSQL(
            "DELETE FROM interests WHERE EXISTS (SELECT 1 FROM interests AS older WHERE older.user_id = interests.user_id"
            " AND older.id < interests.id"
            " AND replace(older.topic_key, '-', ' ') = replace(interests.topic_key, '-', ' '))",
            ops.RunSQL.noop,
        ),
        ops.RunSQL("UPDATE interests SET topic_key = replace(topic_key, '-', ' ')", ops.RunSQL.noop),
        ops.RunPython(nothing, give_empty_vectors),
        ops.RunSQL(
            "INSERT INTO interest_vectors (interest_id, model, dimension, version, vector)"
            " SELECT id, model, length(vector) / 4, version, vector FROM interests WHERE length(vector) > 0",
            [
                "DELETE FROM interests WHERE erased_at IS NOT NULL",
                "UPDATE interests SET (model, version, vector) ="
                " (SELECT model, version, vector FROM interest_vectors WHERE interest_id = interests.id"
                " ORDER BY id DESC LIMIT 1)",
            ],
        ),
        ops.RemoveField(model_name='Interest', name='model'),
        ops.RemoveField(model_name='Interest', name='vector'),
        ops.RemoveField(model_name='Interest', name='version'),
        ops.AddField(
            model_name='User',
            name='personalization',
            field=fields.BooleanField(default=True, db_default=True),
        ),
    ]
