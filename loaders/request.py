"""The loaders of one request, one line each, named by what they are asked with."""

from strawberry.dataloader import DataLoader

from loaders.passkeys import passkeys_by_user
from loaders.trials import trials_by_id, trials_by_user
from models.mfa import Passkey
from models.trials import Trial


class Loaders:
    """Rows that this request has read, each once."""

    def __init__(self) -> None:
        self.passkeys_by_user: DataLoader[int, list[Passkey]] = DataLoader(passkeys_by_user)
        self.trial_by_id: DataLoader[int, Trial | None] = DataLoader(trials_by_id)
        self.trial_by_user: DataLoader[int, Trial | None] = DataLoader(trials_by_user)
