"""Which service does which kind of job."""

from services import keys, notifications, recommendations
from worker.loop import Task

TASKS: dict[str, Task] = {
    keys.RESEAL: keys.reseal,
    notifications.NOTICE: notifications.send_notice,
    notifications.WELCOME: notifications.send_welcome,
    recommendations.PREPARE: recommendations.prepare,
}
