"""Steps of the onboarding for graph edges."""

from models.onboarding import OnboardingStep


async def onboarding_steps_by_user(user_ids: list[int]) -> list[list[OnboardingStep]]:
    """The steps that each user has done. One query."""
    found: dict[int, list[OnboardingStep]] = {pk: [] for pk in user_ids}
    for row in await OnboardingStep.filter(user_id__in=user_ids):
        found[row.user_id].append(row)
    return [found[pk] for pk in user_ids]
