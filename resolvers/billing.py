"""The catalogue."""

import strawberry

from schema.billing import Plan
from schema.context import Info
from schema.directives import Public, guards


@strawberry.type
class BillingQuery:
    """What is sold."""

    @strawberry.field(extensions=guards(Public()), description="The plans that are sold, in the catalogue's order.")
    async def plans(self, info: Info) -> list[Plan] | None:
        return [Plan.of(plan) for plan in info.context.app.catalogue.sold]
