"""`make plans-sync`: tells the payment provider what the plan file sells, from the machine that runs the server."""

import asyncio
import sys

from core import program
from core.settings import Settings
from services.app import open_app
from services.billing import sync_plans


async def synced(settings: Settings) -> list[str]:
    """The lines of the report."""
    async with open_app(settings) as app:
        return await sync_plans(app)


def main(settings: Settings) -> int:
    """The exit status. Raises Unavailable."""
    done = asyncio.run(synced(settings))
    print(*done or ["Nothing to change: the provider sells what plans.yaml says."], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
