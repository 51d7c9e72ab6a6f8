"""The jobs that fit a model to what people did: every hour, and as soon as enough is new."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from models.collaborative import CollaborativeModel
from models.recommendations import Interaction, InteractionKind
from services.recommendations.collaborative.following import CHANNEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tortoise.queryset import QuerySet

    from services.app import App

    Rows = list[NDArray[np.float64]]

FIT = "collaborative.fit"
LOOK = "collaborative.look"
LIKED = (InteractionKind.CLICK, InteractionKind.SAVE, InteractionKind.COMPLETE)
"""What speaks for an item. That it was on a screen was our choice, not theirs."""
REFUSED = (InteractionKind.DISMISS, InteractionKind.DISLIKE)
CHUNK = 2_000
"""Interactions that are read at once: they hold the loop for some milliseconds."""
MOST_READ = 5_000_000
"""Interactions that are learnt from, the newest: 160 MB."""
NEW_ENOUGH = 100
"""New interactions that are worth another model, unless a twentieth of those of the last one is more."""
KEPT = 2
"""Models that stay: the newest, and the one before it for a process that cannot read the newest."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Fitted:
    """A model as bytes, and how much went into it."""

    kind: str
    items: int
    people: int
    interactions: int
    content: bytes


async def fit(app: App, _: dict[str, Any]) -> None:
    """Fit a model to all that may be learnt from, and tell every process. Where nothing ever was, there is none."""
    rows, newest = await _read()
    if not newest and not await CollaborativeModel.exists():
        return
    made = await asyncio.to_thread(_fitted, rows)
    row = CollaborativeModel(
        format=_format(),
        kind=made.kind,
        items=made.items,
        people=made.people,
        interactions=made.interactions,
        newest_interaction=newest,
        fitted_at=app.clock.now(),
        sha256=hashlib.sha256(made.content).hexdigest(),
        content=made.content,
    )
    async with app.database.transaction():
        await row.save()
        ids = await CollaborativeModel.all().order_by("-id").limit(KEPT).values_list("id", flat=True)
        await CollaborativeModel.filter(id__lt=min(ids)).delete()
    await app.bus.publish(CHANNEL, "")
    log.info("collaborative.fitted", kind=row.kind, items=row.items, people=row.people, interactions=row.interactions)


async def fit_when_worth_it(app: App, told: dict[str, Any]) -> None:
    """Fit a model when enough has happened since the last one. Two queries when it has not."""
    last = await CollaborativeModel.all().order_by("-id").first().values("interactions", "newest_interaction")
    seen, read = (last["newest_interaction"], last["interactions"]) if last else (0, 0)
    enough = max(NEW_ENOUGH, read // 20)
    if await _learnt_from().filter(id__gt=seen).order_by("id").offset(enough - 1).first():
        await fit(app, told)


def _learnt_from() -> QuerySet[Interaction]:
    """What is learnt from: what people liked or refused of items that are there. Who wants no part is left out here."""
    return Interaction.filter(kind__in=[*LIKED, *REFUSED], item__retired_at=None)


async def _read() -> tuple[Rows, int]:
    """What was liked or refused, from the newest on, and the number of the newest."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    chunks: Rows = []
    newest = below = 0
    for _ in range(MOST_READ // CHUNK):
        query = _learnt_from().filter(id__lt=below) if below else _learnt_from()
        read: Any = query.order_by("-id").limit(CHUNK).values_list("id", "user_id", "item_id", "occurred_at", "kind")
        rows = await read
        newest = newest or (rows[0][0] if rows else 0)
        chunks.append(
            np.array([(who, what, when.timestamp(), kind in LIKED) for _, who, what, when, kind in rows], np.float64)
        )
        if len(rows) < CHUNK:
            break
        below = rows[-1][0]
    return chunks, newest


def _fitted(rows: Rows) -> Fitted:
    """A model of what was liked and not refused later."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    from services.recommendations.collaborative import fitting  # ruff: ignore[import-outside-top-level] -- as above

    people, items, times, liked = np.concatenate([each.reshape(-1, 4) for each in rows]).T
    judged = fitting.Met(people.astype(np.int64), items.astype(np.int64), times)
    met = fitting.bounded(judged, liked.astype(np.bool_))
    model = fitting.fitted(met)
    return Fitted(model.kind, len(model.items), len(np.unique(met.people)), len(people), model.encoded())


def _format() -> int:
    from services.recommendations.collaborative.model import FORMAT  # ruff: ignore[import-outside-top-level] -- start time

    return FORMAT
