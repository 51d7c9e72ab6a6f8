"""Mail, at least once: a message that is sent again keeps its Message-ID, by which the outbox knows it."""

from adapters.mail.opening import open_mail
from adapters.mail.outbox import OutboxMail, OutboxMessage
from adapters.mail.port import Mail, MailRejected
from adapters.mail.smtp import SmtpMail

__all__ = ["Mail", "MailRejected", "OutboxMail", "OutboxMessage", "SmtpMail", "open_mail"]
