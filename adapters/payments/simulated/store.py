"""What the simulated Stripe remembers: JSON documents in one SQLite file, or in memory."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.payments.simulated import faults, views

API_VERSION = "2026-10-28.endive"
PATIENCE = 5.0
"""Seconds to wait for another process that writes to the same file."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL, due INTEGER,
    content TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS documents_kind ON documents (kind, seq);
CREATE INDEX IF NOT EXISTS documents_due ON documents (due, seq) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, created INTEGER NOT NULL,
    content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, event TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    delivered REAL, failed REAL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE delivered IS NULL AND failed IS NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, created INTEGER NOT NULL, asked TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL);
"""

NOBODY: dict[str, str | None] = {"id": None, "idempotency_key": None}
"""What has caused an event that time has caused."""
UNTOLD = {"discount": ("created", "livemode"), "invoiceitem": ("created",)}
"""Fields that all of Stripe's objects have but these."""

Document = dict[str, Any]
Due = Callable[[Document], "int | None"]


@dataclass(frozen=True)
class Rules:
    """What an account with Stripe sets in its dashboard.

    `retry_days` are the days between the tries to charge a card; `then` is what follows the last: canceled, unpaid or
    past_due. `public_url` begins the addresses of pages.
    """

    public_url: str = "http://127.0.0.1:8000"
    retry_days: tuple[int, ...] = (3, 5, 7)
    then: str = "canceled"


DUE: dict[str, Due] = {}
"""When a document of a kind next changes by itself, in Unix time; None: never. Filled by `lifecycle.moves`."""


class Store:
    """Documents in the SQLite file at `path`, which processes share, or in memory for None. Opened at its first use."""

    def __init__(self, path: Path | None = None) -> None:
        self.rules = Rules()
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def change(self, now: int, request: Document | None = None) -> Generator[Docs]:
        """One transaction at the second `now`; nothing of it stays when an exception leaves it.

        `request` is what caused it, told in its events: an id and an idempotency key, both None for time itself.
        """
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield Docs(connection, self.rules, now, request or NOBODY)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def close(self) -> None:
        """Give the file back. What was in memory is forgotten."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
        return self._connection


class Docs:
    """The documents within one transaction. What is fetched twice is one object; `save` writes what was done to it.

    Keys that begin with `_` are the server's own and are never told.
    """

    def __init__(self, connection: sqlite3.Connection, rules: Rules, now: int, request: Document) -> None:
        self.connection = connection
        self.rules = rules
        self.now = now
        self.request = request
        self._seen: dict[str, Document] = {}
        self._saved: dict[str, str] = {}
        self._told: dict[str, Document] = {}

    @contextmanager
    def pretending(self) -> Generator[Docs]:
        """The same documents, for changes that did not happen once this ends."""
        self.connection.execute("SAVEPOINT pretending")
        try:
            yield Docs(self.connection, self.rules, self.now, self.request)
        finally:
            self.connection.execute("ROLLBACK TO pretending")
            self.connection.execute("RELEASE pretending")

    def new(self, prefix: str, kind: str, **content: Any) -> Document:
        """Add a document with what all of Stripe's have, and an id of its own unless one is given."""
        given = content.pop("id", None)
        base = {"id": given or new_id(prefix), "object": kind, "created": self.now, "livemode": False}
        document: Document = {**base, **content}
        for field in UNTOLD.get(kind, ()):
            del document[field]
        text = json.dumps(document)
        self.connection.execute(
            "INSERT INTO documents (id, kind, created, due, content) VALUES (?, ?, ?, ?, ?)",
            (document["id"], kind, self.now, _due(document), text),
        )
        return self._known(text, document)

    def find(self, document_id: str) -> Document | None:
        """The document of that id, of whatever kind."""
        if document_id in self._seen:
            return self._seen[document_id]
        row = self.connection.execute("SELECT content FROM documents WHERE id = ?", (document_id,)).fetchone()
        return self._known(row[0]) if row else None

    def get(self, kind: str, document_id: str, param: str = "id") -> Document:
        """The document of that id and kind. Raises StripeFault, which names the parameter, when it is not there."""
        document = self.find(document_id)
        if document is None or document["object"] != kind or document.get("deleted"):
            raise faults.missing(kind, document_id, param)
        return document

    def save(self, document: Document) -> None:
        """Write a document."""
        text = json.dumps(document)
        if self._saved.get(document["id"]) != text:
            self.connection.execute(
                "UPDATE documents SET content = ?, due = ? WHERE id = ?", (text, _due(document), document["id"])
            )
            self._saved[document["id"]] = text

    def update(self, document: Document, event: str) -> Document:
        """Write a document and tell of it by an event, if anything that others see is different since the last one.

        The event says in `previous_attributes` what was before: the differing fields alone.
        """
        self.save(document)
        previous = views.changed(self._told[document["id"]], views.told(document, self.find))
        if previous:
            self.emit(event, document, previous)
        return document

    def delete(self, document: Document) -> Document:
        """Forget a document: its id is left, as what Stripe answers."""
        rest = {"id": document["id"], "object": document["object"], "deleted": True}
        self.connection.execute(
            "UPDATE documents SET content = ?, due = NULL, kind = ? WHERE id = ?",
            (json.dumps(rest), f"deleted {document['object']}", document["id"]),
        )
        self._seen[document["id"]] = rest
        self._saved[document["id"]] = json.dumps(rest)
        return rest

    def all(
        self,
        kind: str,
        where: Mapping[str, Any] | None = None,
        *,
        latest: bool = False,
        limit: int = -1,
        more: tuple[str, list[Any]] = ("", []),
    ) -> list[Document]:
        """Every document of a kind whose fields have those values, in their order or the latest first.

        A field within another is named with dots: `parent.subscription_details.subscription`. A list as a value is a
        choice. `more` is a further condition in SQL, and its values.
        """
        conditions, values = ["kind = ?"], [kind]
        for field, value in (where or {}).items():
            choices = value if isinstance(value, list) else [value]
            conditions.append(f"json_extract(content, ?) IN ({', '.join('?' * len(choices))})")
            values += [f"$.{field}", *choices]
        rows = self.connection.execute(
            f"SELECT content FROM documents WHERE {' AND '.join(conditions)} {more[0]}"  # ruff: ignore[hardcoded-sql-expression] -- values are bound
            f" ORDER BY seq {'DESC' if latest else 'ASC'} LIMIT ?",
            [*values, *more[1], limit],
        ).fetchall()
        return [self._known(row[0]) for row in rows]

    def place(self, document_id: str, param: str) -> int:
        """Where a document stands among all. Raises StripeFault when it is not there."""
        row = self.connection.execute("SELECT seq FROM documents WHERE id = ?", (document_id,)).fetchone()
        if row is None:
            raise faults.missing("object", document_id, param)
        return int(row[0])

    def next_due(self, now: int) -> tuple[int, Document] | None:
        """The document that changes by itself first, and when, if that is not after `now`."""
        row = self.connection.execute(
            "SELECT due, content FROM documents WHERE due <= ? ORDER BY due, seq LIMIT 1", (now,)
        ).fetchone()
        return (row[0], self._known(row[1])) if row else None

    def recall(self, key: str | None, asked: str, *, since: int) -> tuple[int, Document] | None:
        """Status and content of what was answered to an idempotency key since then.

        Raises StripeFault when something else was asked.
        """
        row = self.connection.execute(
            "SELECT asked, status, answer FROM idempotency WHERE key = ? AND created > ?", (key, since)
        ).fetchone()
        if row is None:
            return None
        if row[0] != asked:
            raise faults.other_request()
        return row[1], json.loads(row[2])

    def remember(self, key: str | None, asked: str, status: int, content: Document) -> None:
        """Keep an answer for who asks again."""
        if key is not None:
            self.connection.execute(
                "INSERT OR REPLACE INTO idempotency (key, created, asked, status, answer) VALUES (?, ?, ?, ?, ?)",
                (key, self.now, asked, status, json.dumps(content)),
            )

    def emit(self, event: str, document: Document, previous: Document | None = None) -> Document:
        """Tell of something: an event and its delivery, due at once."""
        told = views.told(document, self.find)
        self._told[document["id"]] = told
        data: Document = {"object": told}
        if previous is not None:
            data["previous_attributes"] = previous
        content: Document = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": self.request,
            "type": event,
        }
        self.connection.execute(
            "INSERT INTO events (id, type, created, content) VALUES (?, ?, ?, ?)",
            (content["id"], event, self.now, json.dumps(content)),
        )
        self.connection.execute("INSERT INTO deliveries (event, due) VALUES (?, ?)", (content["id"], self.now))
        return content

    def _known(self, text: str, document: Document | None = None) -> Document:
        document = document or json.loads(text)
        assert document is not None
        name = document["id"]
        if name not in self._seen:
            self._seen[name] = document
            self._saved[name] = text
            self._told[name] = views.told(document, self.find)
        return self._seen[name]


def new_id(prefix: str) -> str:
    """An id that nothing else has."""
    return f"{prefix}_{secrets.token_hex(12)}"


def _due(document: Document) -> int | None:
    due = DUE.get(document["object"])
    return due(document) if due else None
