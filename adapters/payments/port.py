"""What we ask of a payment provider."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Card:
    """A card as its provider tells it: never the number.

    `fingerprint` is the same for each payment method that was made from one card number, and differs between accounts
    with the provider; None where the provider gives none. `country` is the issuer's, in ISO 3166's two letters.
    """

    fingerprint: str | None = field(repr=False)
    brand: str
    last4: str = field(repr=False)
    country: str | None
    funding: str


@runtime_checkable
class Payments(Protocol):
    """Knows payment methods."""

    async def open(self) -> None:
        """Make ready. The provider is not asked: one that is lost does not stop the start."""
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is asked afterwards."""
        ...

    async def card_of(self, payment_method: str) -> Card | None:
        """The card behind a payment method; None when there is no such thing, or no card behind it.

        Raises Unavailable when the provider gives no answer that can be used in time.
        """
        ...

    @property
    def degraded(self) -> bool:
        """Whether the provider is left alone for now, because it failed again and again."""
        ...
