"""The loaders of one request, one line each, named by what they are asked with."""

from strawberry.dataloader import DataLoader

from loaders.mfa import mfa_enabled_by_user, recovery_codes_left_by_user
from loaders.trials import trials_by_id, trials_by_user
from models.trials import Trial


class Loaders:
    """Rows that this request has read, each once."""

    def __init__(self) -> None:
        self.mfa_enabled_by_user: DataLoader[int, bool] = DataLoader(mfa_enabled_by_user)
        self.recovery_codes_left_by_user: DataLoader[int, int] = DataLoader(recovery_codes_left_by_user)
        self.trial_by_id: DataLoader[int, Trial | None] = DataLoader(trials_by_id)
        self.trial_by_user: DataLoader[int, Trial | None] = DataLoader(trials_by_user)
