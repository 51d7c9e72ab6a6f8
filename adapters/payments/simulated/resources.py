"""Every module whose functions answer requests: importing them is what adds their addresses."""

from adapters.payments.simulated import customers, discounts, events, faults, products, wallets
from adapters.payments.simulated.routing import ROUTES, Handler

MODULES = (customers, wallets, products, discounts, events)


def matched(method: str, path: str) -> tuple[Handler, str]:
    """Who answers, and the id in the path. Raises StripeFault when nobody does."""
    for wanted, pattern, handler in ROUTES:
        match = pattern.fullmatch(path)
        if wanted == method and match:
            return handler, match.groupdict().get("id", "")
    raise faults.no_address(method, path)
