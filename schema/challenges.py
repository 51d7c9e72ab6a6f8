"""Challenges: what a caller has to solve before it may try again."""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from core.errors import Refusal
from schema.enums import described
from schema.errors import Error
from services import challenges

ChallengeKind = described(
    challenges.ChallengeKind,
    "What a challenge asks for.",
    {
        "PROOF_OF_WORK": "Work of a second or less, which the altcha widget or `altcha-lib` does in any browser.",
        "EMAIL_CODE": "The code of a letter to the address.",
    },
)


@strawberry.type(description="Solve the challenge, then send the same input with its answer in `challengeAnswer`.")
class ChallengeRequired(Error):
    """A challenge for one action and one address. Its answer works once, for ten minutes."""

    kind: ChallengeKind = strawberry.field(description="What has to be solved.")  # type: ignore[valid-type]
    parameters: JSON = strawberry.field(
        description="What the solver needs: for PROOF_OF_WORK, altcha's challenge; for EMAIL_CODE, `sentTo` (an address"
        " that is not spelled out), `expiresAt`, `digits` and `attemptsLeft`."
    )

    @classmethod
    def of(cls, refusal: Any) -> "ChallengeRequired":
        """The refusal as data."""
        return cls(message=refusal.message, kind=refusal.kind, parameters=refusal.parameters)


REFUSALS: dict[type[Refusal], type[Error]] = {challenges.ChallengeRequired: ChallengeRequired}
