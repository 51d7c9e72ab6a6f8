"""Events: what the server tells by webhooks can be asked for, too, for 30 days."""

from __future__ import annotations

import json
import re
from itertools import starmap
from typing import Any

from adapters.payments.simulated import faults, views
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document

EVENTS, EVENT = "/v1/events", "/v1/events/{id}"
KEPT = 30 * 86_400
"""Seconds."""
MOST_TYPES = 20
PENDING = "(SELECT count(*) FROM deliveries WHERE event = events.id AND delivered IS NULL)"


@route("GET", EVENT)
def retrieve(ask: Ask) -> Document:
    """One event, as it was when it happened."""
    return event_of(ask.docs, ask.id)


@route("GET", EVENTS)
def listed(ask: Ask) -> Document:
    """Events, the latest first: of some types, of a time, or those that could not be delivered yet."""
    limit = ask.limit()
    conditions, values = ["created > ?"], [ask.docs.now - KEPT]
    for condition, more in (ask.created(), _of_types(ask), _edges(ask)):
        conditions.append(condition)
        values += more
    succeeded = ask.form.flag("delivery_success")
    if succeeded is not None:
        conditions.append(f"{PENDING} {'=' if succeeded else '>'} 0")
    backwards = ask.form.has("ending_before")
    rows = ask.docs.connection.execute(
        f"SELECT content, {PENDING} FROM events WHERE {' AND '.join(conditions)}"  # ruff: ignore[hardcoded-sql-expression] -- values are bound
        f" ORDER BY seq {'ASC' if backwards else 'DESC'} LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    told = views.page(ask.path, list(starmap(_told, rows)), limit)
    if backwards:
        told["data"].reverse()
    return told


def event_of(docs: Docs, event_id: str) -> Document:
    """An event, with how many webhooks about it have not been taken yet. Raises StripeFault when there is none."""
    row = docs.connection.execute(
        f"SELECT content, {PENDING} FROM events WHERE id = ? AND created > ?",  # ruff: ignore[hardcoded-sql-expression] -- as above
        (event_id, docs.now - KEPT),
    ).fetchone()
    if row is None:
        raise faults.missing("event", event_id)
    return _told(*row)


def _told(content: str, pending: int) -> Document:
    event: Document = json.loads(content)
    return {**event, "pending_webhooks": pending}


def _of_types(ask: Ask) -> tuple[str, list[Any]]:
    """The types that are asked for, exactly or with a star. Raises StripeFault."""
    one, several = ask.form.text("type"), ask.form.texts("types")
    if one and several:
        raise faults.bad_parameter("parameter_invalid", "type")
    wanted = [one] if one else several
    if len(wanted) > MOST_TYPES or not all(re.fullmatch(r"[a-z0-9_.*]+", each, re.ASCII) for each in wanted):
        raise faults.bad_parameter("parameter_invalid", "types" if several else "type")
    return " OR ".join("type GLOB ?" for _ in wanted).join("()") if wanted else "TRUE", wanted


def _edges(ask: Ask) -> tuple[str, list[Any]]:
    """Where a page begins or ends. Raises StripeFault."""
    conditions, values = ["TRUE"], []
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        edge = ask.form.text(name)
        if edge is None:
            continue
        row = ask.docs.connection.execute("SELECT seq FROM events WHERE id = ?", (edge,)).fetchone()
        if row is None:
            raise faults.missing("event", edge, name)
        conditions.append(f"seq {sign} ?")
        values.append(row[0])
    return " AND ".join(conditions), values
