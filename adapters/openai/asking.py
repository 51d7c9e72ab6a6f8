"""Questions to OpenAI, each with a total deadline, behind one breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import structlog

from adapters.openai.costs import COSTS, Costs
from core.breaker import Breaker
from core.errors import PorchlightError, Unavailable

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic import BaseModel

T = TypeVar("T")
Shape = TypeVar("Shape", bound="BaseModel")

FAIR = 2.0
"""Seconds that a vendor must have had: who waits for less and goes away tells others nothing of it."""
QUOTA_REST = 300.0
"""Seconds without a question once the account has no money left: no retry helps before somebody pays."""

log = structlog.get_logger(__name__)


class Refused(PorchlightError):
    """The model, or the vendor's policy, will not answer this question. Asking again is of no use."""

    message = "This cannot be looked at."


class NotAsked(Unavailable):
    """It is certain that nothing was billed: no question went out, or the vendor turned it away unread.

    Any other Unavailable may have cost something, an answer that came too late above all.
    """


@dataclass(frozen=True)
class Asked(Generic[T]):
    """An answer, and what it cost in tokens."""

    value: T
    input_tokens: int
    output_tokens: int


class OpenAI:
    """One vendor. The client is made at the first question: its import takes 0.6 s, and without a key it raises."""

    def __init__(self, *, key: str, base_url: str = "", breaker: Breaker | None = None) -> None:
        self.breaker = breaker or Breaker()
        self._key = key
        self._base_url = base_url
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Make the client before the first question, whose deadline may be shorter than that takes."""
        await self._opened()

    async def close(self) -> None:
        """End its connections."""
        if self._client is not None:
            await self._client.close()

    async def ask(
        self, question: Callable[[AsyncOpenAI], Awaitable[T]], *, deadline: float, model: str | None = None
    ) -> T:
        """What the SDK gives, within `deadline` seconds in all, one retry included. `model` is told to the log.

        Raises NotAsked where nothing can have been billed, Unavailable for whatever else kept it from an answer that
        can be read, Refused, and whatever the caller's own time limit raises: that may have been billed, too.
        """
        if deadline <= 0 or not self.breaker.admits():
            raise NotAsked(retry_after=max(1.0, self.breaker.retry_after))
        costs = Costs()
        try:
            async with asyncio.timeout(deadline):
                found = await self._asked(question, costs)
        except Refused:
            self.breaker.succeeded()
            raise
        except asyncio.CancelledError:
            self.breaker.abandoned()
            raise
        except Exception as fault:
            hasty = isinstance(fault, TimeoutError) and deadline < FAIR
            raise self._failure(fault, model, costs, hasty=hasty) from fault
        self.breaker.succeeded()
        return found

    async def structured(
        self,
        shape: type[Shape],
        *,
        model: str,
        instructions: str,
        content: Sequence[dict[str, Any]],
        most_tokens: int,
        safety_identifier: str,
        deadline: float,
    ) -> Asked[Shape]:
        """The model's answer in the given shape; nothing is stored with the vendor. Raises Unavailable, Refused.

        `content` are parts of one message of the user's, as the Responses API has them.
        """

        async def question(client: AsyncOpenAI) -> Asked[Shape]:
            answer = await client.responses.parse(
                model=model,
                instructions=instructions,
                input=[{"role": "user", "content": list(content)}],  # type: ignore[misc, list-item]
                text_format=shape,
                max_output_tokens=most_tokens,
                safety_identifier=safety_identifier,
                store=False,
            )
            if answer.output_parsed is None:
                raise Refused
            usage = answer.usage
            return Asked(
                answer.output_parsed, usage.input_tokens if usage else 0, usage.output_tokens if usage else most_tokens
            )

        return await self.ask(question, deadline=deadline, model=model)

    async def _asked(self, question: Callable[[AsyncOpenAI], Awaitable[T]], costs: Costs) -> T:
        client = await self._opened()
        noting = COSTS.set(costs)
        try:
            return await question(client)
        finally:
            COSTS.reset(noting)

    async def _opened(self) -> AsyncOpenAI:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
            return self._client

    def _open(self) -> AsyncOpenAI:
        import openai  # ruff: ignore[import-outside-top-level] -- 0.6 s that only who asks it pays

        from adapters.openai.sending import Telling  # ruff: ignore[import-outside-top-level] -- as above

        base = self._base_url or None
        return openai.AsyncOpenAI(
            api_key=self._key, base_url=base, timeout=10.0, max_retries=1, http_client=Telling(timeout=10.0)
        )

    def _failure(self, fault: Exception, model: str | None, costs: Costs, *, hasty: bool) -> Unavailable:
        """What the caller is told; the breaker is told first.

        What the vendor would not do for this one question, it would do for the next: it does not open the breaker,
        or one person's pictures could close the way for all. Nor does a caller who was `hasty`.
        """
        import openai  # ruff: ignore[import-outside-top-level] -- as above; here it has long been imported
        import pydantic  # ruff: ignore[import-outside-top-level] -- as above

        quota = isinstance(fault, openai.APIStatusError) and fault.code == "insufficient_quota"
        if isinstance(fault, openai.NotFoundError) and fault.code == "model_not_found":
            log.error("openai.model_not_found", model=model)
        of_the_question = (
            openai.BadRequestError,
            openai.NotFoundError,
            openai.UnprocessableEntityError,
            pydantic.ValidationError,
        )
        if isinstance(fault, of_the_question):
            self.breaker.succeeded()
        elif hasty:
            self.breaker.abandoned()
        else:
            self.breaker.failed(rest=QUOTA_REST if quota else None)
        log.warning("openai.failed", cause=type(fault).__name__, model=model, quota=quota, breaker=self.breaker.state)
        kind = Unavailable if costs.possible else NotAsked
        return kind(retry_after=max(1.0, self.breaker.retry_after))
