"""The simulated Stripe as its people see it: webhooks that come in, and pages. Only where payments are simulated."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.routing import Mount

from adapters.payments import simulated_behind
from adapters.payments.simulated import PREFIX, Endpoint
from core.setting_values import origin
from services.billing import inbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from services.app import App

WEBHOOKS = "/webhooks/stripe"


def page_routes(app: App) -> list[BaseRoute]:
    """The pages on which people pay; none where nothing is simulated, as in production."""
    stripe = simulated_behind(app.payments)
    return [Mount(PREFIX, stripe.pages)] if stripe and not app.settings.production else []


@asynccontextmanager
async def delivering(app: App, site: ASGIApp) -> AsyncGenerator[None]:
    """Have the simulated Stripe send its webhooks to `site`, within this process, for as long as the server runs."""
    stripe = simulated_behind(app.payments)
    if stripe is None:
        yield
        return
    stripe.deliveries.endpoint = Endpoint(
        f"{origin(app.settings.public_url)}{WEBHOOKS}", inbox.secrets_of(app)[0], site
    )
    task = asyncio.create_task(stripe.deliveries.keep_delivering())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
