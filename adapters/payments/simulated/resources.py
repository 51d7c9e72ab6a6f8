"""Every module whose functions answer requests: importing them is what adds their addresses."""

from adapters.payments.simulated import (
    checkout,
    customers,
    discounts,
    events,
    faults,
    invoices,
    payments,
    portal,
    previewing,
    products,
    subscriptions,
    wallets,
)
from adapters.payments.simulated.routing import ROUTES, Handler

MODULES = (
    checkout,
    portal,
    customers,
    wallets,
    products,
    discounts,
    events,
    previewing,
    subscriptions,
    invoices,
    payments,
)


def matched(method: str, path: str) -> tuple[Handler, str]:
    """Who answers, and the id in the path. Raises StripeFault when nobody does."""
    found = [
        (match, handler)
        for wanted, pattern, handler in ROUTES
        if wanted == method and (match := pattern.fullmatch(path))
    ]
    if not found:
        raise faults.no_address(method, path)
    # What is spelled out goes before what could be an id.
    match, handler = min(found, key=lambda each: len(each[0].groups()))
    return handler, match.groupdict().get("id", "")
