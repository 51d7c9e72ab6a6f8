"""What clients tell: checked, moved to our clock, and written by one statement, each event once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import starmap
from typing import TYPE_CHECKING, Any

import orjson

from core.errors import BadUserInput
from models.accounts import User
from services.analytics.client_events import CLIENT_EVENTS
from services.analytics.names import Name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.access import Viewer
    from services.analytics.client_events import ClientEvent
    from services.app import App
    from services.sessions import Client

LARGEST_BATCH = 500
LONGEST_KEY = 100
LARGEST_PROPERTIES = 2048
"""Bytes of one event's properties as JSON."""
OLDEST = timedelta(days=7)
"""How long a client may keep an event before it tells it."""
_CLIENT_NAMES: dict[str, ClientEvent] = {str(name): event for name, event in CLIENT_EVENTS.items()}
_INSERT = {
    "postgres": """
        WITH teller AS (SELECT id FROM users WHERE id = $1 AND analytics_consent FOR SHARE)
        INSERT INTO events (name, version, user_id, at, properties, idempotency_key)
        SELECT told.name, told.version, teller.id, told.at, told.properties, told.key
        FROM teller, jsonb_to_recordset($2::jsonb)
            AS told (name text, version int, at timestamptz, properties jsonb, key text)
        ORDER BY told.key ON CONFLICT (user_id, idempotency_key) DO NOTHING""",
    "sqlite": """
        INSERT INTO events (name, version, user_id, at, properties, idempotency_key)
        SELECT json_extract(value, '$.name'), json_extract(value, '$.version'), teller.id, json_extract(value, '$.at'),
            json_extract(value, '$.properties'), json_extract(value, '$.key') AS key
        FROM users AS teller, json_each($2) WHERE teller.id = $1 AND teller.analytics_consent
        ORDER BY key ON CONFLICT (user_id, idempotency_key) DO NOTHING""",
}
"""The lock lets a change or the deletion of the account, at this moment, come before it and be seen, or after it.

In the order of the keys: no two calls with the same ones wait for each other.
"""


@dataclass(frozen=True)
class Told:
    """An event as a client tells it. Without a key it is written each time it is told."""

    name: str
    properties: Any = None
    occurred_at: datetime | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Tracked:
    """What became of a batch: new, told before, and not written down because too old or without consent."""

    accepted: int
    duplicates: int
    dropped: int


async def track(
    app: App, viewer: Viewer, events: Sequence[Told], client: Client, sent_at: datetime | None = None
) -> Tracked:
    """Write what a client tells of the viewer, in one statement: all that is new, or nothing.

    Raises BadUserInput, which names the event and what is wrong with it.
    """
    if not 1 <= len(events) <= LARGEST_BATCH:
        raise BadUserInput(f"There are from 1 to {LARGEST_BATCH} events.")
    now = app.clock.now()
    checked = list(starmap(_checked, enumerate(events)))
    ages = [_age(each.occurred_at, sent_at or now) for each in events]
    rows = [
        {**row, "at": (now - age).astimezone(UTC).isoformat(" ")}
        for row, age in zip(checked, ages, strict=True)
        if age <= OLDEST
    ]
    if client.opts_out or not viewer.user.analytics_consent or not rows:
        return Tracked(0, 0, len(events))
    accepted = await app.database.execute(_INSERT[app.database.dialect], [viewer.user.id, orjson.dumps(rows).decode()])
    if not accepted and not await User.exists(id=viewer.user.id, analytics_consent=True):
        return Tracked(0, 0, len(events))
    return Tracked(accepted, len(rows) - accepted, len(events) - len(rows))


def _checked(place: int, told: Told) -> dict[str, Any]:
    """What is stored of an event but its moment. Raises BadUserInput."""
    known = _CLIENT_NAMES.get(told.name)
    if known is None:
        ours = told.name in set(Name)
        raise _wrong(place, "name", "is an event that the server writes" if ours else "is no event that clients tell")
    key = told.idempotency_key
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise _wrong(place, "idempotencyKey", f"has from 1 to {LONGEST_KEY} printable characters")
    properties = {} if told.properties is None else told.properties
    _check_properties(place, known, properties)
    return {"name": known.name, "version": known.version, "properties": properties, "key": key}


def _check_properties(place: int, known: ClientEvent, properties: Any) -> None:
    """Raise BadUserInput unless these are what the event may have."""
    if not isinstance(properties, dict):
        raise _wrong(place, "properties", "is an object")
    if properties.keys() - known.properties.keys():
        names = ", ".join(known.properties)
        raise _wrong(place, "properties", f"may have {names}, and nothing else" if names else "is empty for this event")
    for name, rule in known.properties.items():
        if name not in properties:
            if rule.optional:
                continue
            raise _wrong(place, f"properties.{name}", "is missing")
        if not rule.kind.allows(properties[name]):
            raise _wrong(place, f"properties.{name}", f"is {rule.kind.says}")
    if len(orjson.dumps(properties)) > LARGEST_PROPERTIES:
        raise _wrong(place, "properties", f"have at most {LARGEST_PROPERTIES:,} bytes")


def _wrong(place: int, field: str, rule: str) -> BadUserInput:
    return BadUserInput(f"events[{place}].{field} {rule}.")


def _age(occurred_at: datetime | None, sent_at: datetime) -> timedelta:
    """How long before it was sent something happened, both by the client's clock, which may be wrong alike for both.

    Nothing happens after it was told. A moment without a zone is one in UTC.
    """
    if occurred_at is None:
        return timedelta(0)
    return max(_zoned(sent_at) - _zoned(occurred_at), timedelta(0))


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
