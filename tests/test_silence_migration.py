"""The tables of who gets no mail come and go over a database that people already use."""

from datetime import UTC, datetime

from models import MailPreference, MailSuppression, SuppressionReason
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TABLES = ("mail_preferences", "mail_suppressions")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the two tables and nothing else; coming up again leaves them empty and as the models say."""
    await come_and_go(empty_database_url, "_mail_preferences", TABLES, said)


async def said(url: str) -> None:
    """A row of each table for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            async with database.transaction():
                await MailPreference.create(user_id=row["id"], topic="TRIAL", wanted=False, changed_at=NOW)
                await MailSuppression.create(
                    address_hash=f"{row['id']:032x}", reason=SuppressionReason.BOUNCE, since=NOW, lifted_at=NOW
                )
