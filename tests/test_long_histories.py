"""Who has met twenty thousand items waits no longer, nor does anybody else: few rows are read, of the rest the ids."""

import random
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.settings import Settings
from models import Interaction, InteractionKind, Item
from services.recommendations.profile.reading import deeds_of, profile_of
from services.recommendations.profile.signals import HISTORY, Deed, told
from tests.clock import START
from tests.porchlight import Porchlight

MET = 20_000
RECORD = "mutation($e: [InteractionInput!]!) { recordInteractions(interactions: $e) { accepted duplicates } }"
ITEMS = """
INSERT INTO items (key, position, category, title, summary, tags, search, created_at, retired_at)
WITH RECURSIVE numbers AS (SELECT 1 AS number UNION ALL SELECT number + 1 FROM numbers WHERE number < $1)
SELECT 'many-' || number, 100000 + number, category, title, summary, tags, search, created_at, created_at
FROM numbers, (SELECT * FROM items ORDER BY id LIMIT 1) AS one
"""
DEEDS = """
INSERT INTO interactions (user_id, item_id, kind, idempotency_key, batch, occurred_at, created_at)
SELECT CAST($1 AS INTEGER), id,
CASE id % 4 WHEN 0 THEN 'VIEW' WHEN 1 THEN 'COMPLETE' WHEN 2 THEN 'DISMISS' ELSE 'CLICK' END,
'many-' || id, 'many', created_at, created_at FROM items
"""


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def test_the_database_tells_the_same_story(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all deeds do, when few items are read whole: signals in their order, and whatever is met or not shown."""
    monkeypatch.setattr("services.recommendations.profile.signals.HISTORY", 3)
    monkeypatch.setattr("services.recommendations.profile.reading.HISTORY", 3)
    person, chance = await porchlight.register(), random.Random(7)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- no secret
    with porchlight.app.database.bound():
        items = await Item.all().order_by("id").limit(14)
        for attempt in range(6):
            await Interaction.all().delete()
            done: dict[tuple[int, InteractionKind], Deed] = {}
            rows: list[Interaction] = []
            for number in range(attempt * 9):
                item_id, kind = chance.choice(items).id, chance.choice(list(InteractionKind))
                at = START - timedelta(seconds=chance.randrange(12) / 2)
                was = done.get((item_id, kind))
                done[item_id, kind] = Deed(item_id, kind, max(at, was.at if was else at), 1 + (was.times if was else 0))
                more: Any = {"batch": "b", "occurred_at": at, "created_at": at, "idempotency_key": str(number)}
                rows.append(Interaction(user_id=person.user_id, item_id=item_id, kind=kind, **more))
            await Interaction.bulk_create(rows)
            past = await deeds_of(person.user_id)
            assert told(past) == told(done.values())
            assert len({deed.item_id for deed in past}) <= 6


async def test_twenty_thousand_items_are_few_rows(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much was met: as many rows are read as signals are kept, and what is refused or finished is whole."""
    person, app = await porchlight.register(), porchlight.app
    await app.database.execute(ITEMS, [MET])
    await app.database.execute(DEEDS, [person.user_id])
    read: list[int] = []

    async def counted(sql: str, values: Any = ()) -> list[dict[str, Any]]:
        found = await app.database.rows(sql, values)
        read.append(len(found))
        return found

    monkeypatch.setattr("services.recommendations.profile.reading.rows", counted)
    with app.database.bound():
        profile = await profile_of(app, person.user_id)
        ids: Any = await Item.all().values_list("id", flat=True)
        [item, *_] = await Item.all().order_by("id").limit(1)
    assert len(profile.history) == HISTORY
    assert profile.met == set(ids)
    assert profile.finished == {number for number in ids if number % 4 == 1}
    assert profile.refused == {number for number in ids if number % 4 == 2}
    event = {"itemId": encode_id("Item", item.id), "kind": "SAVE"}
    recorded = await porchlight.ask(RECORD, {"e": [event, event]}, token=person.access_token)
    assert recorded["recordInteractions"] == {"accepted": 2, "duplicates": 0}
    assert len(read) == 2
    assert max(read) <= 2 * HISTORY + len(InteractionKind)
