"""First steps, as whoever takes them sees them."""

from datetime import datetime

import strawberry

from schema.context import Info
from services.onboarding import Progress, progress_of


@strawberry.type(description="A first step.")
class OnboardingStep:
    """One step of one person."""

    key: str = strawberry.field(description="Stable name, for code and for translations of the title.")
    title: str = strawberry.field(description="Title for people, in English.")
    done: bool = strawberry.field(description="Whether it is done. What is done stays so.")
    optional: bool = strawberry.field(description="Whether the onboarding is complete without it.")
    told: bool = strawberry.field(
        description="Whether `completeOnboardingStep` marks it as done. The others are done by what they ask for."
    )


@strawberry.type(description="How far somebody has come with their first steps.")
class Onboarding:
    """The steps of one person."""

    steps: list[OnboardingStep] = strawberry.field(description="All of them, in the order to show them in.")
    progress: float = strawberry.field(description="Share of the steps that are not optional and done, from 0 to 1.")
    completed_at: datetime | None = strawberry.field(
        description="When the last of those was done; null while one of them is left."
    )

    @classmethod
    def of(cls, progress: Progress) -> "Onboarding":
        """The progress as the API tells it."""
        steps = [
            OnboardingStep(key=step.key, title=step.title, done=done, optional=step.optional, told=step.told)
            for step, done in progress.steps
        ]
        return cls(steps=steps, progress=progress.share, completed_at=progress.completed_at)


async def onboarding_of_user(user_id: int, info: Info) -> Onboarding | None:
    """The onboarding of a user whom the viewer may see. Raises NotFound."""
    info.context.require_sight_of(user_id)
    return Onboarding.of(progress_of(await info.context.loaders.onboarding_steps_by_user.load(user_id)))
