"""A script of Node that holds a conversation: it wishes for what happens in the world, and tells what it saw."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.clients.building import Project

BOUND = 60
"""Seconds that a conversation may last."""
Wishes = Mapping[str, Callable[[], Awaitable[None] | None]]


async def talk(
    project: Project, script: str, *arguments: str, wishes: Wishes | None = None, **environment: str
) -> dict[str, Any]:
    """What a bundled script tells at its end, with each of its wishes granted meanwhile."""
    process = await asyncio.create_subprocess_exec(
        project.node,
        project.folder / "bundles" / "node" / f"{script}.mjs",
        *arguments,
        cwd=project.folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(BOUND):
            async for line in process.stdout:
                said = line.decode().strip()
                if said.startswith("{"):
                    told: dict[str, Any] = json.loads(said)
                    return told
                granted = (wishes or {})[said]()
                if granted is not None:
                    await granted
                process.stdin.write(b"done\n")
            raise AssertionError((await process.stderr.read()).decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
