"""The three families of failure.

    PorchlightError
    ├── Refusal          expected: data for the caller, a member of a mutation's result union
    ├── Rejection        the operation may not run: a top-level error with a code
    │   ├── Unauthenticated
    │   ├── Forbidden
    │   ├── NotEntitled(feature)
    │   ├── StepUpRequired
    │   ├── RateLimited(retry_after)
    │   ├── NotFound
    │   └── BadUserInput
    └── Unavailable(retry_after)   a vendor, a lock or our own capacity: try again later

Everything else is a bug: masked, logged with its trace, answered as INTERNAL.
"""

from typing import Any, ClassVar


class PorchlightError(Exception):
    """Root of all failures that are meant to happen. `message` is written for the caller."""

    message: str = "Something went wrong."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(self.message)


class Refusal(PorchlightError):
    """An expected no. Named as a state, carries the data that a client needs to go on."""


class Rejection(PorchlightError):
    """The caller may not run this operation. `code` stands in the contract's list."""

    code: ClassVar[str]


class Unauthenticated(Rejection):
    """No valid credentials came with the request."""

    code = "UNAUTHENTICATED"
    message = "Sign in to do this."


class Forbidden(Rejection):
    """The viewer is known and lacks the permission."""

    code = "FORBIDDEN"
    message = "You may not do this."


class NotEntitled(Rejection):
    """The viewer's plan does not include the feature whose key is `feature`."""

    code = "NOT_ENTITLED"
    message = "Your plan does not include this."

    def __init__(self, feature: str) -> None:
        super().__init__()
        self.feature = feature


class StepUpRequired(Rejection):
    """The viewer must show again who they are, with the strongest factor that the account has."""

    code = "STEP_UP_REQUIRED"
    message = "Confirm that it is you, then try again."


class NotFound(Rejection):
    """There is no such thing, or it belongs to somebody else: the two are not told apart."""

    code = "NOT_FOUND"
    message = "Not found."


class BadUserInput(Rejection):
    """The input has the right shape and a wrong value."""

    code = "BAD_USER_INPUT"
    message = "The input is not valid."


class TooComplex(Rejection):
    """The document asks for more than one request may."""

    code = "QUERY_TOO_COMPLEX"
    message = "The document asks for too much."


class RateLimited(Rejection):
    """Too many tries. `retry_after` is in seconds; `challenge` is what lets a try pass before, where there is one."""

    code = "RATE_LIMITED"
    message = "Too many requests."

    def __init__(self, retry_after: float, *, challenge: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.challenge = challenge


class Unavailable(PorchlightError):
    """A vendor or our own capacity is at its limit. `retry_after` is in seconds."""

    message = "The service is busy. Try again shortly."

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
