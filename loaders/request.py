"""The loaders of one request, one line each, named by what they are asked with."""

from strawberry.dataloader import DataLoader

from loaders.accounts import users_by_id
from loaders.trials import trials_by_id, trials_by_user
from models.accounts import User
from models.trials import Trial


class Loaders:
    """Rows that this request has read, each once."""

    def __init__(self) -> None:
        self.trial_by_id: DataLoader[int, Trial | None] = DataLoader(trials_by_id)
        self.trial_by_user: DataLoader[int, Trial | None] = DataLoader(trials_by_user)
        self.user_by_id: DataLoader[int, User | None] = DataLoader(users_by_id)
