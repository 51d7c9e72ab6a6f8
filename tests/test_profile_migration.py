"""Migration 0024: interests part with their vectors and come back to them; what was erased does not come back."""

from typing import Any

import numpy as np
import pytest
from tortoise.exceptions import IntegrityError

from adapters.database import Database, pending
from adapters.database.migrating import downgrade, migrate
from models import Interest, InterestSource, InterestVector, User
from tests.clock import START
from tests.services.schemas import opened, shapes_of

VECTOR = np.arange(4, dtype=np.float32).tobytes()
OLD = "SELECT topic, topic_key, weight, model, version, vector FROM interests ORDER BY id"


async def before(url: str) -> str:
    """The migration before it."""
    names = await pending(url)
    return names[names.index("0024_profile") - 1]


async def put(database: Database, user_id: int, *topics: str) -> None:
    """Interests as they were before."""
    for topic in topics:
        at = START if database.dialect == "postgres" else START.isoformat(" ")
        await database.execute(
            "INSERT INTO interests (user_id, topic, topic_key, weight, source, model, version, vector, created_at)"
            " VALUES ($1, $2, $3, 1.0, 'STATED', 'm', '1', $4, $5)",
            [user_id, topic, topic.lower(), VECTOR, at],
        )


async def users(database: Database) -> list[int]:
    """Two people."""
    for name in ("ada", "grace"):
        at = START if database.dialect == "postgres" else START.isoformat(" ")
        await database.execute(
            "INSERT INTO users (email, email_key, password_hash, role, created_at) VALUES ($1, $1, '-', 'USER', $2)",
            [name, at],
        )
    return [row["id"] for row in await database.rows("SELECT id FROM users ORDER BY id")]


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Vectors move with their space; two spellings of one topic become the older row; all are personalized."""
    url = empty_database_url
    target = await before(url)
    await migrate(url, target)
    old = await shapes_of(url)
    async with opened(url) as database:
        ada, grace = await users(database)
        await put(database, ada, "Personal-Finance", "personal finance", "tea")
        await put(database, grace, "personal finance")
    await migrate(url, "0024_profile")
    whole = await shapes_of(url)
    async with opened(url) as database:
        with database.bound():
            rows = await Interest.all().order_by("id")
            assert [(row.user_id, row.topic, row.topic_key, row.evidence, row.erased_at) for row in rows] == [
                (ada, "Personal-Finance", "personal finance", 0, None),
                (ada, "tea", "tea", 0, None),
                (grace, "personal finance", "personal finance", 0, None),
            ]
            vectors = await InterestVector.all().order_by("interest_id")
            assert [(row.interest_id, row.model, row.dimension, row.version, row.vector) for row in vectors] == [
                (row.id, "m", 4, "1", VECTOR) for row in rows
            ]
            assert await User.filter(personalization=True).count() == 2
            again: Any = {"interest_id": rows[0].id, "model": "m", "dimension": 4, "version": "1", "vector": VECTOR}
            with pytest.raises(IntegrityError):
                await InterestVector.create(**again)
            await InterestVector.create(**{**again, "version": "2"})
            more: Any = {"user_id": grace, "weight": 0.5, "source": InterestSource.IMAGE, "created_at": START}
            await Interest.create(**more, topic="maps", topic_key="maps")
            await Interest.create(**more, topic="gone", topic_key="gone", erased_at=START)
    await downgrade(url, target)
    assert await shapes_of(url) == old
    async with opened(url) as database:
        found = [tuple(row.values()) for row in await database.rows(OLD)]
    assert found == [
        ("Personal-Finance", "personal finance", 1.0, "m", "2", VECTOR),
        ("tea", "tea", 1.0, "m", "1", VECTOR),
        ("personal finance", "personal finance", 1.0, "m", "1", VECTOR),
        ("maps", "maps", 0.5, "", "", b""),
    ]
    await migrate(url, "0024_profile")
    assert await shapes_of(url) == whole
    async with opened(url) as database:
        with database.bound():
            assert await Interest.all().count() == 4
            assert await InterestVector.all().count() == 3
