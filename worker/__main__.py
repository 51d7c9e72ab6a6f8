"""`python -m worker`: runs jobs in a process of its own, until it is told to stop."""

import asyncio
import signal
import socket
import sys

from core import program
from core.listening import bound_socket, having
from core.settings import Settings, SettingsError
from services.app import open_app
from worker.endpoints import answering
from worker.loop import Worker
from worker.schedule import SCHEDULE
from worker.tasks import TASKS


async def work(settings: Settings, listener: socket.socket | None = None) -> None:
    """Run jobs until SIGTERM or SIGINT, and tell meanwhile at `listener`, if there is one, how that goes."""
    async with open_app(settings) as app, answering(app, listener):
        worker = Worker(app, TASKS, schedule=SCHEDULE)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            app.draining = True
            worker.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        print("Porchlight's worker is on. Ctrl-C stops it.", flush=True)
        await worker.run()


def main(settings: Settings) -> int:
    """The exit status after an orderly stop. Raises SettingsError, Unavailable, SchemaOutdatedError."""
    if settings.jobs == "embedded":
        raise SettingsError(["JOBS: a worker of its own needs JOBS=external, for the server too"])
    if not settings.worker_port:
        asyncio.run(work(settings))
        return 0
    place = settings.host, settings.worker_port, "WORKER_PORT"
    with bound_socket(*place) as listener:
        with having(*place):
            listener.listen()
        asyncio.run(work(settings, listener))
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))
