"""Apollo Client, urql and Relay as docs/clients.md sets them up, against a running server."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from core.errors import PorchlightError, RateLimited, Unavailable
from services import access
from tests.clients.building import Project
from tests.clients.talking import Wishes, talk
from tests.pictures import plain
from tests.porchlight import Porchlight

CLIENTS = ["apollo", "urql", "relay"]


class World:
    """What happens to a server while a client talks with it."""

    def __init__(self, porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
        self._porchlight = porchlight
        self._faults: list[PorchlightError] = []
        self._waits: list[float] = []
        authenticate, hit = access.authenticate, porchlight.app.limits.hit

        async def authenticating(*arguments: Any) -> Any:
            if self._faults:
                raise self._faults.pop()
            return await authenticate(*arguments)

        async def hitting(key: str, *, limit: int, window: float) -> float:
            return self._waits.pop() if self._waits else await hit(key, limit=limit, window=window)

        monkeypatch.setattr(access, "authenticate", authenticating)
        monkeypatch.setattr(porchlight.app.limits, "hit", hitting)

    @property
    def wishes(self) -> Wishes:
        """What a client may wish for."""
        return {
            "second": lambda: self._porchlight.clock.run(1),
            "expire": lambda: self._porchlight.clock.advance(timedelta(minutes=11)),
            "limit": lambda: self._waits.append(37),
            "refuse": lambda: self._faults.append(RateLimited(41)),
            "busy": lambda: self._faults.append(Unavailable(retry_after=3)),
        }


def expected(name: str) -> dict[str, Any]:
    """What each client sees, whichever it is."""
    email = f"{name}@example.com"
    return {
        "signUp": f"Welcome, {email}",
        "again": "There is an account with this e-mail address. Sign in instead.",
        "weak": "The password needs 15 characters or more.",
        "whoAmI": email,
        "rename": "Ada",
        "staffPage": f"Not for {email}",
        "showPicture": ["baking", "orange", "colourful", "warm tones"],
        "ticks": [1_209_600, 1_209_599],
        "sessions": 5,
        "pages": 3,
        "current": 1,
        "calm": 0,
        "together": [email, "Grace", f"Not for {email}", 5],
        "expired": {"waited": [], "refreshed": 1},
        "limited": "Ada",
        "refused": email,
        "busy": email,
        "notRepeated": ["an error", {"waited": [], "refreshed": 0}],
        "ticksAfterwards": 2,
        "reopened": 1,
        "ended": "over",
        "nobody": "nobody",
        "tokens": None,
        "complained": [],
    }


@pytest.mark.parametrize("transport", ["socket", "streams"])
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_holds_its_conversation(
    porchlight: Porchlight, project: Project, monkeypatch: pytest.MonkeyPatch, name: str, transport: str
) -> None:
    """All that a frontend does; new tokens once for all who need them; nothing again before the server said so."""
    world = World(porchlight, monkeypatch)
    picture = base64.b64encode(plain()).decode()
    arguments = (name, f"{porchlight.url}/graphql", picture, transport)
    seen = await talk(project, "conversation", *arguments, wishes=world.wishes)
    for told, seconds in {"limited": 37, "refused": 41, "busy": 3}.items():
        seen[told], since = seen[told]
        [waited] = since["waited"]
        assert seconds <= waited <= 2.5 * seconds
        assert name == "urql" or waited == seconds
    assert seen == expected(name)
