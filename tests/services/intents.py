"""What is learnt of the intents, learnt once for all servers that a test process starts."""

from collections.abc import Awaitable, Callable

import pytest

from services.intents import IntentKeeper, read_intents, resolving
from tests.porchlight import Porchlight
from tests.services.embeddings import EMBEDDINGS

KEPT = IntentKeeper(read_intents())


async def knowing(
    start: Callable[..., Awaitable[Porchlight]], monkeypatch: pytest.MonkeyPatch, **changes: str
) -> Porchlight:
    """A server that has learnt, and whose questions have time on a machine that is busy with other tests."""
    monkeypatch.setattr(resolving, "DEADLINE", 30.0)
    await KEPT.classifier(EMBEDDINGS)
    porchlight = await start(**changes)
    porchlight.app.intents = KEPT
    return porchlight
