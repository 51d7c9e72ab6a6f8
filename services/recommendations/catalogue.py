"""The catalogue: `catalogue.yaml` brought into rows, and rows into vectors, by one job."""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from models.jobs import Job
from models.recommendations import Item, ItemVector
from services import jobs
from services.recommendations.index import CHANNEL

if TYPE_CHECKING:
    from adapters.embeddings import Embeddings
    from services.app import App

CATALOGUE_FILE = Path(__file__).resolve().parent.parent.parent / "catalogue.yaml"
PREPARE = "items.prepare"
BATCH = 64
"""Items that are embedded at once."""
WITHIN = 30.0
"""Real seconds after which no further batch is begun: a job has to end before its lease does."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Entry:
    """One item as the file has it."""

    key: str
    position: int
    category: str
    title: str
    summary: str
    tags: list[str]

    @property
    def words(self) -> str:
        """What is searched in."""
        return normalised(" ".join([self.title, self.summary, self.category, *self.tags]))


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
    """Bring the file into rows, and every row that lacks a vector into the present space. Raises Unavailable."""
    await bring_in(app, read_entries())
    await embed_items(app, app.embeddings)
    await app.bus.publish(CHANNEL, "")


def read_entries(path: Path = CATALOGUE_FILE) -> list[Entry]:
    """The entries of the file, placed so that a walk through them goes round the categories."""
    import yaml  # ruff: ignore[import-outside-top-level] -- only this job reads the file

    document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # ruff: ignore[unsafe-yaml-load] -- both are safe loaders
    shelves: dict[str, list[dict[str, Any]]] = {category["key"]: [] for category in document["categories"]}
    for item in document["items"]:
        shelves[item["category"]].append(item)
    rounds = [item for shelf in zip_longest(*shelves.values()) for item in shelf if item is not None]
    return [
        Entry(item["key"], position, item["category"], item["title"], item["summary"], list(item["tags"]))
        for position, item in enumerate(rounds, start=1)
    ]


async def bring_in(app: App, entries: list[Entry]) -> None:
    """Make, change and retire rows until they are the entries."""
    now = app.clock.now()
    rows = [
        Item(
            key=entry.key,
            position=entry.position,
            category=entry.category,
            title=entry.title,
            summary=entry.summary,
            tags=entry.tags,
            search=entry.words,
            created_at=now,
            retired_at=None,
        )
        for entry in entries
    ]
    changing = ["position", "category", "title", "summary", "tags", "search", "retired_at"]
    async with app.database.transaction():
        await Item.filter(key__not_in=[entry.key for entry in entries], retired_at=None).update(retired_at=now)
        for start in range(0, len(rows), BATCH):
            await Item.bulk_create(rows[start : start + BATCH], on_conflict=["key"], update_fields=changing)


async def embed_items(app: App, embeddings: Embeddings) -> None:
    """Embed what has no vector in the space of `embeddings`, or one of another text, a batch at a time.

    What is not done within `WITHIN` seconds is left to the next call: `embeddings.move` makes it. Raises Unavailable.
    """
    space, now = embeddings.space, asyncio.get_running_loop().time
    end = now() + WITHIN
    known = dict(await ItemVector.filter(model=space.model, version=space.version).values_list("item_id", "content"))
    items = await Item.filter(retired_at=None).order_by("position")
    missing = [item for item in items if known.get(item.id) != content_of(item)]
    for start in range(0, len(missing), BATCH):
        if now() > end:
            return
        batch = missing[start : start + BATCH]
        vectors = await embeddings.embed([text_of(item) for item in batch])
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
            await ItemVector.bulk_create(
                rows, on_conflict=["item_id", "model", "version"], update_fields=["content", "dimension", "vector"]
            )
        log.info("catalogue.embedded", done=start + len(batch), total=len(missing))


def text_of(item: Item) -> str:
    """What an item's vector stands for: measured as what finds its like best (ADR 0013)."""
    return f"{item.category.replace('-', ' ')}. {item.title}. {', '.join(item.tags)}"


def content_of(item: Item) -> str:
    """The hash of an item's text."""
    return hashlib.sha256(text_of(item).encode()).hexdigest()


def normalised(text: str) -> str:
    """One spelling for searching: NFKC, without case."""
    return unicodedata.normalize("NFKC", text).casefold()
