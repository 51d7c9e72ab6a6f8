"""The public suites of npm, installed from this folder's lock and run against a server of this process."""

import asyncio
import fcntl
import json
from pathlib import Path
from typing import Any

from benchmarks.node import installed

HERE = Path(__file__).parent


def node() -> Path:
    """The interpreter, with what this folder locks: several test processes wait for the first."""
    with (HERE / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return installed(HERE)


async def run(script: str, *arguments: str) -> Any:
    """What a script of this folder prints, within a minute."""
    interpreter = await asyncio.to_thread(node)
    process = await asyncio.create_subprocess_exec(
        interpreter, HERE / script, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return json.loads(printed)
