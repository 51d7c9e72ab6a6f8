"""Sessions for graph edges."""

from models.sessions import Session


async def sessions_by_id(ids: list[int]) -> list[Session | None]:
    """The session of each id."""
    rows = {session.id: session for session in await Session.filter(id__in=ids)}
    return [rows.get(pk) for pk in ids]
