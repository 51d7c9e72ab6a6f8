"""The log of letters comes and goes, and letters that wait while the database is upgraded are still sent."""

from datetime import UTC, datetime
from itertools import starmap
from typing import Any

from adapters.database import pending
from adapters.database.migrating import downgrade, migrate
from models import DeliveryStatus, Job, MailDelivery
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOTICE = {"user_id": 1, "notice": "exported", "key": "k", "to": None, "details": {}, "token_data": None}
UNPAID = {"user_id": 1, "letter": "UNPAID", "subject": "in_1", "attempt": 2}


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the table; coming up again leaves it as the models say."""
    await come_and_go(empty_database_url, "_mail_deliveries", ("mail_deliveries",), logged)


async def logged(url: str) -> None:
    """A letter for each user."""
    async with opened(url) as database, database.transaction():
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            await MailDelivery.create(
                key=f"mail.welcome:{row['id']}", letter="welcome", topic="SECURITY", user_id=row["id"],
                status=DeliveryStatus.SENT, at=NOW,
            )  # fmt: skip


async def test_waiting_letters_become_one_kind(empty_database_url: str) -> None:
    """And go back as they were. What is done, and what is no letter, stays."""
    url = empty_database_url
    names = await pending(url)
    at = next(index for index, name in enumerate(names) if name.endswith("_mail_deliveries"))
    await migrate(url, names[at - 1])
    waiting = {"mail.notice": NOTICE, "mail.billing": UNPAID, "usage.prune": {}, "trial.reminder": {"user_id": 1}}
    async with opened(url) as database, database.transaction():
        await Job.bulk_create([*starmap(job, waiting.items()), job("mail.welcome", {"user_id": 2}, done_at=NOW)])
    before = await jobs(url)
    await migrate(url)
    assert await jobs(url) == [
        ("mail.send", NOTICE | {"letter": "notice", "delivery": "mail.notice:1"}),
        ("mail.send", UNPAID | {"news": "UNPAID", "letter": "billing", "delivery": "mail.billing:1"}),
        ("usage.prune", {}),
        ("mail.send", {"user_id": 1, "letter": "trial_reminder", "delivery": "trial.reminder:1"}),
        ("mail.welcome", {"user_id": 2}),
    ]
    async with opened(url) as database, database.transaction():
        of_now = {"letter": "of_now", "delivery": "of_now:1"}
        await Job.bulk_create([job("mail.send", of_now, dedup_key="of_now:1")])
    await downgrade(url, names[at - 1])
    assert await jobs(url) == [*before, ("mail.send", {"delivery": "of_now:1"} | of_now)]


def job(kind: str, payload: dict[str, Any], **fields: Any) -> Job:
    return Job(kind=kind, payload=payload, **{"dedup_key": f"{kind}:1", "due_at": NOW, "created_at": NOW, **fields})


async def jobs(url: str) -> list[tuple[str, Any]]:
    async with opened(url) as database, database.transaction():
        return [(row.kind, row.payload) for row in await Job.all().order_by("id")]
