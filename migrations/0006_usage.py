from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0005_trial_lifecycle')]

    initial = False

    operations = [
        ops.CreateModel(
            name='UsageCounter',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='usage_counters', on_delete=OnDelete.CASCADE)),
                ('meter', fields.CharField(max_length=64)),
                ('period', fields.CharField(max_length=16)),
                ('used', fields.BigIntField()),
                ('reserved', fields.BigIntField(default=0)),
                ('ends_at', fields.DatetimeField(null=True, db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'usage_counters', 'app': 'models', 'unique_together': (('user', 'meter', 'period'),), 'pk_attr': 'id', 'table_description': 'What one user has used of one meter in one window. `reserved` is set aside and not used yet.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='UsageRecord',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='usage_records', on_delete=OnDelete.CASCADE)),
                ('idempotency_key', fields.CharField(max_length=100)),
                ('meter', fields.CharField(max_length=64)),
                ('period', fields.CharField(max_length=16)),
                ('quantity', fields.BigIntField()),
                ('recorded_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'usage_records', 'app': 'models', 'unique_together': (('user', 'idempotency_key'),), 'pk_attr': 'id', 'table_description': 'One report that was counted, by the key that keeps it from being counted twice.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='UsageReservation',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='usage_reservations', on_delete=OnDelete.CASCADE)),
                ('key', fields.CharField(unique=True, max_length=32)),
                ('idempotency_key', fields.CharField(max_length=100)),
                ('meter', fields.CharField(max_length=64)),
                ('period', fields.CharField(max_length=16)),
                ('quantity', fields.BigIntField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('committed', fields.BigIntField(null=True)),
            ],
            options={'table': 'usage_reservations', 'app': 'models', 'unique_together': (('user', 'idempotency_key'),), 'indexes': [Index(fields=['ended_at', 'expires_at'])], 'pk_attr': 'id', 'table_description': 'A quantity that is set aside until `expires_at`. `committed` is what of it was used in the end.'},
            bases=['Model'],
        ),
    ]
