"""What comes at once with a sign-in or a change: the account's row is taken, and what has changed is heeded."""

from typing import Any

import pytest

from core.errors import Unauthenticated
from models import Session, User
from services import access
from services.accounts import signing_in
from services.accounts.signing_in import InvalidCredentials
from services.holding import hold_in_session, hold_unchanged
from tests.porchlight import PASSWORD, Porchlight


@pytest.mark.parametrize("column", ["password_hash", "suspended_at"])
async def test_an_account_that_has_changed_is_not_taken(porchlight: Porchlight, column: str) -> None:
    """A proof that was given before a suspension or a new password opens nothing after it."""
    await porchlight.register()
    changes: dict[str, Any] = {"password_hash": "-", "suspended_at": porchlight.clock.now()}
    with porchlight.app.database.bound():
        user = await User.get()
        await hold_unchanged(user)
        await User.all().update(**{column: changes[column]})
        with pytest.raises(Unauthenticated):
            await hold_unchanged(user)


async def test_a_session_that_has_ended_takes_nothing(porchlight: Porchlight) -> None:
    """Whatever its request had read before."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        viewer = await access.authenticate(porchlight.app, person.access_token)
        await hold_in_session(viewer)
        await Session.all().update(revoked_at=porchlight.clock.now())
        with pytest.raises(Unauthenticated):
            await hold_in_session(viewer)


async def test_two_sign_ins_that_rehash_at_once_both_pass(porchlight: Porchlight) -> None:
    """The one that comes second meets another hash of the same password; one of another password is refused."""
    await porchlight.register()
    app = porchlight.app
    with app.database.bound():
        user = await User.get()
        theirs = await app.passwords.hash(PASSWORD)
        await User.all().update(password_hash=theirs)
        await signing_in._rehash(app, user, PASSWORD)
        assert user.password_hash == theirs
        stale = await User.get()
        await User.all().update(password_hash=await app.passwords.hash("another one that is long enough"))
        with pytest.raises(InvalidCredentials):
            await signing_in._rehash(app, stale, PASSWORD)
