"""Which service does which kind of job."""

from services import notifications, recommendations
from services.accounts import email_change, magic_links, password_reset, verification
from worker.loop import Task

TASKS: dict[str, Task] = {
    email_change.LETTER: email_change.send_letter,
    magic_links.LETTER: magic_links.send_letter,
    password_reset.LETTER: password_reset.send_letter,
    verification.LETTER: verification.send_letter,
    notifications.NOTICE: notifications.send_notice,
    notifications.WELCOME: notifications.send_welcome,
    recommendations.PREPARE: recommendations.prepare,
}
