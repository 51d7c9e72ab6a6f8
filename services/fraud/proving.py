"""What a challenge's answer proves, and which challenge is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services import challenges
from services.challenges import ChallengeKind, ChallengeRequired

if TYPE_CHECKING:
    from core.emails import Email
    from services.app import App
    from services.sessions import Client


async def proven(app: App, *, client: Client, address: Email, answer: str | None) -> tuple[str, ...]:
    """The kinds of challenges that the answer to one passes. It is spent by this. Not inside a transaction."""
    if not answer:
        return ()
    try:
        await challenges.require(app, challenges.REGISTER, client=client, address=address.key, answer=answer)
    except ChallengeRequired:
        return ()
    return (ChallengeKind.PROOF_OF_WORK,)


async def ask(app: App, *, client: Client, address: Email) -> None:
    """Raises ChallengeRequired."""
    await challenges.require(app, challenges.REGISTER, client=client, address=address.key, answer=None)
