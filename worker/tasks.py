"""Which service does which kind of job."""

from services import accounts, audit, email_codes, keys, notifications, pruning, recommendations, trials, usage
from services.accounts import email_change, magic_links, password_reset, verification
from services.analytics import keeping
from services.billing import cards, following, forgetting, inbox, leaving, letters, reconciling, working
from services.fraud import granting
from services.mfa import half_sessions
from worker.loop import Task

TASKS: dict[str, Task] = {
    accounts.DELETION: accounts.delete,
    audit.CHAIN: audit.chain,
    keeping.PRUNE: keeping.prune,
    keeping.ROLL: keeping.roll,
    forgetting.FORGET: forgetting.forget_customer,
    forgetting.PRUNE: forgetting.prune,
    following.CHECK_CARD: cards.check,
    inbox.APPLY: working.apply,
    reconciling.BURY: reconciling.bury,
    leaving.LEAVE: leaving.leave,
    leaving.STAY: leaving.stay,
    reconciling.EVENTS: reconciling.reconcile_events,
    reconciling.SUBSCRIPTIONS: reconciling.reconcile_subscriptions,
    reconciling.UNSEEN: reconciling.reconcile_unseen,
    letters.LETTER: letters.send_letter,
    email_codes.LETTER: email_codes.send_letter,
    email_change.LETTER: email_change.send_letter,
    granting.CLEARED: granting.send_cleared,
    half_sessions.EXPIRE: half_sessions.expire,
    keys.RESEAL: keys.reseal,
    magic_links.LETTER: magic_links.send_letter,
    password_reset.LETTER: password_reset.send_letter,
    verification.LETTER: verification.send_letter,
    notifications.FAREWELL: notifications.send_farewell,
    notifications.NOTICE: notifications.send_notice,
    notifications.WELCOME: notifications.send_welcome,
    pruning.FRAUD: pruning.prune_fraud,
    pruning.JOBS: pruning.prune_jobs,
    pruning.SESSIONS: pruning.prune_sessions,
    pruning.TOKENS: pruning.prune_one_time_tokens,
    pruning.USAGE: pruning.prune_usage,
    recommendations.PREPARE: recommendations.prepare,
    trials.END: trials.end_all,
    trials.REMIND: trials.send_reminder,
    trials.WIN_BACK: trials.send_win_back,
    usage.EXPIRE: usage.expire,
}
