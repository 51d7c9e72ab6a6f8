"""What people say of their language and their zone, and whether it is any."""

from __future__ import annotations

import re
from functools import cache

LONGEST_LOCALE = 35
"""Characters that RFC 5646, section 4.4.1, asks to have room for."""
LOCALE = re.compile(
    r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(-[a-wyz0-9](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
"""A language tag, without the registry that says which languages there are: RFC 5646, section 2.1."""


def is_locale(text: str) -> bool:
    """Whether it is a language tag such as `de-AT`."""
    return len(text) <= LONGEST_LOCALE and LOCALE.fullmatch(text) is not None


def is_timezone(text: str) -> bool:
    """Whether it is a name of the IANA database such as `Europe/Vienna`. The first call reads its index."""
    return text in _timezones()


@cache
def _timezones() -> frozenset[str]:
    from zoneinfo import available_timezones  # ruff: ignore[import-outside-top-level] -- start time

    return frozenset(available_timezones())
