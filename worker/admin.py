"""`make admin EMAIL=…`: makes an existing user an administrator, from the machine that runs the server."""

import asyncio
import sys

from core import program
from core.settings import Settings
from services import accounts
from services.app import open_app


async def promote(settings: Settings, email: str) -> bool:
    """Whether there was such a user."""
    async with open_app(settings):
        return await accounts.make_administrator(email)


def main(settings: Settings) -> int:
    """The exit status: 0 when done, 1 when there is no such user, 2 without an address."""
    email = "".join(sys.argv[1:2])
    if not email:
        print("Whom to make an administrator? make admin EMAIL=somebody@example.com", file=sys.stderr)
        return program.WRONG_SETTINGS
    if not asyncio.run(promote(settings, email)):
        print(f"Nobody has registered with {email}.", file=sys.stderr)
        return 1
    print(f"{email} is an administrator.")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
