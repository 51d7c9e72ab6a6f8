"""What is seen of sessions: when they were last used, which stand, how they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from tortoise.expressions import Q

from models.accounts import Role
from models.sessions import Session
from services.pages import Page, Rows, newest_first
from services.sessions.life import IDLE_LIFETIME, standing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from services.app import App

SEEN_EVERY = timedelta(minutes=1)
"""How often at most a session's use is written down."""
OVERLAP = timedelta(minutes=1)
"""How far the clocks of two processes may be apart."""

_AMONG = {"postgres": "= ANY($1)", "sqlite": "IN (SELECT value FROM json_each($1))"}
_STANDING = """
    SELECT count(*) AS standing FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.key {among} AND sessions.revoked_at IS NULL AND users.suspended_at IS NULL
      AND sessions.expires_at > $2 AND sessions.rotated_at > $3
      AND (users.deletion_at IS NULL OR users.deletion_at > $2)
"""


@dataclass(frozen=True)
class State:
    """How a session stands, and what its user may do now."""

    live: bool
    role: Role
    suspended: bool


def is_seen(session: Session, counter: int, now: datetime) -> bool:
    """Whether nothing is to be written down of a use with the access token of this number."""
    if counter > session.seen_counter or session.last_seen_at is None:
        return False
    return now - session.last_seen_at < SEEN_EVERY


async def see(app: App, session: Session, counter: int = 0) -> bool:
    """Write down that the session is used, with the access token that came with refresh token number `counter`.

    One UPDATE at the most, once a minute or at the first use of a token. False when the row has changed before the
    first use could be written down: then what was read of it does not count.
    """
    now = app.clock.now()
    if is_seen(session, counter, now):
        return True
    unchanged = Session.filter(id=session.id, counter=session.counter, revoked_at=None)
    if counter > session.seen_counter:
        fresh = unchanged.filter(seen_counter__lt=counter)
        return bool(await fresh.update(seen_counter=counter, last_seen_at=now))
    due = unchanged.filter(Q(last_seen_at=None) | Q(last_seen_at__lte=now - SEEN_EVERY))
    await due.update(last_seen_at=now)
    return True


async def page_of_user(app: App, user_id: int, page: Page) -> Rows[Session]:
    """The standing sessions of a user, those that began last first."""
    return await newest_first(Session.filter(standing(app.clock.now()), user_id=user_id), page)


async def count_of_user(app: App, user_id: int) -> int:
    """How many sessions of a user stand."""
    return await Session.filter(standing(app.clock.now()), user_id=user_id).count()


async def states_of(app: App, keys: Sequence[str]) -> dict[str, State]:
    """How these sessions and their users stand. One query of few columns, for sockets ask often.

    None stands of who should have been deleted by now. A second query when some do not stand: whether their users may
    do less, too. Unknown ones are left out.
    """
    now = app.clock.now()
    stays = Q(user__deletion_at=None) | Q(user__deletion_at__gt=now)
    known = Session.filter(standing(now), stays, key__in=list(keys))
    states = {key: State(live=True, role=role, suspended=suspended) for key, role, suspended in await _users_of(known)}
    missing = [key for key in keys if key not in states]
    if missing:
        rows = await _users_of(Session.filter(key__in=missing))
        states |= {key: State(live=False, role=role, suspended=suspended) for key, role, suspended in rows}
    return states


async def all_stand(app: App, keys: Sequence[str]) -> bool:
    """Whether all of these sessions stand, and none of their users is suspended or to be deleted by now.

    One query, which returns a number.

    Sockets ask for thousands every few seconds: reading a row for each took more of the processor than their ticks.
    """
    now = app.clock.now()
    moments = [now, now - IDLE_LIFETIME]
    if app.database.dialect == "postgres":
        values = [list(keys), *moments]
    else:
        values = [orjson.dumps(keys).decode(), *(moment.isoformat(" ") for moment in moments)]
    (row,) = await app.database.rows(_STANDING.format(among=_AMONG[app.database.dialect]), values)
    return bool(row["standing"] == len(keys))


async def _users_of(which: Any) -> list[tuple[str, Role, bool]]:
    rows = await which.values_list("key", "user__role", "user__suspended_at")
    return [(key, Role(role), suspended_at is not None) for key, role, suspended_at in rows]


async def watch(app: App, user_id: int) -> AsyncGenerator[Session, None]:
    """Each session of the user that is ended from now on. One that runs out is ended by nobody, and not told."""
    since = app.clock.now() - OVERLAP
    told = {session.id for session in await _ended_since(since, user_id)}
    return _ends(app, user_id, since, told)


async def _ends(app: App, user_id: int, since: datetime, told: set[int]) -> AsyncGenerator[Session, None]:
    changes = app.sessions_changed.changes(str(user_id))
    try:
        async for _ in changes:
            for session in await _ended_since(since, user_id):
                if session.id not in told:
                    told.add(session.id)
                    yield session
    finally:
        await changes.aclose()


async def _ended_since(since: datetime, user_id: int) -> list[Session]:
    return await Session.filter(user_id=user_id, revoked_at__gte=since).order_by("revoked_at", "id")
