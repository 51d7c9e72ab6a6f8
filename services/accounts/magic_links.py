"""Signing in by a letter: with its link, or with its code of six digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.emails import email_key
from models.accounts import User
from models.mail import DeliveryStatus
from models.one_time_tokens import OneTimeToken, Purpose
from services import audit, jobs, notifications, one_time_codes, one_time_tokens, sessions
from services.accounts import links, verification
from services.accounts.links import InvalidLink
from services.accounts.reclaiming import reclaim
from services.accounts.signing_in import SignedIn, enter
from services.audit import Action
from services.languages import phrase
from services.mfa import InvalidCode
from services.notifications import Delivery, Draft, Letter, Notice, Topic
from services.sessions import Client, Proof

if TYPE_CHECKING:
    from services.app import App
    from services.devices import Description

LETTER = "magic_link"
CODE = "magic-code"
"""What its codes are hashed as."""
ATTEMPTS = 5
"""Tries at one code. With the limits on asking for letters, that is 100 a day against a million codes."""
PROOF = Proof(methods=("otp",))


async def request(app: App, email: str, client: Client) -> None:
    """Write down that a letter is asked for. Whether there is such an account is found out later, by the job."""
    address = email_key(email)
    await links.enqueue(app, LETTER, address, {"address": address, "ip": client.ip})
    await jobs.wake(app)


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """Link and code, if there is such an account.

    Without one there is a code as well, which nobody is told: it can be tried as often as a real one.
    """
    address = delivery.payload["address"]
    user = await User.get_or_none(email_key=address)
    if user is None:
        await _keep_code(app, address, delivery, link=None)
        return None
    if await one_time_codes.overtaken(app, CODE, address, delivery):
        return None
    token = await links.issue_anew(app, user, Purpose.MAGIC_LINK, delivery)
    code = await _keep_code(app, address, delivery, link=await one_time_tokens.find(app, Purpose.MAGIC_LINK, token))
    if code is None:
        return None
    return Draft(
        user=user,
        template="link",
        subject=phrase("Sign in to your account"),
        values={
            "sentence": phrase("Here is your way in. If you have not asked for it, there is nothing to do."),
            "label": phrase("Sign in"),
            "url": notifications.link(app, Purpose.MAGIC_LINK, token),
            "code": code,
            "valid_for": links.LIFETIME,
        },
    )


async def _sent(app: App, delivery: Delivery, status: DeliveryStatus) -> None:
    """Tell the audit log whose account a way into was sent to."""
    user = await User.get_or_none(email_key=delivery.payload["address"])
    if status is DeliveryStatus.SENT and user is not None:
        await audit.record(app, Action.MAGIC_LINK_REQUESTED, user_id=user.id, client=Client(ip=delivery.payload["ip"]))


async def complete_by_link(app: App, token: str, device: Description | None, client: Client) -> SignedIn:
    """Begin a session with the token of a link. Raises InvalidLink, and what `enter` raises."""
    row, user = await links.proven(app, Purpose.MAGIC_LINK, token)
    await _spend(app, row, user, client)
    return await enter(app, user, device, client, PROOF)


async def complete_by_code(app: App, email: str, code: str, device: Description | None, client: Client) -> SignedIn:
    """Begin a session with address and code. Raises InvalidCode, and what `enter` raises."""
    address = email_key(email)
    kept = await one_time_codes.kept(app, CODE, address)
    left = await one_time_tokens.attempt(app, kept, ATTEMPTS) if kept else None
    if kept is None or left is None:
        raise InvalidCode(0)
    user = kept.user
    link = await OneTimeToken.get_or_none(id=kept.data["link"])
    right = one_time_codes.is_right(app, kept, CODE, address, code)
    if not right or link is None or user is None or user.email_key != address:
        raise InvalidCode(left)
    try:
        await _spend(app, link, user, client)
    except InvalidLink as error:
        raise InvalidCode(0) from error
    return await enter(app, user, device, client, PROOF)


async def _spend(app: App, link: OneTimeToken, user: User, client: Client) -> None:
    """Use up the letter, whose link decides for its code too. The address is proven by it. Raises InvalidLink."""
    async with app.database.transaction():
        if not await one_time_tokens.spend(app, link):
            raise InvalidLink
        news = await verification.mark(app, user, client)
        if news:
            await reclaim(app, user)
            await notifications.notify(app, user.id, Notice.PASSWORD_VOID, dedup_key=str(user.id))
    if news:
        await sessions.tell_of(app, user.id)
        await jobs.wake(app)


async def _keep_code(app: App, address: str, delivery: Delivery, *, link: OneTimeToken | None) -> str | None:
    return await one_time_codes.keep(
        app,
        Purpose.MAGIC_LINK,
        CODE,
        address,
        delivery,
        address=address,
        lifetime=links.LIFETIME,
        user_id=link.user_id if link else None,
        data={"link": link.id if link else None},
    )


MAGIC_LINKS = Letter(LETTER, Topic.SECURITY, _compose, settled=_sent)
