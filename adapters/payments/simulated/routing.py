"""Which function answers which request, and what it is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.payments.simulated import faults, views
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.store import Docs, Document

PAGE, LARGEST_PAGE = 10, 100
COMPARED = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Ask:
    """One request: the documents, its parameters, and the id in its path."""

    docs: Docs
    form: Form
    path: str
    id: str

    def listed(self, kind: str, where: Mapping[str, Any] | None = None) -> Document:
        """The page of documents that is asked for, the latest first."""
        limit = self.limit()
        after, before = self.form.text("starting_after"), self.form.text("ending_before")
        condition, values = self.created()
        condition = f" AND {condition}"
        for edge, sign in ((after, "<"), (before, ">")):
            if edge is not None:
                condition += f" AND seq {sign} ?"
                values.append(self.docs.place(edge, "starting_after" if edge == after else "ending_before"))
        latest = before is None
        found = self.docs.all(kind, where, latest=latest, limit=limit + 1, more=(condition, values))
        told = views.page(self.path, found, limit)
        if not latest:
            told["data"].reverse()
        return told

    def limit(self) -> int:
        """How many may be in a page. Raises StripeFault."""
        limit = self.form.whole("limit")
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise faults.bad_parameter("parameter_invalid_integer", "limit")
        return limit or PAGE

    def filters(self, *names: str) -> Document:
        """Those of the named parameters that were given, as values of fields of the same names."""
        given = {name: self.form.text(name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    def created(self) -> tuple[str, list[Any]]:
        """When what is asked for was made, as a condition in SQL with its values. Raises StripeFault."""
        if not self.form.has("created"):
            return "TRUE", []
        if isinstance(self.form.given("created"), str):
            return "created = ?", [self.form.whole("created")]
        edges = self.form.child("created")
        conditions, values = ["TRUE"], []
        for name, sign in COMPARED.items():
            edge = edges.whole(name) if edges else None
            if edge is not None:
                conditions.append(f"created {sign} ?")
                values.append(edge)
        return " AND ".join(conditions), values


Handler = Callable[[Ask], Document]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Let a function answer a method at a path such as `/v1/customers/{id}`."""
    pattern = re.compile(re.escape(path).replace(r"\{id\}", r"(?P<id>[\w.-]{1,255})"), re.ASCII)

    def added(handler: Handler) -> Handler:
        ROUTES.append((method, pattern, handler))
        return handler

    return added
