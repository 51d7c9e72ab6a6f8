"""Registering: the account, its first session, its trial and its welcome letter, all of them or nothing."""

from __future__ import annotations

import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from core.emails import InvalidEmail, parse_email
from core.errors import BadUserInput, Refusal
from core.password_rules import InvalidPassword
from models.accounts import Role, User
from services import analytics, audit, cards, challenges, fraud, jobs, notifications, trials
from services.accounts.passwords import accepted
from services.accounts.signing_in import SignedIn, begin_session
from services.analytics import UserRegistered
from services.audit import Action
from services.languages import zone_of
from services.languages.tags import is_locale
from services.sessions import PASSWORD

if TYPE_CHECKING:
    from models.trials import Trial
    from services.app import App
    from services.devices import Description
    from services.sessions import Client

__all__ = ["EmailTaken", "InvalidEmail", "InvalidPassword", "cleaned_name", "name_key", "register"]

LONGEST_NAME = 100


class EmailTaken(Refusal):
    """Somebody has registered with this address. The one place that tells so: ADR 0006."""

    message = "There is an account with this e-mail address. Sign in instead."


async def register(
    app: App,
    *,
    email: str,
    password: str,
    name: str | None,
    device: Description | None,
    client: Client,
    challenge_answer: str | None = None,
    payment_method: str | None = None,
    form_seconds: float | None = None,
) -> tuple[SignedIn, Trial | None]:
    """Make an account, its first session, its trial and its welcome letter: all of them or nothing.

    The trial is None when the person has had one under another address, and while somebody has to look at the sign-up.
    `payment_method` and `form_seconds`, how long the form was open, are signals, and not needed.
    Raises InvalidEmail, InvalidPassword, ChallengeRequired, FraudSuspected, EmailTaken, Unavailable, BadUserInput.
    """
    address = parse_email(email)
    name = cleaned_name(name)
    good = await accepted(app, password, email=address.written, name=name, has_factor=False)
    # The provider may take seconds, so before the transaction; and an error before the answer, which is spent.
    card = await cards.card_behind(app, payment_method)
    proven = await fraud.proven(app, client=client, address=address, answer=challenge_answer)
    if not proven:
        await challenges.require_of_busy(app, challenges.REGISTER, client=client, address=address.key, answer=None)
    sign_up = fraud.SignUp(
        address=address, client=client, device=device, card=card, form_seconds=form_seconds, proven=proven
    )
    password_hash = await app.passwords.hash(good)
    try:
        signed_in, trial = await _make_account(app, sign_up, password_hash, name)
    except fraud.Stopped as stopped:
        if stopped.refused and await User.exists(email_key=address.key):
            raise EmailTaken from stopped  # who forgot that they have an account is no fraud
        await fraud.refuse(app, stopped.checked)
    except IntegrityError as error:
        if await User.exists(email_key=address.key):
            raise EmailTaken from error
        raise
    await jobs.wake(app)
    return signed_in, trial


def cleaned_name(name: str | None) -> str | None:
    """A display name in NFKC, trimmed; None when nothing is left. Raises BadUserInput."""
    if name is None:
        return None
    cleaned = unicodedata.normalize("NFKC", name[: LONGEST_NAME * 4]).strip()
    if len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        raise BadUserInput(f"name has at most {LONGEST_NAME} characters, all of them printable.")
    return cleaned or None


def name_key(name: str | None) -> str | None:
    """A display name as it is searched for: without case, whichever the script."""
    return unicodedata.normalize("NFKC", name.casefold()) if name else None


async def _make_account(
    app: App, sign_up: fraud.SignUp, password_hash: str, name: str | None
) -> tuple[SignedIn, Trial | None]:
    """One transaction, which begins with the check. Raises Stopped, IntegrityError."""
    async with app.sign_ups, app.database.transaction():
        checked = await fraud.check(app, sign_up)
        user = await _create_user(app, sign_up, password_hash, name)
        signed_in = await begin_session(app, user, sign_up.device, sign_up.client, PASSWORD)
        trial = await _begin_trial(app, user, checked, signed_in.device_token)
        await audit.record(app, Action.REGISTERED, actor=user, client=sign_up.client)
    return signed_in, trial


async def _create_user(app: App, sign_up: fraud.SignUp, password_hash: str, name: str | None) -> User:
    """The account. Its letters are in the language and the zone of its first device, until its owner says others."""
    locale, timezone = (sign_up.device.locale, sign_up.device.timezone) if sign_up.device else (None, None)
    return await User.create(
        email=sign_up.address.written,
        email_key=sign_up.address.key,
        locale=locale if locale and is_locale(locale) else None,
        timezone=timezone if zone_of(timezone) is not UTC else None,
        name=name,
        name_key=name_key(name),
        password_hash=password_hash,
        role=Role.USER,
        created_at=app.clock.now(),
    )


async def _begin_trial(app: App, user: User, checked: fraud.Checked, device_token: str) -> Trial | None:
    """The trial that the check gives: a full one, a smaller one, or none until somebody has looked.

    The letter that welcomes the user, and the event of the registration, are written with it or by themselves.
    """
    trial, letters = None, [notifications.welcome(app, user)]
    if checked.gives_trial:
        address, percent = checked.sign_up.address, checked.quota_percent
        happened = [UserRegistered(trial=True)]
        trial = await trials.begin(app, user, address, quota_percent=percent, letters=letters, happened=happened)
    if trial is None:
        await analytics.record(app, user.id, UserRegistered(trial=False))
        await jobs.enqueue_all(letters)
    await fraud.keep(app, checked, user_id=user.id, device_token=device_token, granted=trial is not None)
    return trial
