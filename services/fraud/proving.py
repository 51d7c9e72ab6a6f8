"""What a challenge's answer proves, and which challenge is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services import challenges, email_codes
from services.challenges import ChallengeKind, ChallengeRequired

if TYPE_CHECKING:
    from core.emails import Email
    from services.app import App
    from services.sessions import Client

CODE = re.compile(r"\s*[0-9]{3}\s?[0-9]{3}\s*", re.ASCII)
"""How people type a code of six digits."""


async def proven(app: App, *, client: Client, address: Email, answer: str | None) -> tuple[str, ...]:
    """The kinds of challenges that the answer to one passes. It is spent by this. Not inside a transaction.

    A wrong code counts as a try. Raises RateLimited when too many letters were asked for.
    """
    if not answer:
        return ()
    try:
        if CODE.fullmatch(answer):
            if not await email_codes.asked(app, challenges.REGISTER, address):
                return ()
            await email_codes.require(app, challenges.REGISTER, client=client, address=address, answer=answer)
            return (ChallengeKind.EMAIL_CODE,)
        await challenges.require(app, challenges.REGISTER, client=client, address=address.key, answer=answer)
    except ChallengeRequired:
        return ()
    return (ChallengeKind.PROOF_OF_WORK,)


async def ask(app: App, *, client: Client, address: Email, kind: ChallengeKind) -> None:
    """Ask for work, or for a code that is mailed to the address.

    Raises ChallengeRequired, RateLimited.
    """
    if kind is ChallengeKind.EMAIL_CODE:
        await email_codes.require(app, challenges.REGISTER, client=client, address=address, answer=None)
    await challenges.require(app, challenges.REGISTER, client=client, address=address.key, answer=None)
