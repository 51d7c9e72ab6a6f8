"""The tables of the check of sign-ups come and go over a database that people already use."""

from datetime import UTC, datetime
from typing import Any

from models.fraud import FraudAssessment, FraudCase, FraudIdentifier, FraudKey, FraudListEntry
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLES = ("fraud_assessments", "fraud_identifiers", "fraud_keys", "fraud_cases", "fraud_list_entries")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the five tables and nothing else; coming up again leaves them empty and as the models say."""
    await come_and_go(empty_database_url, "_fraud", TABLES, checked)


async def checked(url: str) -> None:
    """A row of each table for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            name = str(row["id"])
            verdict: Any = {"score": 0.5, "decision": "REVIEW", "reasons": [], "rules_version": "1", "features": {}}
            entry: Any = {"kind": "DOMAIN", "hint": "h", "verdict": "DENY", "reason": "r", "created_at": NOW}
            async with database.transaction():
                await FraudKey.create(hash=name, touched_at=NOW)
                seen = await FraudAssessment.create(at=NOW, user_id=row["id"], **verdict)
                await FraudIdentifier.create(assessment=seen, kind="card", hash=name, at=NOW, granted=True)
                await FraudCase.create(assessment=seen, status="OPEN", created_at=NOW)
                await FraudListEntry.create(value_hash=name, expires_at=NOW, **entry)
