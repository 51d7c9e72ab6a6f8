"""Trials for graph edges."""

from models.trials import Trial


async def trials_by_id(ids: list[int]) -> list[Trial | None]:
    """The trial of each id."""
    rows = {trial.id: trial for trial in await Trial.filter(id__in=ids)}
    return [rows.get(pk) for pk in ids]


async def trials_by_user(user_ids: list[int]) -> list[Trial | None]:
    """The trial of each user."""
    rows = {trial.user_id: trial for trial in await Trial.filter(user_id__in=user_ids)}
    return [rows.get(pk) for pk in user_ids]
