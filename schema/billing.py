"""Plans and money."""

from typing import Annotated

import strawberry

from core.cursors import encode_id
from schema.enums import described
from schema.nodes import Node
from services import billing

BillingInterval = described(
    billing.BillingInterval,
    "How often a plan is paid.",
    {"MONTH": "Each month.", "YEAR": "Each year."},
)


@strawberry.type(description="An amount of money.")
class Money:
    """Money in minor units."""

    amount: int = strawberry.field(description="In minor units: 1900 is 19.00 EUR.")
    currency: str = strawberry.field(description="ISO 4217 code.")


@strawberry.type(description="What a plan includes.")
class Entitlement:
    """One feature as a plan has it."""

    feature: str = strawberry.field(description="The feature's key.")
    enabled: bool = strawberry.field(description="Whether it is included at all.")
    limit: float | None = strawberry.field(
        description="Units for each window of its meter; null where there is no limit."
    )

    @classmethod
    def of(cls, feature: billing.Feature) -> "Entitlement":
        """The feature as the API tells it."""
        return cls(feature=feature.key, enabled=feature.enabled, limit=feature.limit)


@strawberry.type(description="One product at one interval.")
class Plan(Node):
    """A plan of the catalogue."""

    key: str = strawberry.field(description="Stable name, for code.")
    name: str = strawberry.field(description="Name for people.")
    description: str = strawberry.field(description="A sentence for people.")
    interval: BillingInterval = strawberry.field(description="How often it is paid.")  # type: ignore[valid-type]
    trial_days: int = strawberry.field(description="Days of free trial; 0 when it has none.")
    features: list[Entitlement] = strawberry.field(description="What it includes.")
    prices: strawberry.Private[dict[str, int]]

    @strawberry.field(description="The price in a currency, or in the default one; null where it is not sold.")
    def price(
        self, currency: Annotated[str | None, strawberry.argument(description="ISO 4217 code, in any case.")] = None
    ) -> Money | None:
        code = currency.upper() if currency else next(iter(self.prices))
        return Money(amount=self.prices[code], currency=code) if code in self.prices else None

    @classmethod
    def of(cls, plan: billing.Plan) -> "Plan":
        """The plan as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Plan", plan.key)),
            key=plan.key,
            name=plan.name,
            description=plan.description,
            interval=plan.interval,
            trial_days=plan.trial_days,
            features=[Entitlement.of(feature) for feature in plan.features],
            prices=plan.prices,
        )
