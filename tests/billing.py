"""Purchases in tests: a server whose payments are answered by a simulated Stripe of the test's own."""

from dataclasses import dataclass, field, replace
from typing import Any

from adapters.payments import StripePayments
from adapters.payments.simulated import SimulatedStripe
from core.settings import Settings
from services.app import Ports, choose_ports
from services.billing import Catalogue, Plan
from tests.clock import ManualClock

KEY = "sk_test_of_this_test"


@dataclass
class Shop:
    """A simulated Stripe that tells what it was asked."""

    clock: ManualClock
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = SimulatedStripe(self.clock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(f"{scope['method']} {scope['path']}")
        await self.site(scope, receive, send)

    @property
    def changes(self) -> list[str]:
        """What was to be changed so far."""
        return [asked for asked in self.asked if not asked.startswith("GET")]

    def payments(self) -> StripePayments:
        """Our adapter, asking this shop."""
        return StripePayments(KEY, base="http://stripe.simulated", site=self)

    def ports(self, settings: Settings) -> Ports:
        """Ports that sell by this shop."""
        return replace(choose_ports(settings, self.clock), payments=self.payments())


def priced(catalogue: Catalogue, *plans: Plan, **changes: dict[str, int]) -> Catalogue:
    """The catalogue with further plans, and with other prices of those that are named, hyphens written as `_`."""
    kept = {plan.key: plan for plan in [*catalogue.plans.values(), *plans]}
    for name, prices in changes.items():
        key = name.replace("_", "-")
        kept[key] = replace(kept[key], prices=prices)
    return replace(catalogue, plans=kept)
