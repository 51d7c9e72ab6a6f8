"""Which service does which kind of job."""

from services import (
    accounts,
    audit,
    budgets,
    images,
    keys,
    measuring,
    notifications,
    pruning,
    recommendations,
    trials,
    usage,
)
from services.analytics import keeping
from services.analytics.figures import freezing, retention
from services.billing import cards, following, forgetting, inbox, leaving, reconciling, working
from services.embedding_spaces import moving
from services.mfa import half_sessions
from services.recommendations import collaborative
from worker.letters import LETTERS
from worker.loop import Task

TASKS: dict[str, Task] = {
    accounts.DELETION: accounts.delete,
    audit.CHAIN: audit.chain,
    budgets.LAPSE: budgets.lapse,
    collaborative.FIT: collaborative.fit,
    collaborative.LOOK: collaborative.fit_when_worth_it,
    freezing.FREEZE: freezing.freeze,
    retention.RETAIN: retention.retain,
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
    moving.FORGET: moving.forget,
    moving.MOVE: moving.move,
    half_sessions.EXPIRE: half_sessions.expire,
    images.PRUNE: images.prune,
    keys.RESEAL: keys.reseal,
    measuring.FOLD: measuring.fold,
    notifications.SEND: notifications.Sending(LETTERS),
    pruning.FRAUD: pruning.prune_fraud,
    pruning.JOBS: pruning.prune_jobs,
    pruning.MAIL: pruning.prune_mail,
    pruning.SESSIONS: pruning.prune_sessions,
    pruning.TOKENS: pruning.prune_one_time_tokens,
    pruning.USAGE: pruning.prune_usage,
    recommendations.PREPARE: recommendations.prepare,
    recommendations.PRUNE: recommendations.prune,
    trials.END: trials.end_all,
    usage.EXPIRE: usage.expire,
}
