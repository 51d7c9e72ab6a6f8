"""Moving an account to another address: asked for where one is signed in, confirmed where the new letters arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from core.emails import parse_email
from models.accounts import User
from models.one_time_tokens import OneTimeToken, Purpose
from services import analytics, audit, jobs, notifications, onboarding, one_time_tokens, sessions
from services.accounts import links
from services.accounts.links import InvalidLink
from services.analytics import UserEmailVerified
from services.audit import Action
from services.holding import hold_in_session, stands
from services.languages import phrase
from services.notifications import Delivery, Draft, Letter, Mailbox, Notice, Topic, suppression

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

LETTER = "change_email"


async def request(app: App, viewer: Viewer, new_email: str, client: Client) -> str:
    """Write to the new address and to the present one; the new one as it is understood. Raises InvalidEmail.

    Whether somebody else has the new address makes no difference here: the job finds it out.
    """
    user, address = viewer.user, parse_email(new_email)
    payload = {
        "user_id": user.id,
        "session": viewer.session.id,
        "from": user.email_key,
        "written": address.written,
        "key": address.key,
    }
    async with app.database.transaction():
        await hold_in_session(viewer)
        await links.enqueue(app, LETTER, f"{user.id} {address.key}", payload)
        minute = app.clock.now().strftime("%Y%m%d%H%M")
        key = f"{user.id}:{minute}"
        await notifications.notify(app, user.id, Notice.EMAIL_CHANGE_REQUESTED, dedup_key=key)
        await audit.record(app, Action.EMAIL_CHANGE_REQUESTED, actor=user, client=client)
    await jobs.wake(app)
    return address.written


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """The link for the new address, or instead a notice to whose address it is."""
    payload = delivery.payload
    user = await User.get_or_none(id=payload["user_id"], email_key=payload["from"])
    if user is None or not await stands(payload["session"]):
        return None
    new = Mailbox(payload["written"], payload["key"])
    owner = await User.get_or_none(email_key=new.key)
    if owner is not None and owner.id != user.id:
        minute = app.clock.now().strftime("%Y%m%d%H%M")
        await notifications.notify(app, owner.id, Notice.ADDRESS_IN_USE, dedup_key=f"{owner.id}:{minute}")
        await jobs.wake(app)
        return None
    data = {"from": user.email_key, "written": new.written, "session": payload["session"]}
    token = await links.issue_anew(app, user, Purpose.CHANGE_EMAIL, delivery, address=new.key, data=data)
    return Draft(
        user=user,
        template="link",
        subject=phrase("Confirm your new e-mail address"),
        to=new,
        values={
            "sentence": phrase("Somebody wants to use this address for their account. Confirm it if that is you."),
            "label": phrase("Use this address"),
            "url": notifications.link(app, Purpose.CHANGE_EMAIL, token),
            "code": None,
            "valid_for": links.LIFETIME,
        },
    )


async def confirm(app: App, token: str, client: Client) -> User:
    """The user, at the new address, which counts as proven. Links that went to the old one are dead, sessions stand.

    Raises InvalidLink, also when somebody has taken the address meanwhile.
    """
    row = await one_time_tokens.find(app, Purpose.CHANGE_EMAIL, token)
    if row is None or row.user is None:
        raise InvalidLink
    user, new = row.user, Mailbox(row.data["written"], row.address or "")
    try:
        async with app.database.transaction():
            await _move(app, row, user, new)
            await _settle(app, user, row.id, new, client)
    except IntegrityError as error:
        raise InvalidLink from error
    await sessions.tell_of(app, user.id)
    await jobs.wake(app)
    return await User.get(id=user.id)


async def _move(app: App, row: OneTimeToken, user: User, new: Mailbox) -> None:
    """Spend the token and change the address that it was asked for from. Raises InvalidLink, IntegrityError."""
    if not await one_time_tokens.spend(app, row):
        raise InvalidLink
    standing = User.filter(id=user.id, email_key=row.data["from"], suspended_at=None)
    if not await standing.update(email=new.written, email_key=new.key, email_verified_at=app.clock.now()):
        raise InvalidLink
    await onboarding.done(app, user.id, onboarding.VERIFY_EMAIL)
    if not await stands(row.data["session"]):  # who was signed out meanwhile moves nothing any more
        raise InvalidLink


async def _settle(app: App, user: User, change: int, new: Mailbox, client: Client) -> None:
    """Void what the old address could still do, and tell both addresses."""
    old = Mailbox(user.email, user.email_key)
    await one_time_tokens.void(
        app, user.id, Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL, Purpose.RESET_PASSWORD, Purpose.MAGIC_LINK
    )
    for mailbox, which in ((old, "old"), (new, "new")):
        await notifications.notify(app, user.id, Notice.EMAIL_CHANGED, dedup_key=f"{change}:{which}", to=mailbox)
    await suppression.lift(app, new.key, anew=True)
    # The log outlives the account: it can confirm an address that somebody names, and holds none.
    addresses: dict[str, Any] = {
        "old": app.keys.identity("address", old.key),
        "new": app.keys.identity("address", new.key),
    }
    await audit.record(app, Action.EMAIL_CHANGED, actor=user, client=client, **addresses)
    if user.email_verified_at is None:
        await analytics.record(app, user.id, UserEmailVerified())


EMAIL_CHANGES = Letter(LETTER, Topic.SECURITY, _compose)
