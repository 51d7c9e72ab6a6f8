"""`make clock ADVANCE=14d`: moves the clock of a server that runs, and everything that asks it for time."""

import asyncio
import re
import sys
from datetime import datetime, timedelta

from core import program
from core.errors import BadUserInput
from core.settings import Settings, SettingsError
from services import clock
from services.app import open_app

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
STEP = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
UNREADABLE = "ADVANCE: a number of seconds, minutes, hours or days would be right: 90s, 15m, 36h, 14d"


def step_of(text: str) -> timedelta:
    """How far to move; not at all for an empty text. Raises SettingsError."""
    if not text:
        return timedelta(0)
    match = STEP.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise SettingsError([UNREADABLE])
    return timedelta(**{UNITS[match[2]]: int(match[1])})


async def moved(settings: Settings, step: timedelta) -> datetime:
    """The time afterwards. Raises SettingsError."""
    async with open_app(settings) as app:
        if step:
            try:
                await clock.advance(app, step)
            except BadUserInput as error:
                raise SettingsError([f"ADVANCE: {error.message}"]) from error
        return app.clock.now()


def main(settings: Settings) -> int:
    """The exit status. Raises SettingsError, Unavailable, SchemaOutdatedError."""
    step = step_of("".join(sys.argv[1:2]))
    print(f"It is {asyncio.run(moved(settings, step)):%A, %Y-%m-%d %H:%M:%S} UTC.")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
