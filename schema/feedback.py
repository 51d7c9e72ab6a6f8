"""What people say of the product."""

import strawberry

from services.feedback import Answer


@strawberry.input(description="How satisfied somebody is.")
class SubmitFeedbackInput:
    """An answer."""

    score: int = strawberry.field(description="From 1, not at all, to 5, entirely.")
    comment: str | None = strawberry.field(default=None, description="In their words, at most 2,000 characters.")
    surface: str | None = strawberry.field(
        default=None, description="Where it was asked, such as `settings`: at most 64 of a-z, 0-9, `.`, `-` and `_`."
    )

    def answer(self) -> Answer:
        """The answer as the service takes it. Raises BadUserInput."""
        return Answer(self.score, self.comment, self.surface)


@strawberry.type(description="What became of an answer.")
class SubmitFeedbackPayload:
    """What `submitFeedback` gives."""

    accepted: bool = strawberry.field(
        description="Whether it counts. False when the viewer has given another answer in these 30 days: that stays."
    )
