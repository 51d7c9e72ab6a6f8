"""Items, interests and recommendations."""

from datetime import datetime
from operator import attrgetter

import strawberry

from core.cursors import decode_int_id, encode_cursor, encode_id
from core.errors import NotFound
from models import recommendations as rows
from schema.connections import PageInfo
from schema.enums import described
from schema.nodes import Node
from services import recommendations
from services.pages import Rows

InterestSource = described(
    rows.InterestSource,
    "How we know of an interest.",
    {
        "STATED": "The person said so.",
        "IMAGE": "Seen in an image that they showed.",
        "BEHAVIOR": "Read from what they did.",
        "INTENT": "Read from what they asked for.",
    },
)
InteractionKind = described(
    rows.InteractionKind,
    "What somebody did with an item.",
    {
        "VIEW": "It was on their screen.",
        "CLICK": "They opened it.",
        "SAVE": "They kept it for later.",
        "COMPLETE": "They finished it.",
        "DISMISS": "They put it aside: it is not shown again.",
        "DISLIKE": "They do not want such a thing: it is not shown again.",
    },
)


@strawberry.type(description="Something that can be recommended.")
class Item(Node):
    """An item of the catalogue."""

    key: str = strawberry.field(description="Stable name, for code.")
    title: str = strawberry.field(description="Title for people.")
    summary: str = strawberry.field(description="Two sentences for people.")
    category: str = strawberry.field(description="Key of its category.")
    tags: list[str] = strawberry.field(description="What else it is about.")
    url: str | None = strawberry.field(description="Where it is to be had.")
    image_url: str | None = strawberry.field(description="A picture of it.")
    requires: str | None = strawberry.field(description="Key of the feature that a plan must include for it.")
    available_from: datetime | None = strawberry.field(description="It cannot be had before.")
    available_until: datetime | None = strawberry.field(description="It cannot be had from then on.")

    @classmethod
    def of(cls, row: rows.Item | recommendations.ItemRow) -> "Item":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Item", row.id)),
            key=row.key,
            title=row.title,
            summary=row.summary,
            category=row.category,
            tags=row.tags,
            url=row.url,
            image_url=row.image_url,
            requires=row.requires,
            available_from=row.available_from,
            available_until=row.available_until,
        )

    @classmethod
    def shared(cls, row: recommendations.ItemRow) -> "Item":
        """The same, made once for all requests that show the row."""
        view: Item | None = row.view
        if view is None:
            view = row.view = cls.of(row)
        return view


@strawberry.type(description="An item in its place.")
class ItemEdge:
    """An edge of `items`."""

    cursor: str = strawberry.field(description="The item's place.")
    node: Item = strawberry.field(description="The item.")


@strawberry.type(description="A page of items.")
class ItemConnection:
    """Items in the catalogue's order."""

    edges: list[ItemEdge] = strawberry.field(description="The items.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")

    @classmethod
    def of(cls, page: Rows[rows.Item]) -> "ItemConnection":
        """The page as the API tells it."""
        places = [(row.position, row.id) for row in page.rows]
        edges = [
            ItemEdge(cursor=encode_cursor(place), node=Item.of(row))
            for place, row in zip(places, page.rows, strict=True)
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, places))


@strawberry.type(description="A topic that a person cares for.")
class Interest:
    """One interest."""

    topic: str = strawberry.field(description="A category of the catalogue, or any words.")
    weight: float = strawberry.field(description="How much it counts; 1 is a plain statement.")
    source: InterestSource = strawberry.field(description="How we know.")  # type: ignore[valid-type]
    evidence: int = strawberry.field(description="Items that speak for it, where such are counted; 0 elsewhere.")
    corrected: bool = strawberry.field(description="Whether the person has chosen the weight.")

    @classmethod
    def of(cls, row: rows.Interest) -> "Interest":
        """The row as the API tells it."""
        return cls(
            topic=row.topic,
            weight=row.weight,
            source=row.source,
            evidence=row.evidence,
            corrected=row.corrected_at is not None,
        )


GroundKind = described(
    recommendations.GroundKind,
    "What speaks for a recommendation.",
    {
        "INTEREST": "An interest of the person: `topic`.",
        "SAVED": "They saved `item`, and this is like it or liked by others who did.",
        "COMPLETED": "They finished `item`, likewise.",
        "OPENED": "They opened `item`, likewise.",
        "SEEN": "They looked at `item`, likewise.",
        "REQUEST": "It is near to what they asked for or showed just now.",
        "POPULAR": "Many people met it of late.",
        "NEW": "It has come in the last two weeks.",
        "START": "Nothing yet: it is the next one on a walk round the catalogue.",
    },
    name="RecommendationGround",
)


@strawberry.type(description="What a recommendation's reason is computed from.")
class RecommendationEvidence:
    """The ground of a recommendation."""

    kind: GroundKind = strawberry.field(description="What speaks for it.")  # type: ignore[valid-type]
    topic: str | None = strawberry.field(description="The interest, where it is one.")
    item: Item | None = strawberry.field(description="The item that the person has met, where it is one.")

    @classmethod
    def of(cls, found: recommendations.Recommendation) -> "RecommendationEvidence":
        """The ground as the API tells it."""
        item = Item.shared(found.evidence) if found.evidence else None
        return cls(kind=found.ground.kind, topic=found.ground.topic, item=item)


@strawberry.type(description="A recommended item, with its reason.")
class RecommendationEdge:
    """An edge of `recommendations`."""

    cursor: str = strawberry.field(description="The recommendation's place, in a list that stands for an hour.")
    node: Item = strawberry.field(description="The item.")
    recommendation_id: strawberry.ID = strawberry.field(description="Give it back with what the person did.")
    score: float = strawberry.field(description="How well it suits; comparable within one answer.")
    reason: str = strawberry.field(description="Why it is here, from evidence.")
    evidence: RecommendationEvidence = strawberry.field(description="The same for programs.")

    found: strawberry.Private[recommendations.Recommendation]

    def __init__(self, found: recommendations.Recommendation) -> None:
        """The recommendation as the API tells it."""
        self.found = found
        self.score = found.score
        self.node = Item.shared(found.item)


# What few ask for is made when it is asked for: fifty ids are signed in half a millisecond.
RecommendationEdge.cursor = property(lambda edge: encode_cursor(edge.found.place))  # type: ignore[assignment]
RecommendationEdge.recommendation_id = property(lambda edge: strawberry.ID(edge.found.key))  # type: ignore[assignment]
RecommendationEdge.reason = property(attrgetter("found.reason"))  # type: ignore[assignment]
RecommendationEdge.evidence = property(lambda edge: RecommendationEvidence.of(edge.found))  # type: ignore[assignment]


@strawberry.type(description="A page of recommendations.")
class RecommendationConnection:
    """What suits a person, the best first."""

    edges: list[RecommendationEdge] = strawberry.field(description="The recommendations.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    strategy: str = strawberry.field(
        description="What the list was made of: `hybrid` counts what the person did too, `interests` what they care "
        "for, `popular` what many like, and `catalogue` is a walk for whom nothing is known of."
    )
    degraded: bool = strawberry.field(description="Whether something that the list is made of could not be asked.")
    degraded_reason: str | None = strawberry.field(description="What that was.")

    @classmethod
    def of(cls, slate: recommendations.Slate) -> "RecommendationConnection":
        """The slate as the API tells it."""
        places = [found.place for found in slate.page.rows]
        return cls(
            edges=[RecommendationEdge(found) for found in slate.page.rows],
            page_info=PageInfo.of(slate.page, places),
            strategy=slate.strategy,
            degraded=slate.degraded_reason is not None,
            degraded_reason=slate.degraded_reason,
        )


@strawberry.input(description="What to see alone.")
class RecommendationFilter:
    """All of it optional."""

    categories: list[str] | None = strawberry.field(default=None, description="Keys of categories, any of them.")
    tags: list[str] | None = strawberry.field(default=None, description="Tags, any of them.")
    exclude_seen: bool | None = strawberry.field(default=None, description="Leave out what the person has met.")

    def wanted(self) -> recommendations.Filter:
        """The filter as services take it. Raises BadUserInput."""
        return recommendations.Filter(
            tuple(self.categories or ()), tuple(self.tags or ()), exclude_seen=bool(self.exclude_seen)
        )


@strawberry.input(description="One thing that the viewer did with an item.")
class InteractionInput:
    """An interaction."""

    item_id: strawberry.ID = strawberry.field(description="The item.")
    kind: InteractionKind = strawberry.field(description="What was done.")  # type: ignore[valid-type]
    recommendation_id: strawberry.ID | None = strawberry.field(default=None, description="Where it was seen.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now when it is left out.")
    idempotency_key: str | None = strawberry.field(default=None, description="Told twice, it counts once.")

    def event(self) -> recommendations.Event:
        """The interaction as services take it. Raises NotFound, BadUserInput."""
        item_id = decode_int_id(self.item_id, "Item")
        if item_id is None:
            raise NotFound
        return recommendations.Event(item_id, self.kind, self.recommendation_id, self.occurred_at, self.idempotency_key)


@strawberry.type(description="What became of the interactions.")
class RecordInteractionsPayload:
    """What `recordInteractions` gives."""

    accepted: int = strawberry.field(description="New ones.")
    duplicates: int = strawberry.field(description="Told before, and counted then.")
    ignored: int = strawberry.field(description="Not kept: who has opted out of personalization leaves refusals alone.")
