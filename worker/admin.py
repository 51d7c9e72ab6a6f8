"""`make admin EMAIL=…`: makes an existing user an administrator, from the machine that runs the server."""

import asyncio
import sys

from core.environment import load_settings
from core.settings import Settings, SettingsError
from services import accounts
from services.app import open_app


async def promote(settings: Settings, email: str) -> bool:
    """Whether there was such a user."""
    async with open_app(settings):
        return await accounts.make_administrator(email)


def main() -> int:
    """The exit status: 0 when done, 1 when there is no such user, 2 for wrong settings or no address."""
    email = "".join(sys.argv[1:2])
    if not email:
        print("Whom to make an administrator? make admin EMAIL=somebody@example.com", file=sys.stderr)
        return 2
    try:
        done = asyncio.run(promote(load_settings(), email))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{email} is an administrator." if done else f"Nobody has registered with {email}.")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
