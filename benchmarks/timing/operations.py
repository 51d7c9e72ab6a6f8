"""What is asked with an address that has an account or has none. One line an operation."""

from dataclasses import dataclass
from typing import Any

from benchmarks.operations import LOGIN

WRONG = "a password of nobody here"


@dataclass(frozen=True)
class Operation:
    """An operation whose answer must be the same for everybody. `input` is what its variable has besides `email`."""

    name: str
    query: str
    input: dict[str, Any]
    expected: str
    """What each answer contains."""

    def variables(self, email: str) -> dict[str, Any]:
        """The variables that ask about an address."""
        return {"input": {"email": email, **self.input}}


OPERATIONS = (Operation("login", LOGIN, {"password": WRONG}, "InvalidCredentials"),)
