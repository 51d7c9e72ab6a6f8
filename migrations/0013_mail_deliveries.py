import json

from tortoise import migrations
from tortoise.migrations import operations as ops
from models.mail import DeliveryStatus
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

LETTERS = {
    "mail.billing": "billing",
    "mail.change_email": "change_email",
    "mail.email_code": "email_code",
    "mail.farewell": "farewell",
    "mail.fraud_cleared": "fraud_cleared",
    "mail.magic_link": "magic_link",
    "mail.notice": "notice",
    "mail.reset_password": "reset_password",
    "mail.verify_email": "verify_email",
    "mail.welcome": "welcome",
    "trial.reminder": "trial_reminder",
    "trial.win_back": "trial_win_back",
}
"""Kinds of jobs that letters were before they became one kind, and the letter that each of them is now."""
KINDS = {letter: kind for kind, letter in LETTERS.items()}
BATCH = 500


async def become_one_kind(_, editor):
    """Letters that wait to be sent are `mail.send` from now on."""
    marks = ", ".join(f"'{kind}'" for kind in LETTERS)
    async for job in _waiting(editor.client, f"kind IN ({marks})"):
        payload = dict(job["payload"])
        if job["kind"] == "mail.billing":
            payload["news"] = payload.pop("letter")
        payload |= {"letter": LETTERS[job["kind"]], "delivery": job["dedup_key"]}
        await _write(editor.client, job["id"], "mail.send", payload)


async def become_many_kinds(_, editor):
    """Back to a kind of job for each letter; one that had none of its own stays as it is."""
    async for job in _waiting(editor.client, "kind = 'mail.send'"):
        payload = dict(job["payload"])
        kind = KINDS.get(payload.pop("letter"))
        if kind is None:
            continue
        payload.pop("delivery")
        payload.pop("not_after", None)
        if kind == "mail.billing":
            payload["letter"] = payload.pop("news")
        await _write(editor.client, job["id"], kind, payload)


async def _waiting(client, which):
    after = 0
    while True:
        rows = await client.execute_query_dict(
            f"SELECT id, kind, dedup_key, payload FROM jobs WHERE {which} AND done_at IS NULL AND dead_at IS NULL "
            f"AND id > {after} ORDER BY id LIMIT {BATCH}"
        )
        if not rows:
            return
        for row in rows:
            payload = row["payload"]
            yield row | {"payload": json.loads(payload) if isinstance(payload, str) else payload}
        after = rows[-1]["id"]


async def _write(client, number, kind, payload):
    mark = ("?", "?", "?") if client.capabilities.dialect == "sqlite" else ("$1", "$2", "$3")
    await client.execute_query(
        f"UPDATE jobs SET kind = {mark[0]}, payload = {mark[1]} WHERE id = {mark[2]}", [kind, json.dumps(payload), number]
    )


class Migration(migrations.Migration):
    dependencies = [('models', '0012_payment_method_removed')]

    initial = False

    operations = [
        ops.CreateModel(
            name='MailDelivery',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=200)),
                ('letter', fields.CharField(max_length=64)),
                ('topic', fields.CharField(max_length=16)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', null=True, db_constraint=True, to_field='id', related_name='mail_deliveries', on_delete=OnDelete.CASCADE)),
                ('address_hash', fields.CharField(null=True, max_length=32)),
                ('message_id', fields.CharField(null=True, max_length=255)),
                ('status', fields.CharEnumField(description='SENT: SENT\nSUPPRESSED: SUPPRESSED\nUNWANTED: UNWANTED\nOBSOLETE: OBSOLETE\nEXPIRED: EXPIRED\nREJECTED: REJECTED\nGIVEN_UP: GIVEN_UP\nBOUNCED: BOUNCED\nCOMPLAINED: COMPLAINED', enum_type=DeliveryStatus, max_length=16)),
                ('code', fields.IntField(null=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'mail_deliveries', 'app': 'models', 'indexes': [Index(fields=['user']), Index(fields=['at']), Index(fields=['message_id'])], 'pk_attr': 'id', 'table_description': 'The end of one letter: neither its words nor its address, of which a keyed hash is kept.'},
            bases=['Model'],
        ),
        ops.RunPython(become_one_kind, become_many_kinds),
    ]
