"""What people ask for in their own words."""

from typing import cast

import strawberry
from strawberry.scalars import JSON

from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.recommendations import RecommendationConnection
from services.intents import finding, resolving
from services.pages import page_of


@strawberry.type(description="What somebody asks for, as one of a closed list.")
class Intent:
    """The answer to an utterance."""

    name: str = strawberry.field(description="A key of the list (docs/intents.md), or `unknown`.")
    confidence: float = strawberry.field(description="From 0 to 1: how probable it is that `name` is right.")
    slots: JSON = strawberry.field(
        description="What was told besides, by name: only values that exist now and lie within bounds."
    )
    suggested_operation: str | None = strawberry.field(
        description="The field of Query or Mutation that would do it; null for `unknown` and what the caller may not."
    )
    resolved_by: str = strawberry.field(description="Who resolved it: `local` or `openai`.")
    degraded: bool = strawberry.field(description="Whether a second opinion was due and could not be had.")
    degraded_reason: str | None = strawberry.field(description="Why: `budget`, `unavailable` or `refused`.")
    alternatives: list[str] = strawberry.field(
        description="The next likely names, at most three, the likeliest first: to ask what was meant."
    )
    resolved: strawberry.Private[resolving.Resolved]

    @classmethod
    def of(cls, resolved: resolving.Resolved) -> "Intent":
        """What was resolved as the API tells it."""
        return cls(
            name=resolved.name,
            confidence=resolved.confidence,
            slots=cast("JSON", resolved.slots),
            suggested_operation=resolved.operation,
            resolved_by=resolved.resolved_by,
            degraded=resolved.reason is not None,
            degraded_reason=resolved.reason,
            alternatives=list(resolved.alternatives),
            resolved=resolved,
        )

    @strawberry.field(
        description="Items near to what was said; null where it is about none, and until the catalogue is prepared."
    )
    async def items(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> RecommendationConnection | None:
        viewer, vector = info.context.viewer, self.resolved.vector
        if vector is None:
            return None
        page = page_of(first, after, last, before)
        slate = await finding.items_toward(info.context.app, viewer.user.id if viewer else None, vector, page)
        return RecommendationConnection.of(slate) if slate else None
