"""What was learnt of the intents, kept for the space that serves: once a process and space, in the background."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from core.errors import Unavailable

if TYPE_CHECKING:
    from adapters.embeddings import Embeddings, Space
    from services.intents.classifying import Classifier
    from services.intents.declaring import Intents

LEARNING_DEADLINE = 30.0
"""Seconds for embedding all phrasings: about one with the local model, longer while the catalogue is embedded."""

log = structlog.get_logger(__name__)


class IntentKeeper:
    """The list of intents, and the classifier of the present space."""

    def __init__(self, intents: Intents) -> None:
        self.intents = intents
        self._learning: tuple[Space, asyncio.Task[Classifier | None]] | None = None

    async def classifier(self, embeddings: Embeddings) -> Classifier:
        """What was learnt in the space of `embeddings`.

        Who asks first begins it, and all who come meanwhile wait for the same. One who gives up does not end it; what
        failed is begun anew by the next. Raises Unavailable.
        """
        space = embeddings.space
        if self._learning is None or self._learning[0] != space or _failed(self._learning[1]):
            self._learning = (space, asyncio.create_task(self._learn(embeddings)))
        found = await asyncio.shield(self._learning[1])
        if found is None:
            raise Unavailable
        return found

    async def _learn(self, embeddings: Embeddings) -> Classifier | None:
        """The classifier; None when the phrasings could not be embedded."""
        from services.intents import classifying  # ruff: ignore[import-outside-top-level] -- it imports NumPy

        lists = [*(intent.phrasings for intent in self.intents.intents.values()), self.intents.outside]
        try:
            rows = await embeddings.embed([text for texts in lists for text in texts], deadline=LEARNING_DEADLINE)
        except Unavailable:
            log.warning("intents.not_learnt", model=embeddings.space.model)
            return None
        vectors, start = [], 0
        for texts in lists:
            vectors.append(rows[start : start + len(texts)])
            start += len(texts)
        *inside, outside = vectors
        return await asyncio.to_thread(classifying.learn, list(self.intents.intents), inside, outside)


def _failed(task: asyncio.Task[Classifier | None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None or task.result() is None)
