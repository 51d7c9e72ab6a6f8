"""Guessing passwords: how many guesses are looked at, by whom, and what is answered to the others.

A guess is counted before the password is looked at, and given back when it was right, so that no burst gets more looks
than it may. One guess too many is compared with a hash that nothing matches: the answer and the work are those of a
wrong password. Tries are counted by the address as it was asked for, whether or not there is such an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.limits import Allowance
from core.emails import InvalidEmail, email_key, parse_email
from core.errors import PorchlightError
from core.networks import network_of
from models.accounts import User
from models.devices import Device
from services import audit, challenges, devices
from services.audit import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.passwords import Place
    from services.app import App
    from services.devices import Description
    from services.sessions import Client

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0

HERE = Allowance(limit=100, window=DAY, free=5, pause=MINUTE / 2, longest=HOUR)
"""Failures on one account from one network: five, then pauses of 30 s to an hour (NIST SP 800-63B-4, section 3.2.2)."""
ANYWHERE = Allowance(limit=50, window=HOUR)
"""Failures on one account from everywhere: what many networks can do together, and one of them cannot alone."""
IN_A_ROW = Allowance(limit=80, window=30 * DAY)
"""Failures on one account since its last success. With those of a known device they are the 100 that NIST allows."""
NETWORK = Allowance(limit=100, window=HOUR)
"""Failures from one network on whichever accounts: one password tried on many."""
DEVICE = Allowance(limit=20, window=30 * DAY, free=5, pause=MINUTE / 2, longest=HOUR)
"""Failures on one account from one device that has been signed in to it before. Nobody else's count for it."""
CONFIRMATION = DEVICE
"""Failures of a signed-in user who is asked for the password again."""

RISKY_FOR_ACCOUNT = 10
"""Failures on an account, within an hour, that make a proof of work the price of each further guess: twice what
anybody has who merely mistypes."""
RISKY_FOR_NETWORK = 20
"""The same for a network: a household or an office does not come to so many in an hour."""

NOBODY = 0
"""An id that no user has."""


@dataclass(frozen=True)
class _Guess:
    """One guess: whether it may be looked at, under what it was counted, and what each of these had before it."""

    may_look: bool
    counted: Mapping[str, Allowance]
    before: Mapping[str, int]


async def sign_in(
    app: App, *, email: str, password: str, device: Description | None, client: Client, challenge_answer: str | None
) -> User | None:
    """The user who has this address and this password, or None, after the same work, for everything else.

    Raises ChallengeRequired, Unavailable.
    """
    async with app.passwords.place() as place:
        address = email_key(email)
        user_id, password_hash = await _account_at(email)
        token = device.device_token if device else None
        known = await devices.find(app, user_id or NOBODY, token)
        row = {_in_a_row(address): IN_A_ROW}
        if known is not None:
            own = {_device_key(known.id): DEVICE}
            guess = await _counted(app, own)
        else:
            own = {_here(address, client): HERE} | row
            guess = await _counted(app, {_anywhere(address): ANYWHERE, _network_key(client): NETWORK} | own)
        try:
            if _is_risky(guess, address, client):
                await challenges.require(app, challenges.LOGIN, client=client, address=address, answer=challenge_answer)
            genuine = await app.passwords.verify(password, password_hash if guess.may_look else None, place)
        except PorchlightError:
            await _take_back(app, guess)
            raise
        if not genuine:
            await _record_failure(app, user_id, client, guess)
            return None
        user = await User.get_or_none(id=user_id)
        if user is None or not await _still_opens(app, user, password, password_hash, place):
            await _record_failure(app, user_id, client, guess)
            return None
        await _take_back(app, guess, ended=own | row)
        return user


async def confirm(app: App, user: User, password: str, client: Client) -> bool:
    """Whether this is the password of a signed-in user, who is asked for it again.

    Guesses are counted by user, so that a stolen session is no place to guess at; one too many is compared with
    nothing. A failure is written to the audit log at once: call it before a transaction begins. Raises Unavailable.
    """
    own = {_confirmation_key(user.id): CONFIRMATION}
    async with app.passwords.place() as place:
        guess = await _counted(app, own)
        genuine = await app.passwords.verify(password, user.password_hash if guess.may_look else None, place)
        if genuine:
            await _take_back(app, guess, ended=own)
        else:
            await _record_failure(app, user.id, client, guess)
        return genuine


async def forgive(app: App, user: User, client: Client) -> None:
    """Forget the failures on an account whose owner has shown by another way who they are, as by a letter's link."""
    known = await Device.filter(user_id=user.id).values_list("id", flat=True)
    address = user.email_key
    failures = {
        _here(address, client): HERE,
        _anywhere(address): ANYWHERE,
        _in_a_row(address): IN_A_ROW,
        _confirmation_key(user.id): CONFIRMATION,
    }
    await app.limits.forget(failures | {_device_key(int(str(number))): DEVICE for number in known})


async def _still_opens(app: App, user: User, password: str, verified: str | None, place: Place) -> bool:
    """Whether the password that was verified is the account's still: it may have been changed while it was hashed."""
    return user.password_hash == verified or await app.passwords.verify(password, user.password_hash, place)


async def _account_at(email: str) -> tuple[int | None, str | None]:
    """Id and password hash of an account. Its row becomes a User once the password is right: 0.03 ms would tell."""
    try:
        rows = User.filter(email_key=parse_email(email).key).values_list("id", "password_hash")
    except InvalidEmail:
        return None, None
    found: list[Any] = await rows
    return found[0] if found else (None, None)


async def _counted(app: App, allowances: Mapping[str, Allowance]) -> _Guess:
    if not app.settings.rate_limits:
        return _Guess(may_look=True, counted={}, before={})
    answer = await app.limits.count(allowances)
    before = dict(zip(allowances, answer.before, strict=True))
    return _Guess(not answer.wait, {} if answer.wait else allowances, before)


async def _take_back(app: App, guess: _Guess, *, ended: Mapping[str, Allowance] | None = None) -> None:
    """This guess was none; with the right password the failures before it, in a row, are no more either."""
    if guess.counted:
        await app.limits.take_back(guess.counted)
        if ended:
            await app.limits.forget(ended)


def _is_risky(guess: _Guess, address: str, client: Client) -> bool:
    """Whether others have failed here so often that a guess has its price. Never for a device that is known."""
    on_account, from_network = guess.before.get(_anywhere(address), 0), guess.before.get(_network_key(client), 0)
    return on_account >= RISKY_FOR_ACCOUNT or from_network >= RISKY_FOR_NETWORK


async def _record_failure(app: App, user_id: int | None, client: Client, guess: _Guess) -> None:
    """One row, for addresses without an account too: whoever measures the time sees the same work."""
    await audit.record(app, Action.SIGN_IN_FAILED, user_id=user_id, client=client, locked=not guess.may_look)


def _here(address: str, client: Client) -> str:
    return f"failures:here:{network_of(client.ip)}:{address}"


def _anywhere(address: str) -> str:
    return f"failures:anywhere:{address}"


def _in_a_row(address: str) -> str:
    return f"failures:row:{address}"


def _network_key(client: Client) -> str:
    return f"failures:network:{network_of(client.ip)}"


def _device_key(device_id: int) -> str:
    return f"failures:device:{device_id}"


def _confirmation_key(user_id: int) -> str:
    return f"failures:confirmation:{user_id}"
