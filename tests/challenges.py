import altcha
import pytest
from altcha.v2 import Challenge

from services import challenges


def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Challenges that take a moment instead of a second: what is tested is not the patience of the machine."""
    monkeypatch.setattr(challenges, "FEWEST", 1)
    monkeypatch.setattr(challenges, "MOST", 5)


def solved(parameters: dict[str, object]) -> str:
    """The answer, as altcha's widget gives it."""
    challenge = Challenge.from_dict(parameters)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()
