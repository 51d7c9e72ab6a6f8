"""What was sent to the vendor and may have cost something, told by the connections themselves."""

from typing import Any

import httpx2
import openai

from adapters.openai.costs import COSTS, Costs


class Telling(openai.DefaultAsyncHttpxClient):
    """The SDK's own client, which writes down what may be billed: each request that was not certainly turned away.

    That is one that found no connection, or was answered with a 4xx status: the vendor has begun nothing.
    """

    async def send(self, *what: Any, **how: Any) -> httpx2.Response:
        """Send as ever. Raises what it would."""
        costs = COSTS.get() or Costs()
        before, costs.possible = costs.possible, True
        try:
            response = await super().send(*what, **how)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            costs.possible = before
            raise
        if response.is_client_error:
            costs.possible = before
        return response
