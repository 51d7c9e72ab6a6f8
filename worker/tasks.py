"""Which service does which kind of job."""

from services import notifications
from worker.loop import Task

TASKS: dict[str, Task] = {notifications.WELCOME: notifications.send_welcome}
