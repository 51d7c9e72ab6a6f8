"""What came of recommendations, as those who read figures see it."""

import strawberry

from services.recommendations import outcomes


@strawberry.type(description="What one slot of lists of one strategy came to.")
class RecommendationFigure:
    """A figure of recommendations."""

    strategy: str = strawberry.field(description="What the lists were made of.")
    slot: int = strawberry.field(description="The place in the list, from 1.")
    impressions: int = strawberry.field(description="Recommendations that were seen there, each counted once.")
    clicks: int = strawberry.field(description="Those of them that were opened, saved or finished, each counted once.")
    click_through_rate: float | None = strawberry.field(
        description="Clicks by impressions; null where nothing was seen."
    )

    @classmethod
    def of(cls, figure: outcomes.Figure) -> "RecommendationFigure":
        """The figure as the API tells it."""
        return cls(
            strategy=figure.strategy,
            slot=figure.slot,
            impressions=figure.impressions,
            clicks=figure.clicks,
            click_through_rate=figure.rate,
        )
