"""Parameters as Stripe writes them, `items[0][price]=price_1`, and a reader that knows what nobody has read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from adapters.payments.simulated import faults

METADATA_KEYS, METADATA_KEY, METADATA_VALUE = 50, 40, 500
"""Stripe's limits: keys of an object, characters of a key and of a value."""
LARGEST_NUMBER = 18
"""Digits."""


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Objects from the brackets of names; those whose keys are numbers are lists. Raises StripeFault."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        keys = re.findall(r"[^\[\]]+|\[\]", name) or [name]
        place = root
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise faults.bad_parameter("parameter_invalid", name)
        last = str(len(place)) if keys[-1] == "[]" else keys[-1]
        if isinstance(place.get(last), dict):
            raise faults.bad_parameter("parameter_invalid", name)
        place[last] = value
    return root


class Form:
    """Parameters, read one by one. What was not read by the end is a parameter that nobody knows."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._within: list[Form] = []

    def path(self, name: str) -> str:
        """How the whole parameter is called: `items[0][price]`."""
        return f"{self._path}[{name}]" if self._path else name

    def has(self, name: str) -> bool:
        """Whether a parameter was given, if only to be emptied."""
        return name in self._values

    def names(self) -> list[str]:
        """All that was given."""
        return list(self._values)

    def given(self, name: str) -> Any:
        """A parameter as it came: a text, what is in its brackets, or None. It does not count as read."""
        return self._values.get(name)

    def numbers(self) -> list[str]:
        """The names of a list's places, in their order. Raises StripeFault for an object."""
        if not all(re.fullmatch(r"\d{1,4}", name, re.ASCII) for name in self._values):
            raise faults.bad_parameter("parameter_invalid_array", self._path)
        return sorted(self._values, key=int)

    def whatever(self, name: str) -> Any:
        """A parameter as it came, of which nothing is checked; None when it is empty."""
        self._read.add(name)
        return self._values.get(name) or None

    def text(self, name: str) -> str | None:
        """A parameter's value; None when it is not there or empty. Raises StripeFault."""
        self._read.add(name)
        value = self._values.get(name, "")
        if not isinstance(value, str):
            raise faults.bad_parameter("parameter_invalid_string", self.path(name))
        return value or None

    def need(self, name: str) -> str:
        """A parameter's value. Raises StripeFault without one."""
        value = self.text(name)
        if value is None:
            raise faults.bad_parameter("parameter_missing", self.path(name))
        return value

    def choice(self, name: str, *choices: str) -> str | None:
        """One of these words, or None. Raises StripeFault."""
        value = self.text(name)
        if value is not None and value not in choices:
            raise faults.bad_parameter("parameter_invalid", self.path(name))
        return value

    def whole(self, name: str) -> int | None:
        """An integer, or None. Raises StripeFault."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(rf"-?\d{{1,{LARGEST_NUMBER}}}", value, re.ASCII):
            raise faults.bad_parameter("parameter_invalid_integer", self.path(name))
        return int(value)

    def flag(self, name: str) -> bool | None:
        """True, false or None. Raises StripeFault."""
        value = self.choice(name, "true", "false")
        return None if value is None else value == "true"

    def child(self, name: str) -> Form | None:
        """What is in the brackets behind a name; None when nothing is. Raises StripeFault."""
        self._read.add(name)
        value = self._values.get(name, "")
        if not value:
            return None
        if not isinstance(value, dict):
            raise faults.bad_parameter("parameter_invalid", self.path(name))
        return self._form(value, self.path(name))

    def each(self, name: str) -> list[Form]:
        """The objects of a list, in the order of their numbers. Raises StripeFault."""
        child = self.child(name)
        if child is None:
            return []
        numbers = child.numbers()
        return [found for number in numbers if (found := child.child(number)) is not None]

    def texts(self, name: str) -> list[str]:
        """The values of a list. Raises StripeFault."""
        child = self.child(name)
        return [child.need(number) for number in child.numbers()] if child else []

    def metadata(self, before: dict[str, str] | None = None) -> dict[str, str]:
        """Keys and values to keep: those of before, changed by those given; an empty value takes a key away.

        Raises StripeFault for more, or longer ones, than Stripe takes.
        """
        kept = dict(before or {})
        if self.has("metadata") and not self._values["metadata"]:
            kept = {}
        child = self.child("metadata")
        for name in child.names() if child else []:
            value = child.text(name) if child else None
            kept.pop(name, None)
            if value is not None:
                kept[name] = value
        if len(kept) > METADATA_KEYS or any(
            len(name) > METADATA_KEY or len(value) > METADATA_VALUE for name, value in kept.items()
        ):
            raise faults.bad_parameter("parameter_invalid", self.path("metadata"))
        return kept

    def refuse_rest(self) -> None:
        """Raises StripeFault for the first parameter that nobody has read."""
        for name in self._values:
            if name not in self._read:
                raise faults.bad_parameter("parameter_unknown", self.path(name))
        for form in self._within:
            form.refuse_rest()

    def _form(self, values: dict[str, Any], path: str) -> Form:
        form = Form(values, path)
        self._within.append(form)
        return form
