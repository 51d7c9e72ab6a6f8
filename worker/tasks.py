"""Which service does which kind of job."""

from services import accounts, audit, keys, notifications, pruning, recommendations
from worker.loop import Task

TASKS: dict[str, Task] = {
    accounts.DELETION: accounts.delete,
    audit.CHAIN: audit.chain,
    keys.RESEAL: keys.reseal,
    notifications.FAREWELL: notifications.send_farewell,
    notifications.NOTICE: notifications.send_notice,
    notifications.WELCOME: notifications.send_welcome,
    pruning.JOBS: pruning.prune_jobs,
    pruning.SESSIONS: pruning.prune_sessions,
    pruning.TOKENS: pruning.prune_one_time_tokens,
    recommendations.PREPARE: recommendations.prepare,
}
