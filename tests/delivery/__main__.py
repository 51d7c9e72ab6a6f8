"""`python -m tests.delivery COMMIT`: the drill of releases from an earlier commit to this tree and back, by hand."""

import asyncio
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.delivery.releases import THIS, Drill, Fleet, Release, check_the_ledger, environment_of
from tests.services import postgres, valkey


def release_of(commit: str, folder: Path) -> Release:
    """The tree of a commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=THIS.tree, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return Release(commit, folder)


async def drill(before: Release, url: str, redis_url: str, home: Path) -> list[str]:
    """The rows of the table."""
    before.schema(url, "migrate")
    newest = max(file.stem for file in (before.tree / "migrations").glob("[0-9]*.py"))
    rehearsed = Drill(url, Fleet(home, environment_of(url, redis_url, home)))
    try:
        await rehearsed.begin(before)
        async with rehearsed.fleet.traffic():
            applied = await rehearsed.forward(before, THIS)
            undone = await rehearsed.back(before, THIS, newest)
        assert undone == applied[::-1], (applied, undone)
        await check_the_ledger(rehearsed.fleet, url, home)
    finally:
        rehearsed.fleet.end()
    people = f"{len(rehearsed.fleet.ledger.people)} people registered, {len(applied)} migrations went both ways."
    return [*map(str, rehearsed.steps), people]


def main(commit: str) -> None:
    """Print the table."""
    server = valkey.RestartableValkey()
    with tempfile.TemporaryDirectory() as folder, postgres.running() as database:
        home = Path(folder, "home")
        home.mkdir()
        before = release_of(commit, Path(folder, "before"))
        url = postgres.finished(database.create())
        print("| step | takes | requests meanwhile | the slowest | failed |\n|---|---|---|---|---|")
        print(*asyncio.run(drill(before, url, server.url, home)), sep="\n")
    server.close()


if __name__ == "__main__":
    main(sys.argv[1])
