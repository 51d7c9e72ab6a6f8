"""Sessions for graph edges."""

from adapters.database import found_by
from models.sessions import Session


async def sessions_by_id(ids: list[int]) -> list[Session | None]:
    """The session of each id."""
    rows = {session.id: session for session in await found_by(Session, "id", ids)}
    return [rows.get(pk) for pk in ids]
