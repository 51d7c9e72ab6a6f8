"""The way out that each optional letter carries: an address that names its reader and a topic, and proves both.

It has no date: who finds an old letter in ten years may still say that it was the last one. It opens nothing else.
"""

from __future__ import annotations

import hmac
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from core.keys import encoded
from core.tokens import InvalidTokenError
from services.notifications import preferences
from services.notifications.letter import MANDATORY, Topic

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

PATH = "/links/unsubscribe"
_TOKEN = re.compile(r"([1-9]\d{0,18})\.([a-z]{1,16})\.([A-Za-z0-9_-]{43})", re.ASCII)


def headers(way_out: str | None) -> dict[str, str]:
    """The headers of RFC 8058 for a letter that has a way out: a button of the mailbox provider's posts there."""
    if way_out is None:
        return {}
    return {"List-Unsubscribe": f"<{way_out}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def link(app: App, user_id: int, topic: Topic) -> str:
    """The address, always our own: no frontend has to take a POST without a sign-in."""
    return f"{app.settings.public_url}{PATH}?token={token(app, user_id, topic)}"


def token(app: App, user_id: int, topic: Topic) -> str:
    """The proof: a keyed hash that no rotation of secrets changes."""
    mac = bytes.fromhex(app.keys.identity("mail-unsubscribe", f"{user_id}.{topic}"))
    return f"{user_id}.{topic.lower()}.{encoded(mac)}"


def read(app: App, text: str) -> tuple[int, Topic]:
    """Whose token it is, and for which topic. Asks no database. Raises InvalidTokenError."""
    found = _TOKEN.fullmatch(text)
    topic = next((topic for topic in Topic if found and topic.lower() == found[2]), None)
    if found is None or topic is None or topic in MANDATORY:
        raise InvalidTokenError
    user_id = int(found[1])
    if not hmac.compare_digest(text, token(app, user_id, topic)):
        raise InvalidTokenError
    return user_id, topic


async def unsubscribe(app: App, text: str, client: Client) -> Topic:
    """Switch the token's topic off for its user, if it is not off already. Nothing tells whether that user is there.

    Raises InvalidTokenError.
    """
    user_id, topic = read(app, text)
    with suppress(IntegrityError):  # the account has gone, and nobody writes to it any more
        await preferences.switch(app, user_id, {topic: False}, client, by="link")
    return topic
