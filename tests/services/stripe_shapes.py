"""Answers of Stripe, held against the classes that Stripe's own SDK makes of them."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from stripe._object_classes import OBJECT_CLASSES  # ruff: ignore[import-private-name] -- the SDK has no other list

LEFT_OUT = {("subscription_item", "plan")}
"""Fields that every answer of Stripe has and ours has not: `plan` is what prices were called before."""


def differences(document: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, field, and whether the SDK does not know the field or always has it, for all within a document."""
    if isinstance(document, list):
        for each in document:
            yield from differences(each)
    if not isinstance(document, dict):
        return
    kind = document.get("object")
    if isinstance(kind, str) and kind != "list" and not document.get("deleted"):
        fields = _fields(kind)
        yield from ((kind, name, "unknown") for name in document.keys() - fields.keys())
        always = {name for name, hint in fields.items() if not re.search(r"Optional|NoneType", str(hint))}
        yield from ((kind, name, "missing") for name in always - document.keys() if (kind, name) not in LEFT_OUT)
    for each in document.values():
        yield from differences(each)


def _fields(kind: str) -> dict[str, Any]:
    """What the SDK's class has, with its types as they are written."""
    module, name = OBJECT_CLASSES[kind]
    known = vars(getattr(import_module(module), name))["__annotations__"]
    return {field: hint for field, hint in known.items() if field != "OBJECT_NAME"}
