"""What is asked with an address that has an account or has none. One line an operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.operations import LOGIN

WRONG = "a password of nobody here"
RESET = "mutation($email: String!) { requestPasswordReset(email: $email) }"


@dataclass(frozen=True)
class Operation:
    """An operation whose answer must be the same for everybody. `variables` are those that ask about an address."""

    name: str
    query: str
    variables: Callable[[str], dict[str, Any]]
    expected: str
    """What each answer contains."""


OPERATIONS = (
    Operation("login", LOGIN, lambda email: {"input": {"email": email, "password": WRONG}}, "InvalidCredentials"),
    Operation("requestPasswordReset", RESET, lambda email: {"email": email}, '"requestPasswordReset":true'),
)
