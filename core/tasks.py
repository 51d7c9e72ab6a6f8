"""Tasks that run beside everything else, and how they end."""

import asyncio
from contextlib import suppress


async def ended(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait until it has ended. Raises what it raised before."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
