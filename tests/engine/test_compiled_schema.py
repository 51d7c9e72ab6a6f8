import secrets

import pytest

from engine.engine import Engine
from engine.extension import engine_of
from server import schema_of
from tests.conftest import Start
from tests.porchlight import Porchlight

OPERATION = "query Page%s($more: Boolean = true) { me { id email @include(if: $more) trial { status secondsLeft } } }"


def first(porchlight: Porchlight) -> float | None:
    """How many operations were executed for the first time, if that is counted."""
    registry = porchlight.app.metrics.registry
    return registry.get_sample_value("porchlight_graphql_fallbacks_total", {"reason": "first"})


async def test_porchlight_executes_compiled_operations_and_counts_the_others(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first execution of a document is interpreted and counted; what follows is compiled, guards included."""
    porchlight = await start(graphql_executor="compiled")
    engine = engine_of(schema_of(porchlight.app.settings))
    assert engine is not None
    # Elsewhere in these tests an operation is compiled at once.
    monkeypatch.setattr(engine._plans, "_threshold", 2)
    person = await porchlight.register()
    before = first(porchlight) or 0
    operation = OPERATION % secrets.token_hex(4)
    answers = [await porchlight.ask(operation, token=person.access_token) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["me"]["trial"]["status"] == "ACTIVE"
    assert await porchlight.ask(operation) == {"me": None}
    assert (first(porchlight) or 0) - before == 1


async def test_an_operator_has_everything_interpreted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """GRAPHQL_EXECUTOR=interpreted leaves the engine out altogether."""
    porchlight = await start(graphql_executor="interpreted")
    person = await porchlight.register()
    monkeypatch.setattr(Engine, "execute", None)
    for _ in range(3):
        assert (await porchlight.ask("{ me { email } }", token=person.access_token))["me"]["email"] == person.email
    assert first(porchlight) is None
