"""Letters to users. A letter is a job; what is sent is rendered when it is sent."""

from services.notifications.farewell import FAREWELL, WHAT_STAYS, farewell, send_farewell
from services.notifications.letters import Mailbox, deliver, mail_host
from services.notifications.links import link
from services.notifications.notices import NOTICE, Notice, notify, send_notice
from services.notifications.welcome import WELCOME, send_welcome, welcome

__all__ = [
    "FAREWELL",
    "NOTICE",
    "WELCOME",
    "WHAT_STAYS",
    "Mailbox",
    "Notice",
    "deliver",
    "farewell",
    "link",
    "mail_host",
    "notify",
    "send_farewell",
    "send_notice",
    "send_welcome",
    "welcome",
]
