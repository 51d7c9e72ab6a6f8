"""`python -m worker`: runs jobs in a process of its own, until it is told to stop."""

import asyncio
import signal
import sys

from core.environment import load_settings
from core.logging import configure_logging
from core.settings import Settings, SettingsError
from services.app import open_app
from worker.loop import Worker
from worker.tasks import TASKS


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    async with open_app(settings) as app:
        worker = Worker(app, TASKS)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        await worker.run()


def main() -> int:
    """The exit status: 0 after an orderly stop, 2 for wrong settings."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if settings.jobs == "embedded":
        print("JOBS: a worker of its own needs JOBS=external, for the server too", file=sys.stderr)
        return 2
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(work(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
