"""The catalogue: `catalogue.yaml` brought into rows, and rows into vectors, by one job."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import structlog

from models.jobs import Job
from models.recommendations import Item, ItemVector
from services import jobs
from services.recommendations import revisions
from services.recommendations.entries import CATALOGUE_FILE, Entry, normalised, read_entries

if TYPE_CHECKING:
    from services.app import App

__all__ = ["CATALOGUE_FILE", "PREPARE", "announce", "bring_in", "embed_items", "normalised", "prepare", "read_entries"]

PREPARE = "items.prepare"
BATCH = 64
"""Items that are embedded at once."""
_COLUMNS = [*(field.name for field in fields(Entry) if field.name != "key"), "search"]

log = structlog.get_logger(__name__)


async def announce(app: App) -> None:
    """Enqueue the preparation when the file, or the space of vectors, is another one than at the last time."""
    space = app.embeddings.space
    content = hashlib.sha256(CATALOGUE_FILE.read_bytes()).hexdigest()
    state = f"{content[:32]}:{space.model}:{space.version}"
    last = await Job.filter(kind=PREPARE).order_by("-id").first()
    if last is None or last.payload["state"] != state:
        key = f"{PREPARE}:{last.id if last else 0}:{state}"
        await jobs.enqueue(app, PREPARE, {"state": state}, dedup_key=key[:200])
        await jobs.wake(app)


async def prepare(app: App, _: dict[str, Any]) -> None:
    """Bring the file into rows, and every row that lacks a vector into the present space.

    Raises Unavailable, ItemsError.
    """
    features = {feature.key for plan in app.catalogue.plans.values() for feature in plan.features}
    await bring_in(app, read_entries(CATALOGUE_FILE, features=features))
    await embed_items(app)
    await app.bus.publish(revisions.CHANNEL, "")


async def bring_in(app: App, entries: list[Entry]) -> None:
    """Make, change and retire rows until they are the entries. What is so already is left alone."""
    now = app.clock.now()
    async with app.database.transaction():
        revision = await revisions.raised(app.database)
        present = {row.key: row for row in await Item.filter(retired_at=None)}
        wanted = {entry.key for entry in entries}
        gone = [row.id for key, row in present.items() if key not in wanted]
        for start in range(0, len(gone), BATCH):
            retired = Item.filter(id__in=gone[start : start + BATCH])
            await retired.update(retired_at=now, revision=revision)
        rows = [
            Item(**_columns(entry), created_at=now, retired_at=None, revision=revision)
            for entry in entries
            if entry.key not in present or _differs(present[entry.key], entry)
        ]
        changing = [*_COLUMNS, "retired_at", "revision"]
        for start in range(0, len(rows), BATCH):
            await Item.bulk_create(rows[start : start + BATCH], on_conflict=["key"], update_fields=changing)


def _columns(entry: Entry) -> dict[str, Any]:
    return {field.name: getattr(entry, field.name) for field in fields(entry)} | {"search": entry.words}


def _differs(row: Item, entry: Entry) -> bool:
    return any(getattr(row, name) != value for name, value in _columns(entry).items())


async def embed_items(app: App) -> None:
    """Embed what has no vector in the present space, or one of another text, a batch at a time."""
    space = app.embeddings.space
    known = dict(await ItemVector.filter(model=space.model, version=space.version).values_list("item_id", "content"))
    items = await Item.filter(retired_at=None).order_by("position")
    missing = [item for item in items if known.get(item.id) != content_of(item)]
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        vectors = await app.embeddings.embed([text_of(item) for item in batch])
        rows = [
            ItemVector(
                item_id=item.id,
                model=space.model,
                dimension=space.dimension,
                version=space.version,
                content=content_of(item),
                vector=vector.tobytes(),
            )
            for item, vector in zip(batch, vectors, strict=True)
        ]
        async with app.database.transaction():
            revision = await revisions.raised(app.database)
            for row in rows:
                row.revision = revision
            changing = ["content", "dimension", "vector", "revision"]
            await ItemVector.bulk_create(rows, on_conflict=["item_id", "model", "version"], update_fields=changing)
        log.info("catalogue.embedded", done=start + len(batch), total=len(missing))


def text_of(item: Item) -> str:
    """What an item's vector stands for: measured as what finds its like best (ADR 0013)."""
    return f"{item.category.replace('-', ' ')}. {item.title}. {', '.join(item.tags)}"


def content_of(item: Item) -> str:
    """The hash of an item's text."""
    return hashlib.sha256(text_of(item).encode()).hexdigest()
