"""The pages of the simulated Stripe: checkout, 3-D Secure, invoices and the billing portal, without a script."""

from adapters.payments.simulated.pages.serving import Pages
from adapters.payments.simulated.pages.visits import PREFIX

__all__ = ["PREFIX", "Pages"]
