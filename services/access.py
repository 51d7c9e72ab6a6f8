"""Who is asking, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto
from functools import cache
from typing import TYPE_CHECKING

from adapters.database import Question, instances, related
from core.errors import Unauthenticated
from core.tokens import InvalidTokenError
from models.accounts import Role, User
from models.sessions import Session
from models.trials import Trial
from services import sessions
from services.viewers import real_now

if TYPE_CHECKING:
    from adapters.database import Record
    from adapters.database.addresses import Dialect
    from services.app import App


FRESH = 1.0
"""Real seconds for which a row that was read for this very request tells what is: a request that waits for nothing ends
within them, one that waits for its own body or in a line may not."""


_TABLES = (Session, "s"), (User, "u"), (Trial, "t")
_SQL = """SELECT asked.place, {columns} FROM {{asked}}
JOIN sessions s ON s.key = asked.key AND s.user_id = asked.user_id
JOIN users u ON u.id = s.user_id LEFT JOIN trials t ON t.user_id = u.id"""


class Permission(StrEnum):
    """What somebody may do beyond their own account."""

    READ_USERS = auto()
    """See accounts, what belongs to them, and who is on the staff."""
    EXTEND_TRIALS = auto()
    RECORD_USAGE = auto()
    """Report what others have used."""
    SUSPEND_USERS = auto()
    """Suspend and restore accounts without a role."""
    SUSPEND_STAFF = auto()
    """Suspend and restore accounts with a role."""
    ASSIGN_ROLES = auto()
    READ_AUDIT = auto()
    """Read what happened to other accounts."""
    REVIEW_FRAUD = auto()
    """Decide fraud cases, and keep the lists."""
    REPLAY_WEBHOOKS = auto()
    """See what the payment provider has told, and have it looked into again."""
    SET_FLAGS = auto()
    """Roll features out, and kill them."""
    READ_FIGURES = auto()
    """See figures. It is what tells an ANALYST from a USER."""


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.SUPPORT: frozenset(
        {
            Permission.READ_USERS,
            Permission.EXTEND_TRIALS,
            Permission.RECORD_USAGE,
            Permission.REVIEW_FRAUD,
            Permission.SUSPEND_USERS,
        }
    ),
    Role.ANALYST: frozenset({Permission.READ_FIGURES}),
    Role.ADMIN: frozenset(Permission),
}
"""The one table of who may do what."""


@dataclass(frozen=True)
class Viewer:
    """The signed-in user of a request, with the session that the request belongs to."""

    user: User
    session: Session
    kept: bool = False
    """Whether the rows were read for an earlier request, a few seconds ago: good enough to look, not to change."""
    read_at: float = field(default_factory=real_now)
    """The real moment when the reading of the rows began; of kept ones, when they were found."""
    record: Record | None = field(default=None, repr=False)
    """The rows as they were read, with the user's trial; None of kept ones, and of who has just signed in."""

    @property
    def is_fresh(self) -> bool:
        """Whether the rows are good enough to change something by."""
        return not self.kept and real_now() - self.read_at <= FRESH


class Suspended(Unauthenticated):
    """The viewer's account has been suspended."""

    message = "This account has been suspended."


async def authenticate(app: App, access_token: str) -> Viewer:
    """The viewer that an access token stands for. Raises Unauthenticated, Suspended.

    One query, or none where the row was read a moment ago; and one UPDATE once a minute or at the first use of a token.
    What was read is read again when the row changed before that use could be written down: a token that nobody has used
    may be replaced at any moment.
    """
    try:
        claims = await app.key_keeper.read_access_token(access_token, app.clock.now())
    except InvalidTokenError as error:
        raise Unauthenticated("The access token is not valid.") from error
    if kept := _kept(app, claims.session_key, claims.user_id, claims.counter):
        return kept
    while True:
        viewer = await _read(app, claims.session_key, claims.user_id)
        if sessions.is_superseded(viewer.session, claims.counter):
            raise Unauthenticated("This access token has been replaced.")
        if await sessions.see(app, viewer.session, claims.counter):
            return viewer


async def renewed(app: App, viewer: Viewer) -> Viewer:
    """The viewer with role and session as they are now, or were a moment ago. Raises Unauthenticated, Suspended."""
    if kept := _kept(app, viewer.session.key, viewer.user.id):
        return kept
    fresh = await _read(app, viewer.session.key, viewer.user.id)
    await sessions.see(app, fresh.session)
    return fresh


async def viewer_of(app: App, session_key: str, user_id: int) -> Viewer:
    """The viewer of a session that stands, as it is now. One query. Raises Unauthenticated, Suspended."""
    begun_at = real_now()
    return _standing(app, await _row(app, session_key, user_id), begun_at)


def trial_read_with(app: App, viewer: Viewer) -> Trial | None:
    """The trial of a viewer who has a `record`, as it was when that was read: one statement gives both (ADR 0057)."""
    made, at = instances(Trial, app.database.dialect), _trials_place(app.database.dialect)
    assert viewer.record is not None
    return made.of(viewer.record, at) if viewer.record[at] is not None else None


def _kept(app: App, session_key: str, user_id: int, counter: int = 0) -> Viewer | None:
    """The viewer whose row was read a moment ago. Whatever is not a plain yes is for the database to say."""
    record = app.viewers.find(session_key, user_id)
    if record is None:
        return None
    viewer, now = _viewer_in(record, app.database.dialect, real_now(), kept=True), app.clock.now()
    stands = sessions.is_live(viewer.session, now) and not is_gone(viewer.user, now)
    good = stands and not sessions.is_superseded(viewer.session, counter)
    return viewer if good and sessions.is_seen(viewer.session, counter, now) else None


async def _read(app: App, session_key: str, user_id: int) -> Viewer:
    """The same as `viewer_of`, and the row is kept for the next requests unless its user has a role."""
    with app.viewers.reading(user_id) as reading:
        record = await _row(app, session_key, user_id)
        viewer = _standing(app, record, reading.begun_at)
        if record is not None and not is_staff(viewer.user):
            reading.keep(session_key, record)
    return viewer


async def _row(app: App, session_key: str, user_id: int) -> Record | None:
    found = await app.database.answers(_question(app.database.dialect), [session_key, user_id])
    return found[0] if found else None


def _standing(app: App, record: Record | None, begun_at: float) -> Viewer:
    if record is None:
        raise Unauthenticated("This session has ended.")
    viewer, now = _viewer_in(record, app.database.dialect, begun_at), app.clock.now()
    if viewer.user.suspended_at is not None:
        raise Suspended
    if not sessions.is_live(viewer.session, now):
        raise Unauthenticated("This session has ended.")
    if is_gone(viewer.user, now):
        raise Unauthenticated("This account has been deleted.")
    return viewer


@cache
def _question(dialect: Dialect) -> Question:
    columns = ", ".join(instances(model, dialect).columns(table) for model, table in _TABLES)
    return Question((("key", "text"), ("user_id", "bigint")), _SQL.format(columns=columns))


@cache
def _trials_place(dialect: Dialect) -> int:
    """The place of a record at which the trial begins: its first column is null where there is none."""
    return 1 + instances(Session, dialect).width + instances(User, dialect).width


def _viewer_in(record: Record, dialect: Dialect, read_at: float, *, kept: bool = False) -> Viewer:
    sessions_, users = instances(Session, dialect), instances(User, dialect)
    session, user = sessions_.of(record, 1), users.of(record, 1 + sessions_.width)
    related(session, "user", user)
    return Viewer(user, session, kept, read_at, None if kept else record)


def is_assured(
    viewer: Viewer, max_age: int | None, now: datetime, *, has_factor: bool, adding_factor: bool = False
) -> bool:
    """Whether the viewer has used the strongest factor of their account, within `max_age` seconds.

    That is a second factor where the account has one (`has_factor`), else the password. Staff need a second factor,
    but for `adding_factor`: without that, who has become staff could never add their first one.
    """
    session = viewer.session
    if has_factor or (is_staff(viewer.user) and not adding_factor):
        proven_at = session.factor_at if session.assurance > 1 else None
    else:
        proven_at = session.password_at
    if proven_at is None:
        return False
    return max_age is None or now - proven_at <= timedelta(seconds=max_age)


def is_gone(user: User, now: datetime) -> bool:
    """Whether the account counts as deleted, whether or not the job that deletes it has come by."""
    return user.deletion_at is not None and user.deletion_at <= now


def is_staff(user: User) -> bool:
    """Whether the user may do more than their own account allows."""
    return user.role is not Role.USER


def may_less(now: Role, before: Role) -> bool:
    """Whether a user's role has been lowered: something that `before` allowed is not allowed any more."""
    return not PERMISSIONS[before] <= PERMISSIONS[now]


def has_permission(user: User, permission: Permission) -> bool:
    """Whether the user may do this beyond their own account."""
    return permission in PERMISSIONS[user.role]


def has_role(user: User, required: Role) -> bool:
    """Whether the user may do all that `required` may."""
    return PERMISSIONS[user.role] >= PERMISSIONS[required]
