"""Trusted devices: for 30 days they stand for the second factor at sign-in."""

from datetime import timedelta
from typing import Any

import pytest

from models import Device
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.second_factors import (
    WRONG,
    Protected,
    claims,
    complete,
    events,
    half_session,
    login,
    next_step,
    sessions_of,
    somebody_protected,
)

DAY = timedelta(days=1)


@pytest.fixture
async def porchlight(start: Start) -> Porchlight:
    """A server that counts no calls."""
    return await start(rate_limits=False)


async def trust(porchlight: Porchlight, protected: Protected, **more: Any) -> dict[str, Any]:
    """A sign-in on a device that is trusted from then on."""
    token = await half_session(porchlight, protected.person.email, **more)
    result = await complete(porchlight, token, protected.code(porchlight), trust=True)
    await next_step(porchlight)
    return result


async def test_a_trusted_device_stands_for_the_factor(porchlight: Porchlight) -> None:
    """For 30 days, to the second; its session says that one factor was used."""
    protected = await somebody_protected(porchlight)
    device = {"deviceToken": (await trust(porchlight, protected, device={"name": "Firefox"}))["deviceToken"]}
    await porchlight.clock.advance(30 * DAY - timedelta(seconds=31))
    result = await login(porchlight, device=device)
    assert result["__typename"] == "LoginSuccess"
    said = claims(result["tokens"]["accessToken"])
    assert (said["acr"], said["amr"]) == ("1", ["pwd"])
    await porchlight.clock.advance(timedelta(seconds=1))
    assert (await login(porchlight, device=device))["__typename"] == "MfaRequired"
    [event] = await events(porchlight, "device.trusted")
    with porchlight.app.database.bound():
        [row] = await Device.filter(trusted_until__isnull=False)
    assert (event["actor_id"], event["subject"]) == (protected.person.user_id, f"Device:{row.id}")


async def test_a_device_that_says_nothing_of_itself_can_be_trusted(porchlight: Porchlight) -> None:
    """It is given a token then."""
    protected = await somebody_protected(porchlight)
    device = {"deviceToken": (await trust(porchlight, protected))["deviceToken"]}
    assert (await login(porchlight, device=device))["__typename"] == "LoginSuccess"


async def test_trust_is_the_token_of_this_users_device(porchlight: Porchlight) -> None:
    """Not a name or a fingerprint, nor somebody else's token, nor a device that was merely recognised."""
    ada, grace = await somebody_protected(porchlight), await somebody_protected(porchlight, "grace@example.com")
    said = {"name": "Firefox", "fingerprint": "f" * 32}
    trusted = (await trust(porchlight, ada, device=said))["deviceToken"]
    half = await half_session(porchlight, "grace@example.com", device=said)
    recognised = (await complete(porchlight, half, grace.code(porchlight)))["deviceToken"]
    for email, device in (
        ("ada@example.com", said),
        ("ada@example.com", {**said, "deviceToken": "x"}),
        ("ada@example.com", {**said, "deviceToken": recognised}),
        ("grace@example.com", {**said, "deviceToken": trusted}),
        ("grace@example.com", {**said, "deviceToken": recognised}),
    ):
        assert (await login(porchlight, email, device=device))["__typename"] == "MfaRequired", device
    assert (await login(porchlight, device={"deviceToken": trusted}))["__typename"] == "LoginSuccess"


async def test_a_wrong_code_trusts_nothing(porchlight: Porchlight) -> None:
    """No device, no session, no token."""
    protected = await somebody_protected(porchlight)
    token = await half_session(porchlight, device={"name": "Firefox"})
    await complete(porchlight, token, WRONG, trust=True)
    with porchlight.app.database.bound():
        assert await Device.filter(name="Firefox").count() == 0
    assert await sessions_of(porchlight, protected) == 1
