"""What is sold, and how it is paid."""

from services.billing.catalogue import (
    CATALOGUE_FILE,
    LARGEST_QUANTITY,
    UNLIMITED,
    BillingInterval,
    Catalogue,
    CatalogueError,
    Feature,
    Meter,
    Plan,
    TrialEnd,
    Window,
    read_catalogue,
)
from services.billing.syncing import sync_plans

__all__ = [
    "CATALOGUE_FILE",
    "LARGEST_QUANTITY",
    "UNLIMITED",
    "BillingInterval",
    "Catalogue",
    "CatalogueError",
    "Feature",
    "Meter",
    "Plan",
    "TrialEnd",
    "Window",
    "read_catalogue",
    "sync_plans",
]
