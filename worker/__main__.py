"""`python -m worker`: runs jobs in a process of its own, until it is told to stop."""

import asyncio
import signal
import sys

from core import program
from core.settings import Settings, SettingsError
from services.app import open_app
from worker.loop import Worker
from worker.schedule import SCHEDULE
from worker.tasks import TASKS


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    async with open_app(settings) as app:
        worker = Worker(app, TASKS, schedule=SCHEDULE)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        print("Porchlight's worker is on. Ctrl-C stops it.", flush=True)
        await worker.run()


def main(settings: Settings) -> int:
    """The exit status after an orderly stop. Raises SettingsError, Unavailable, SchemaOutdatedError."""
    if settings.jobs == "embedded":
        raise SettingsError(["JOBS: a worker of its own needs JOBS=external, for the server too"])
    asyncio.run(work(settings))
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
