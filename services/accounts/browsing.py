"""Finding accounts, for who may see them."""

from __future__ import annotations

import unicodedata

from tortoise.expressions import Q

from core.emails import email_key
from core.errors import BadUserInput
from models.accounts import User
from services.accounts.registration import name_key
from services.pages import Page, Rows, newest_first

LONGEST_SEARCH = 100


async def users(page: Page, *, search: str | None = None) -> tuple[Rows[User], int]:
    """A page of accounts, the newest first, and how many there are in all. Two queries.

    With `search`, those whose address or name holds it, in any case and spelling. Raises BadUserInput.
    """
    found = User.all()
    if wanted := _searched(search or ""):
        found = found.filter(
            Q(email_key__contains=wanted) | Q(name_key__contains=wanted) | Q(email_key=email_key(search or ""))
        )
    return await newest_first(found, page), await found.count()


def _searched(search: str) -> str | None:
    """What is compared: NFKC and without case, as the keys are."""
    if len(search) > LONGEST_SEARCH or not search.isprintable():
        raise BadUserInput(f"search has at most {LONGEST_SEARCH} characters, all of them printable.")
    return name_key(unicodedata.normalize("NFKC", search).strip())
