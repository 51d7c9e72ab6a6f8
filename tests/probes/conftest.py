"""The server that is attacked, and who attacks it."""

from collections.abc import AsyncGenerator, Generator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.clock import ManualClock
from tests.porchlight import Porchlight, running, settings_for
from tests.probes.attacker import Attacker

HOST = "https://porchlight.example"
FRIEND = "https://app.porchlight.example"
PRODUCTION: dict[str, Any] = {
    "profile": "production",
    "public_url": HOST,
    "allowed_origins": (FRIEND,),
    "payments_url": "stripe://",
    "stripe_api_key": "sk_live_1",
    "stripe_webhook_secret": ("whsec_1",),
    "mail_webhook_secret": ("a-secret-of-a-mail-server-of-this-test",),
}


@pytest.fixture
def events() -> Generator[list[MutableMapping[str, Any]]]:
    """What is logged meanwhile. Whatever is sent, nothing is a fault of ours."""
    with capture_logs() as events:
        yield events
    assert [event for event in events if event["log_level"] in {"error", "critical"}] == []


@pytest.fixture
async def site(
    sqlite_url: str, tmp_path: Path, clock: ManualClock, events: list[MutableMapping[str, Any]]
) -> AsyncGenerator[Porchlight]:
    """A server of the production profile: nothing here depends on where rows live."""
    assert events == []
    settings = settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}", **PRODUCTION)
    async with running(settings, clock) as porchlight:
        yield porchlight


@pytest.fixture
async def attacker(site: Porchlight) -> Attacker:
    """Somebody who has an account, and nothing good in mind."""
    return Attacker(site, await site.register())
