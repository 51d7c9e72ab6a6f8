"""How documents are told: without what is the server's own, with what was asked to be expanded, and page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.payments.simulated import faults

Document = dict[str, Any]
Find = Callable[[str], "Document | None"]

INCLUDED: dict[str, set[str]] = {
    "checkout.session": {"line_items"},
    "coupon": {"applies_to"},
    "customer": {"subscriptions", "sources"},
    "invoice": {"confirmation_secret", "payments"},
    "price": {"currency_options", "tiers"},
}
"""Fields that are told only to who asks for them by `expand`."""
EMBEDDED = {"item": {"price"}, "subscription_item": {"price"}}
"""Fields that hold an id here and are always told as the object, as it is now."""
DEEPEST = 4
"""Levels of `expand`, as with Stripe."""


def told(document: Document, find: Find) -> Document:
    """A copy for others: no field of the server's own, and none that has to be asked for."""
    copy: Document = _shown(document, Wanted([]), find)
    return copy


def expanded(document: Document, wanted: list[str], find: Find) -> Document:
    """A copy for who asked, with objects in the place of the ids that `wanted` names by paths such as `data.customer`.

    Raises StripeFault for a path that leads nowhere.
    """
    for path in wanted:
        if path.count(".") >= DEEPEST:
            raise faults.bad_parameter("property_expansion_max_depth", "expand")
    answer: Document = _shown(document, Wanted(wanted), find)
    return answer


class Wanted:
    """What of an object is asked to be expanded: paths, by their first step."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths

    def __contains__(self, field: str) -> bool:
        return any(path == field or path.startswith(f"{field}.") for path in self._paths)

    def within(self, field: str) -> Wanted:
        """What is asked of the object in a field."""
        return Wanted([path.removeprefix(f"{field}.") for path in self._paths if path.startswith(f"{field}.")])

    def fields(self) -> set[str]:
        """The first step of each path."""
        return {path.split(".")[0] for path in self._paths}


def changed(before: Document, after: Document) -> Document:
    """What `before` has in each field that differs: only the differing part of an object, a list as a whole."""
    differing: Document = {}
    for field in before.keys() | after.keys():
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and field != "metadata":
            differing[field] = changed(old, new)
        elif field == "metadata":
            differing[field] = {**dict.fromkeys(new or {}), **(old or {})}
        else:
            differing[field] = old
    return differing


def page(url: str, documents: list[Document], limit: int) -> Document:
    """A list as Stripe tells one, of the first `limit` of the documents."""
    return {"object": "list", "url": url, "has_more": len(documents) > limit, "data": documents[:limit]}


def _shown(value: Any, wanted: Wanted, find: Find) -> Any:
    if isinstance(value, list):
        return [_shown(part, wanted, find) for part in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("object", "")
    kind = kind if isinstance(kind, str) else ""  # of the data of an event it is the object itself
    hidden, embedded = INCLUDED.get(kind, set()), EMBEDDED.get(kind, {"data"} if kind == "list" else set())
    unknown = wanted.fields() - value.keys() - hidden
    if unknown:
        raise faults.bad_parameter("parameter_invalid", f"expand: {min(unknown)}")
    return {
        field: _shown(_found(part, find) if field in wanted or field in embedded else part, wanted.within(field), find)
        for field, part in value.items()
        if not field.startswith("_") and (field not in hidden or field in wanted)
    }


def _found(part: Any, find: Find) -> Any:
    """The objects in the place of ids."""
    if isinstance(part, str):
        return find(part) or part
    if isinstance(part, list):
        return [_found(one, find) for one in part]
    return part
