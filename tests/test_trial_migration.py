"""Migration 0005 over trials that are there: their facts stay, and their ends become due."""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.database.migrating import downgrade, migrate
from models import Event, Trial, TrialChange
from tests.services.schemas import count, opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DECIDED = {"ada": "NULL, NULL", "grace": "$1, NULL", "emmy": "NULL, $1"}


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Who has decided nothing is due at the end; going back loses what is new, and nothing else."""
    url = empty_database_url
    await migrate(url, "0004_trial_quotas")
    async with opened(url) as database:
        now = NOW if database.dialect == "postgres" else NOW.isoformat(" ")
        end = NOW + timedelta(days=14) if database.dialect == "postgres" else (NOW + timedelta(days=14)).isoformat(" ")
        for number, (name, decided) in enumerate(DECIDED.items(), start=1):
            await database.execute(
                "INSERT INTO users (email, email_key, password_hash, role, created_at)"
                " VALUES ($2, $2, '-', 'USER', $1)",
                [now, name],
            )
            # ruff: ignore[hardcoded-sql-expression] -- the test's own words
            await database.execute(
                "INSERT INTO trials (user_id, person_key, plan_key, started_at, ends_at, version, converted_at,"
                f" canceled_at) VALUES ($3, $4, 'pro-monthly', $1, $2, 1, {decided})",
                [now, end, number, name],
            )
    for again in (False, True):
        await migrate(url)
        assert await count(url, "trials", "events", "trial_changes") == [3, 0, 0]
        async with opened(url) as database:
            with database.bound():
                trials = await Trial.all().order_by("id")
                due = [NOW + timedelta(days=14), None, None]
                assert [trial.due_at for trial in trials] == due
                assert {(trial.end_policy, trial.revert_to, trial.pauses) for trial in trials} == {
                    ("REVERT", "free", 0)
                }
                assert {trial.ends_at for trial in trials} == {NOW + timedelta(days=14)}
                change: dict[str, Any] = {"from_status": None, "to_status": "ACTIVE", "ends_at": NOW, "at": NOW}
                await TrialChange.create(trial=trials[0], version=1, kind="STARTED", **change)
                await Event.create(name="trial.started", version=1, user_id=1, at=NOW, properties={})
        if not again:
            await downgrade(url, "0004_trial_quotas")
            assert await count(url, "trials", "users") == [3, 3]
