"""Finding accounts, for who may see them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tortoise.expressions import Q

from core.emails import email_key
from core.errors import BadUserInput
from models.accounts import User
from services.accounts.registration import name_key
from services.pages import Page, Rows, cut

if TYPE_CHECKING:
    from tortoise.queryset import QuerySet

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
    return cut(await _between(found, page), page), await found.count()


def _searched(search: str) -> str | None:
    """What is compared: NFKC and without case, as the keys are."""
    if len(search) > LONGEST_SEARCH or not search.isprintable():
        raise BadUserInput(f"search has at most {LONGEST_SEARCH} characters, all of them printable.")
    return name_key(unicodedata.normalize("NFKC", search).strip())


async def _between(found: QuerySet[User], page: Page) -> list[User]:
    if page.after:
        found = found.filter(id__lt=int(page.after[0]))
    if page.before:
        found = found.filter(id__gt=int(page.before[0]))
    return await found.order_by("-id" if page.forward else "id").limit(page.size + 1)
