"""What is awaited of a selection or of a list, as graphql-core awaits it: in tasks only where there are several."""

from collections.abc import Awaitable
from typing import Any

from graphql.pyutils import gather_with_cancel

Late = dict[str, Awaitable[Any]]
"""The awaitables of a selection by their response keys, in order."""


async def gathered(data: dict[str, Any], late: Late) -> dict[str, Any]:
    """A selection with its late values."""
    if len(late) == 1:
        ((key, value),) = late.items()
        data[key] = await value
    else:
        data.update(zip(late, await gather_with_cancel(*late.values()), strict=True))
    return data


async def gathered_items(done: list[Any], late: list[int]) -> list[Any]:
    """A list with the items of these indices awaited."""
    if len(late) == 1:
        done[late[0]] = await done[late[0]]
    else:
        items = await gather_with_cancel(*(done[index] for index in late))
        for index, item in zip(late, items, strict=True):
            done[index] = item
    return done
