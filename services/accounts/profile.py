"""What users say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.accounts import User
from services import audit, sessions
from services.accounts.registration import cleaned_name, name_key
from services.audit import Action
from services.languages.tags import LONGEST_LOCALE, is_locale, is_timezone
from services.trials import reminders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.access import Viewer
    from services.app import App
    from services.sessions import Client


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
    await sessions.tell_of(app, user.id)
    return await User.get(id=user.id)


def cleaned_locale(locale: str | None) -> str | None:
    """A language tag such as `de-AT`; None when nothing is left. Raises BadUserInput."""
    cleaned = (locale or "").strip()
    if cleaned and not is_locale(cleaned):
        raise BadUserInput(f"locale is a BCP 47 tag of at most {LONGEST_LOCALE} characters, such as de-AT.")
    return cleaned or None


def cleaned_timezone(timezone: str | None) -> str | None:
    """The name of a time zone; None when nothing is left. Raises BadUserInput."""
    cleaned = (timezone or "").strip()
    if cleaned and not is_timezone(cleaned):
        raise BadUserInput("timezone is a name of the IANA database, such as Europe/Vienna.")
    return cleaned or None


CLEANED = {"name": cleaned_name, "locale": cleaned_locale, "timezone": cleaned_timezone}
