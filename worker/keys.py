"""`make rotate-keys`: makes the next keys, and seals what is sealed anew, while everything runs on."""

import asyncio
import sys

from core import program
from core.settings import Settings
from services import keys
from services.app import open_app
from services.keys import Rotation


async def rotate(settings: Settings) -> Rotation:
    """Begin a rotation, unless one is under way."""
    async with open_app(settings) as app:
        return await keys.rotate(app)


def main(settings: Settings) -> int:
    """The exit status. Raises SettingsError, Unavailable, SchemaOutdatedError."""
    rotation = asyncio.run(rotate(settings))
    begun = "A rotation has begun" if rotation.begun else "A rotation is under way already"
    print(f"{begun}: the new keys are used from {rotation.active_at:%Y-%m-%d %H:%M:%S} UTC on,")
    print(f"and the last tokens of the old one are refused from {rotation.retired_at:%Y-%m-%d %H:%M:%S} UTC on.")
    if rotation.rewrapped:
        print(f"{rotation.rewrapped} stored keys have been sealed anew, with the first secret of SECRET_KEY.")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
