"""SQL statements as spans: what was asked of which table, and never with which values."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from adapters.tracing.port import Tracing

LONGEST = 2_000
"""Characters of a statement that are told."""
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)\"?", re.IGNORECASE)
_VERB = re.compile(r"\s*([A-Za-z]+)")


class Told(NamedTuple):
    """What is told of a statement."""

    name: str
    verb: str
    table: str
    text: str


@lru_cache(1024)
def told(statement: str) -> Told:
    """A statement without the texts that stand in it: ours have placeholders, and what has none is not believed."""
    verb, table = _VERB.match(statement), _TABLE.search(statement)
    kind = verb[1].upper() if verb else "SQL"
    name = table[1] if table else ""
    return Told(f"{kind} {name}".strip(), kind, name, _LITERAL.sub("?", statement)[:LONGEST])


def statement_span(tracing: Tracing | None, system: str, statement: object) -> AbstractContextManager[Any]:
    """The span of a statement; nothing for what is none."""
    if tracing is None or not isinstance(statement, str):
        return nullcontext()
    known = told(statement)
    return tracing.span(
        known.name,
        outward=True,
        db__system__name=system,
        db__operation__name=known.verb,
        db__collection__name=known.table,
        db__query__text=known.text,
    )
