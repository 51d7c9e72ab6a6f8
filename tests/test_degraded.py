"""What a list had to do without is told in the answer: nothing is left out silently."""

import numpy as np
import pytest

from core.cursors import encode_id
from core.settings import Settings
from models import Interest
from services import recommendations
from services.pages import Page
from services.recommendations.candidates import NO_CROWD, NO_VECTORS, NOT_READ
from services.recommendations.filters import Filter
from tests.porchlight import Porchlight
from tests.services.valkey import until
from tests.test_ranking import Crowd, numbers
from tests.test_slates import anew, feed, record, somebody


@pytest.fixture(name="settings")
def stocked(stocked_settings: Settings) -> Settings:
    """The tests of this file run over the catalogue."""
    return stocked_settings


async def test_a_history_without_vectors_is_told(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not read yet, not made yet for one item, or the crowd's model not looked for since the start: each says so."""
    person = await somebody(porchlight)
    app, token = porchlight.app, person.access_token
    await until(lambda: app.collaborative.loaded)
    app.collaborative = Crowd(popular=await numbers(porchlight, "security"))  # type: ignore[assignment]
    met = (await numbers(porchlight, "cooking"))[:3]
    await record(porchlight, token, *({"itemId": encode_id("Item", item_id), "kind": "VIEW"} for item_id in met))
    with app.database.bound():
        await Interest.all().delete()
    assert (await feed(porchlight, token))["degradedReason"] is None
    await anew(porchlight)
    with monkeypatch.context() as patch:
        patch.setattr(type(app.items), "ready", False)
        found = await feed(porchlight, token)
    assert (found["degraded"], found["degradedReason"]) == (True, NOT_READ)
    real = app.items.vector_of
    with monkeypatch.context() as patch:
        patch.setattr(app.items, "vector_of", lambda wanted: real([each for each in wanted if each != met[0]]))
        assert (await feed(porchlight, token))["degradedReason"] == NO_VECTORS
        patch.setattr(app.items, "known", {key: known for key, known in app.items.known.items() if key != met[0]})
        assert (await feed(porchlight, token))["degradedReason"] is None, "what is retired needs no vector"
    await anew(porchlight)
    with monkeypatch.context() as patch:
        patch.setattr(Crowd, "loaded", False)
        assert (await feed(porchlight, token))["degradedReason"] == NO_CROWD


async def test_a_request_in_another_space_is_told(porchlight: Porchlight) -> None:
    """The space has changed since it was embedded: the list is made without it."""
    await until(lambda: porchlight.app.items.ready)
    toward = np.ones((1, porchlight.app.embeddings.space.dimension + 1), np.float32)
    with porchlight.app.database.bound():
        slate = await recommendations.recommend(porchlight.app, None, Page(5), Filter(), toward=toward)
    assert slate.degraded_reason == NO_VECTORS
