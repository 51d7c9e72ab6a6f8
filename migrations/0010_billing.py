from tortoise import migrations
from tortoise.migrations import operations as ops
from models.billing import InvoiceStatus, PlanSubscriptionStatus, WebhookState
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0009_fraud_looks')]

    initial = False

    operations = [
        ops.CreateModel(
            name='BillingCustomer',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.OneToOneField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='billing_customer', on_delete=OnDelete.CASCADE)),
                ('provider_id', fields.CharField(unique=True, max_length=255)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'billing_customers', 'app': 'models', 'pk_attr': 'id', 'table_description': 'Who a user is for the provider.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CheckoutAttempt',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.OneToOneField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='checkout_attempt', on_delete=OnDelete.CASCADE)),
                ('key', fields.CharField(max_length=255)),
                ('provider_id', fields.CharField(null=True, max_length=255)),
                ('url', fields.TextField(null=True, unique=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'checkout_attempts', 'app': 'models', 'pk_attr': 'id', 'table_description': 'The one checkout that a user has open: a second tab or a double click finds it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Invoice',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', null=True, db_constraint=True, to_field='id', related_name='invoices', on_delete=OnDelete.SET_NULL)),
                ('provider_id', fields.CharField(unique=True, max_length=255)),
                ('subscription_provider_id', fields.CharField(null=True, max_length=255)),
                ('number', fields.CharField(null=True, max_length=64)),
                ('status', fields.CharEnumField(description='DRAFT: DRAFT\nOPEN: OPEN\nPAID: PAID\nVOID: VOID\nUNCOLLECTIBLE: UNCOLLECTIBLE', enum_type=InvoiceStatus, max_length=16)),
                ('total', fields.BigIntField()),
                ('amount_paid', fields.BigIntField()),
                ('currency', fields.CharField(max_length=3)),
                ('hosted_url', fields.TextField(null=True, unique=False)),
                ('billing_reason', fields.CharField(null=True, max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('paid_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('applied_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('applied_event_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invoices', 'app': 'models', 'indexes': [Index(fields=['user', 'id'])], 'pk_attr': 'id', 'table_description': "One invoice, as the provider last told it. It outlives its user: then nobody's name stands in it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PlanSubscription',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='plan_subscriptions', on_delete=OnDelete.CASCADE)),
                ('provider_id', fields.CharField(unique=True, max_length=255)),
                ('plan_key', fields.CharField(null=True, max_length=64)),
                ('price_id', fields.CharField(max_length=255)),
                ('item_id', fields.CharField(max_length=255)),
                ('status', fields.CharEnumField(description='INCOMPLETE: INCOMPLETE\nTRIALING: TRIALING\nACTIVE: ACTIVE\nPAST_DUE: PAST_DUE\nPAUSED: PAUSED\nCANCELED: CANCELED\nUNPAID: UNPAID', enum_type=PlanSubscriptionStatus, max_length=16)),
                ('currency', fields.CharField(max_length=3)),
                ('period_start', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('period_end', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('cancel_at_period_end', fields.BooleanField(default=False, db_default=False)),
                ('canceled_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('trial_ends_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('past_due_since', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('provider_created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('applied_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('applied_event_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('version', fields.IntField(default=1, db_default=1)),
            ],
            options={'table': 'plan_subscriptions', 'app': 'models', 'indexes': [Index(fields=['user']), Index(fields=['status', 'id'])], 'pk_attr': 'id', 'table_description': 'One subscription of a user, as the provider last told it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='WebhookEvent',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('event_id', fields.CharField(unique=True, max_length=255)),
                ('type', fields.CharField(max_length=100)),
                ('api_version', fields.CharField(null=True, max_length=64)),
                ('object_kind', fields.CharField(null=True, max_length=32)),
                ('object_id', fields.CharField(null=True, max_length=255)),
                ('customer_id', fields.CharField(null=True, max_length=255)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('received_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('state', fields.CharEnumField(description='RECEIVED: RECEIVED\nDONE: DONE\nPARKED: PARKED\nDEAD: DEAD', enum_type=WebhookState, max_length=16)),
                ('payload', fields.TextField(null=True, unique=False)),
                ('attempts', fields.IntField(default=0, db_default=0)),
                ('error', fields.CharField(null=True, max_length=500)),
            ],
            options={'table': 'webhook_events', 'app': 'models', 'indexes': [Index(fields=['object_id', 'state']), Index(fields=['customer_id']), Index(fields=['state', 'id']), Index(fields=['received_at'])], 'pk_attr': 'id', 'table_description': 'One event of the provider, written down before anything is done about it. A second delivery changes nothing.'},
            bases=['Model'],
        ),
    ]
