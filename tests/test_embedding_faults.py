"""Vectors that come late, and spaces that are not ready in time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.embeddings import Embeddings, Space
from models import EmbeddingSpace, Interest, InterestSource, InterestVector
from services.embedding_spaces import keeping, moving
from tests.conftest import Start
from tests.services.openai import KEY, OpenAIService, openai_service

NEW = Space("text-embedding-3-small", 64, "1-64")


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIService]:
    async with openai_service() as service:
        yield service


async def test_what_readers_had_no_time_for_is_made(start: Start, vendor: OpenAIService) -> None:
    """Interests whose vectors the vendor gives too late for who states them have them by the next minute, once."""
    porchlight = await start(
        embeddings_url=f"openai://{NEW.model}?dimensions=64", openai_api_key=KEY, openai_base_url=vendor.url
    )
    ada = await porchlight.register("ada@example.com")
    app = porchlight.app
    with app.database.bound():
        await Interest.create(
            user_id=ada.user_id,
            topic="Rice",
            topic_key="rice",
            weight=1.0,
            source=InterestSource.STATED,
            created_at=app.clock.now(),
        )
        await moving.move(app, {})
        assert await InterestVector.filter(model=NEW.model, version=NEW.version).count() == 1
        assert vendor.asked[0]["body"]["input"] == ["rice"]
        vendor.asked.clear()
        await moving.move(app, {})
    assert vendor.asked == []


class Held(keeping.Unable):
    """Embeddings that know whether they were closed."""

    closed = False

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


async def test_flips_in_a_row_leave_no_model_behind(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that served before is given back with the next sign, and nothing that serves again.

    Who prepares for ever holds back neither a flip nor a sign of life.
    """
    spaces = (await start()).app.spaces
    assert spaces._task is not None
    spaces._task.cancel()  # this test follows by hand
    held: dict[str, Held] = {}

    def opened(url: str, _: Space) -> Embeddings:
        return held.setdefault(url, Held(Space(url, 8, "1")))

    async def for_ever(_: Space) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(spaces, "_open", opened)
    monkeypatch.setattr(spaces, "prepare", for_ever)
    monkeypatch.setattr(keeping, "PREPARED_WITHIN", 0.05)
    with spaces._database.bound():
        for url in ("a", "b", "a", "c", "b"):
            await spaces._serve(EmbeddingSpace(model=url, dimension=8, version="1", url=url))
        await spaces._close_formers()
    assert {url: each.closed for url, each in held.items()} == {"a": True, "b": False, "c": True}
    assert {*spaces._opened.values()} == {spaces.configured, held["b"]}
