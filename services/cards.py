"""Cards: what tells that two payment methods were made from one card. Nothing of a card is kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from core.errors import BadUserInput, Unavailable

if TYPE_CHECKING:
    from services.app import App

log = structlog.get_logger(__name__)


async def card_behind(app: App, payment_method: str | None) -> str | None:
    """A keyed hash of the card behind a payment method: the same for each that was made from one card.

    None without a payment method, and while the provider gives no answer: then a request goes on without this signal.
    Call it outside a transaction, for it may take seconds. Raises BadUserInput where there is no card.
    """
    if payment_method is None:
        return None
    try:
        card = await app.payments.card_of(payment_method)
    except Unavailable:
        app.metrics.cards.labels("unavailable").inc()
        log.warning("cards.unavailable")
        return None
    app.metrics.cards.labels("known" if card else "unknown").inc()
    if card is None:
        raise BadUserInput("There is no card behind paymentMethod.")
    return app.keys.identity("card", card.fingerprint) if card.fingerprint else None
