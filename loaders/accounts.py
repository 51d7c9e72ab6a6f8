"""Users for graph edges."""

from adapters.database import found_by
from models.accounts import User


async def users_by_id(ids: list[int]) -> list[User | None]:
    """The user of each id."""
    rows = {user.id: user for user in await found_by(User, "id", ids)}
    return [rows.get(pk) for pk in ids]
