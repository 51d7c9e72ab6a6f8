"""Which service does which kind of job."""

from services import accounts, keys, notifications, recommendations
from worker.loop import Task

TASKS: dict[str, Task] = {
    accounts.DELETION: accounts.delete,
    keys.RESEAL: keys.reseal,
    notifications.FAREWELL: notifications.send_farewell,
    notifications.NOTICE: notifications.send_notice,
    notifications.WELCOME: notifications.send_welcome,
    recommendations.PREPARE: recommendations.prepare,
}
