"""The loaders of one request, one line each, named by what they are asked with."""

from strawberry.dataloader import DataLoader

from loaders.accounts import users_by_id
from loaders.billing import invoices_by_id, purchases_by_user, subscriptions_by_id, subscriptions_by_user
from loaders.devices import devices_by_id
from loaders.mfa import mfa_enabled_by_user, recovery_codes_left_by_user
from loaders.onboarding import onboarding_steps_by_user
from loaders.passkeys import passkeys_by_user
from loaders.sessions import sessions_by_id
from loaders.trials import changes_by_trial, trials_by_id, trials_by_user
from loaders.usage import CounterKey, usage_counters_by_window
from models.accounts import User
from models.billing import Invoice, PlanSubscription
from models.devices import Device
from models.mfa import Passkey
from models.onboarding import OnboardingStep
from models.sessions import Session
from models.trials import Trial, TrialChange
from models.usage import UsageCounter


class Loaders:
    """Rows that this request has read, each once."""

    def __init__(self) -> None:
        self.device_by_id: DataLoader[int, Device | None] = DataLoader(devices_by_id)
        self.session_by_id: DataLoader[int, Session | None] = DataLoader(sessions_by_id)
        self.mfa_enabled_by_user: DataLoader[int, bool] = DataLoader(mfa_enabled_by_user)
        self.recovery_codes_left_by_user: DataLoader[int, int] = DataLoader(recovery_codes_left_by_user)
        self.passkeys_by_user: DataLoader[int, list[Passkey]] = DataLoader(passkeys_by_user)
        self.onboarding_steps_by_user: DataLoader[int, list[OnboardingStep]] = DataLoader(onboarding_steps_by_user)
        self.trial_by_id: DataLoader[int, Trial | None] = DataLoader(trials_by_id)
        self.trial_by_user: DataLoader[int, Trial | None] = DataLoader(trials_by_user)
        self.changes_by_trial: DataLoader[int, list[TrialChange]] = DataLoader(changes_by_trial)
        self.purchases_by_user: DataLoader[int, tuple[PlanSubscription, ...]] = DataLoader(purchases_by_user)
        self.subscriptions_by_user: DataLoader[int, tuple[PlanSubscription, ...]] = DataLoader(subscriptions_by_user)
        self.subscription_by_id: DataLoader[int, PlanSubscription | None] = DataLoader(subscriptions_by_id)
        self.invoice_by_id: DataLoader[int, Invoice | None] = DataLoader(invoices_by_id)
        self.usage_counter_by_window: DataLoader[CounterKey, UsageCounter | None] = DataLoader(usage_counters_by_window)
        self.user_by_id: DataLoader[int, User | None] = DataLoader(users_by_id)
