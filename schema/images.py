"""Images that people show, and what was seen in them."""

from typing import Annotated

import strawberry

from core.errors import Refusal
from models.recommendations import InterestSource
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import Entitled, guards
from schema.errors import Error
from schema.recommendations import Interest, RecommendationConnection
from schema.usage import UsageLimitReached
from services import images
from services.pages import page_of


@strawberry.type(description="What was seen in an image. The image itself is not kept.")
class ImageAnalysis:
    """One analysis, for who has shown the image."""

    user_id: strawberry.Private[int]
    seen: strawberry.Private[tuple[tuple[str, float], ...]]
    caption: str = strawberry.field(description="A sentence for the person, in English, made of the topics.")
    model: str = strawberry.field(
        description="Who has looked. `local-palette` knows colours and the caption alone, and stands in for one that "
        "does not answer."
    )
    confidence: float = strawberry.field(description="How sure that is, from 0 to 1; at most 0.4 of `local-palette`.")

    @strawberry.field(description="What the image tells of the person, the surest first; interests of theirs now.")
    def topics(self) -> list[Interest]:
        return [
            Interest(topic=topic, weight=weight, source=InterestSource.IMAGE, evidence=0, corrected=False)
            for topic, weight in self.seen
        ]

    @strawberry.field(
        extensions=guards(Entitled("recommendations")), description="What suits the person and the image, best first."
    )
    async def items(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> RecommendationConnection | None:
        page, topics = page_of(first, after, last, before), [topic for topic, _ in self.seen]
        return RecommendationConnection.of(await images.items_for(info.context.app, self.user_id, topics, page))

    @classmethod
    def of(cls, analysis: images.Analysis, user_id: int) -> "ImageAnalysis":
        """The analysis as the API tells it."""
        return cls(
            user_id=user_id,
            seen=analysis.topics,
            caption=analysis.caption,
            model=analysis.model,
            confidence=analysis.confidence,
        )


@strawberry.type(description="The image has been looked at.")
class AnalyzeImageSuccess:
    """What `analyzeImage` gives."""

    analysis: ImageAnalysis = strawberry.field(description="What was seen.")


@strawberry.type(description="The file is no picture that we look at. The message says what would be right.")
class InvalidImage(Error):
    """Not this file."""


REFUSALS: dict[type[Refusal], type[Error]] = {images.InvalidImage: InvalidImage}

AnalyzeImageResult = Annotated[
    AnalyzeImageSuccess | InvalidImage | UsageLimitReached,
    strawberry.union("AnalyzeImageResult", description="What `analyzeImage` answers."),
]
