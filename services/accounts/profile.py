"""What users say of themselves."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.accounts import User
from services import audit
from services.accounts.registration import cleaned_name, name_key
from services.audit import Action
from services.trials import reminders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

LONGEST_LOCALE = 35
"""Characters that RFC 5646, section 4.4.1, asks to have room for."""
LOCALE = re.compile(
    r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(-[a-wyz0-9](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)
"""A language tag, without the registry that says which languages there are: RFC 5646, section 2.1."""


async def update(app: App, viewer: Viewer, given: Mapping[str, str | None], client: Client) -> User:
    """Change those of name, locale and timezone that are given; None clears one. Raises BadUserInput."""
    user = viewer.user
    wanted: dict[str, Any] = {name: CLEANED[name](value) for name, value in given.items()}
    changes = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    if not changes:
        return user
    fields = sorted(changes)
    if "name" in changes:
        changes["name_key"] = name_key(changes["name"])
    async with app.database.transaction():
        await User.filter(id=user.id).update(**changes)
        if "timezone" in changes:
            await reminders.move(app, user.id, changes["timezone"])
        await audit.record(app, Action.PROFILE_UPDATED, actor=user, client=client, fields=fields)
    return await User.get(id=user.id)


def cleaned_locale(locale: str | None) -> str | None:
    """A language tag such as `de-AT`; None when nothing is left. Raises BadUserInput."""
    cleaned = (locale or "").strip()
    if cleaned and not (len(cleaned) <= LONGEST_LOCALE and LOCALE.fullmatch(cleaned)):
        raise BadUserInput(f"locale is a BCP 47 tag of at most {LONGEST_LOCALE} characters, such as de-AT.")
    return cleaned or None


def cleaned_timezone(timezone: str | None) -> str | None:
    """The name of a time zone; None when nothing is left. Raises BadUserInput."""
    cleaned = (timezone or "").strip()
    if cleaned and cleaned not in _timezones():
        raise BadUserInput("timezone is a name of the IANA database, such as Europe/Vienna.")
    return cleaned or None


@cache
def _timezones() -> frozenset[str]:
    from zoneinfo import available_timezones  # ruff: ignore[import-outside-top-level] -- start time

    return frozenset(available_timezones())


CLEANED = {"name": cleaned_name, "locale": cleaned_locale, "timezone": cleaned_timezone}
