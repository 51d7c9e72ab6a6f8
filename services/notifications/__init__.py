"""Letters to users. A letter is a job; what is sent is composed and printed when it is sent."""

from services.notifications.farewell import FAREWELL_KEYS, FAREWELLS, WHAT_STAYS, farewell
from services.notifications.letter import (
    MANDATORY,
    SEND,
    Delivery,
    Draft,
    Letter,
    Mailbox,
    Topic,
    enqueue_letter,
    letter_job,
)
from services.notifications.letters import mail_host, name_to_greet
from services.notifications.links import link
from services.notifications.notices import NOTICES, Notice, notify
from services.notifications.sending import Sending
from services.notifications.welcome import WELCOMES, welcome

__all__ = [
    "FAREWELLS",
    "FAREWELL_KEYS",
    "MANDATORY",
    "NOTICES",
    "SEND",
    "WELCOMES",
    "WHAT_STAYS",
    "Delivery",
    "Draft",
    "Letter",
    "Mailbox",
    "Notice",
    "Sending",
    "Topic",
    "enqueue_letter",
    "farewell",
    "letter_job",
    "link",
    "mail_host",
    "name_to_greet",
    "notify",
    "welcome",
]
