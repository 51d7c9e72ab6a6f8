"""Trials for graph edges."""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from adapters.database import found_by
from models.trials import Trial, TrialChange

HISTORY = 100
"""Changes of a trial that are told."""


async def trials_by_id(ids: list[int]) -> list[Trial | None]:
    """The trial of each id."""
    rows = {trial.id: trial for trial in await found_by(Trial, "id", ids)}
    return [rows.get(pk) for pk in ids]


async def trials_by_user(
    user_ids: list[int], known: Mapping[int, Trial | None] = MappingProxyType({})
) -> list[Trial | None]:
    """The trial of each user. No statement where all of them are `known`."""
    sought = [pk for pk in user_ids if pk not in known]
    found = {trial.user_id: trial for trial in await found_by(Trial, "user_id", sought)} if sought else {}
    return [known[pk] if pk in known else found.get(pk) for pk in user_ids]


async def changes_by_trial(ids: list[int]) -> list[list[TrialChange]]:
    """The last changes of each trial, the newest first."""
    found: dict[int, list[TrialChange]] = defaultdict(list)
    for change in await TrialChange.filter(trial_id__in=ids).order_by("-version"):
        found[change.trial_id].append(change)
    return [found[pk][:HISTORY] for pk in ids]
