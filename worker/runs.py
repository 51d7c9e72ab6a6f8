"""`make schedule`: shows what happens again and again, and how it last went."""

import asyncio
import sys

from core import program
from core.settings import Settings
from models.schedule import ScheduleRun
from services import schedule
from services.app import App, open_app

HEAD = ("WORK", "EVERY", "LAST DONE", "LAST ATTEMPT", "MISSED")


async def show(settings: Settings) -> list[str]:
    """A line for each kind of work, of the database that the settings name."""
    async with open_app(settings) as app:
        return await report(app)


async def report(app: App) -> list[str]:
    """A line for each kind of work, under a head."""
    table = [HEAD, *map(_line, await schedule.overview(app))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]


def _line(row: ScheduleRun) -> tuple[str, ...]:
    done = f"{row.succeeded_at:%Y-%m-%d %H:%M:%S}" if row.succeeded_at else "never"
    last = f"{row.outcome} {row.error or ''}".strip() if row.outcome else "-"
    return (row.kind, f"{row.every} s", done, last, str(row.missed))


def main(settings: Settings) -> int:
    """The exit status: 0."""
    print(*asyncio.run(show(settings)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
