"""The tables of answers, feedback and first steps come and go over a database that people already use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.database import pending
from adapters.database.migrating import migrate
from models import AnswerOutcome, Feedback, Interaction, OnboardingStep, RequestMinute
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLES = ("feedback", "onboarding_steps", "request_minutes")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the three tables and nothing else; coming up again leaves them empty and as the models say."""
    await come_and_go(empty_database_url, "_measures", TABLES, measured)


async def measured(url: str) -> None:
    """A row of each table for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            async with database.transaction():
                await Feedback.create(user_id=row["id"], window=1, score=5, at=NOW)
                await OnboardingStep.create(user_id=row["id"], step="take-tour", done_at=NOW)
                await RequestMinute.create(
                    minute=row["id"], transport="http", outcome=AnswerOutcome.OK, within_ms=5, count=2**40
                )


async def test_who_has_come_far_has_come_so_far(empty_database_url: str) -> None:
    """Steps whose facts are known are done, at the time of the first one; of others, and of nobody else, none is."""
    names = await pending(empty_database_url)
    before = names[next(number for number, name in enumerate(names) if name.endswith("_measures")) - 1]
    await migrate(empty_database_url, before)
    async with opened(empty_database_url) as database, database.transaction():
        now = NOW if database.dialect == "postgres" else NOW.isoformat(" ")
        for name in ("ada", "bob"):
            await database.execute(
                "INSERT INTO users (email, email_key, password_hash, role, created_at, email_verified_at)"
                " VALUES ($1, $1, '-', 'USER', $2, $3)",
                [name, now, now if name == "ada" else None],
            )
        [ada, bob] = [row["id"] for row in await database.rows("SELECT id FROM users ORDER BY id")]
        await database.execute(
            "INSERT INTO items (key, position, category, title, summary, tags, search, created_at)"
            " VALUES ('k', 1, 'c', 't', 's', '[]', 't', $1)",
            [now],
        )
        [item] = [row["id"] for row in await database.rows("SELECT id FROM items")]
        for number, (user_id, source, kind) in enumerate(
            [(ada, "STATED", "SAVE"), (ada, "STATED", "CLICK"), (bob, "BEHAVIOR", "VIEW"), (bob, "IMAGE", "DISLIKE")]
        ):
            at: Any = {"user_id": user_id, "created_at": NOW - timedelta(days=number)}
            await database.execute(
                "INSERT INTO interests (user_id, topic, topic_key, weight, source, model, version, vector, created_at)"
                " VALUES ($1, $2, $2, 1.0, $3, 'm', '1', $4, $5)",
                [user_id, f"{number}", source, b"", at["created_at"] if now is NOW else str(at["created_at"])],
            )
            await Interaction.create(
                **at, item_id=item, kind=kind, idempotency_key=f"{number}", batch="b", occurred_at=NOW
            )
    await migrate(empty_database_url)
    async with opened(empty_database_url) as database:
        with database.bound():
            steps = await OnboardingStep.all().order_by("step").values_list("user_id", "step", "done_at")
    day = timedelta(days=1)
    assert steps == [
        (ada, "choose-interests", NOW - day),
        (ada, "open-recommendation", NOW - day),
        (ada, "verify-email", NOW),
    ]
