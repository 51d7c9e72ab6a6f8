"""The loaders of one request, one line each, named by what they are asked with."""

from functools import partial

from strawberry.dataloader import DataLoader

from loaders.accounts import users_by_id
from loaders.billing import invoices_by_id, purchases_by_user, subscriptions_by_id, subscriptions_by_user
from loaders.devices import devices_by_id
from loaders.loader import Loader
from loaders.mfa import mfa_enabled_by_user, recovery_codes_left_by_user
from loaders.onboarding import onboarding_steps_by_user
from loaders.passkeys import passkeys_by_user
from loaders.sessions import sessions_by_id
from loaders.trials import changes_by_trial, trials_by_id, trials_by_user
from loaders.usage import usage_counters_by_window
from models.trials import Trial


class Loaders:
    """Rows that this request has read, each once."""

    device_by_id = Loader(devices_by_id)
    session_by_id = Loader(sessions_by_id)
    mfa_enabled_by_user = Loader(mfa_enabled_by_user)
    recovery_codes_left_by_user = Loader(recovery_codes_left_by_user)
    passkeys_by_user = Loader(passkeys_by_user)
    onboarding_steps_by_user = Loader(onboarding_steps_by_user)
    trial_by_id = Loader(trials_by_id)
    trial_by_user = Loader(trials_by_user)
    changes_by_trial = Loader(changes_by_trial)
    purchases_by_user = Loader(purchases_by_user)
    subscriptions_by_user = Loader(subscriptions_by_user)
    subscription_by_id = Loader(subscriptions_by_id)
    invoice_by_id = Loader(invoices_by_id)
    usage_counter_by_window = Loader(usage_counters_by_window)
    user_by_id = Loader(users_by_id)

    def know_trial(self, user_id: int, trial: Trial | None) -> None:
        """Take a user's trial as read. It is given together with those of others, so that all of them keep step."""
        vars(self)["trial_by_user"] = DataLoader(partial(trials_by_user, known={user_id: trial}))
