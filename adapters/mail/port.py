"""What we ask of mail."""

from email.message import EmailMessage
from typing import Protocol, runtime_checkable

from core.errors import PorchlightError

REQUIRED = ("Message-ID", "Date", "From", "To")


class MailRejected(PorchlightError):
    """The recipient's side will never take this message. `code` is SMTP's, `reason` the server's words, for the log."""

    message = "The message was refused."

    def __init__(self, code: int, reason: str) -> None:
        super().__init__()
        self.code = code
        self.reason = reason


@runtime_checkable
class Mail(Protocol):
    """Sends messages that are complete: the caller sets Message-ID, Date, From and To."""

    async def open(self) -> None:
        """Make ready to send."""
        ...

    async def close(self) -> None:
        """Give back what is open."""
        ...

    async def send(self, message: EmailMessage) -> None:
        """Hand over `message`; when this returns, somebody else answers for it.

        Its Return-Path, where it has one, is the envelope's sender, to whom what cannot be delivered is reported.

        Raises Unavailable when a later try may succeed, MailRejected when none will, ValueError when a header is
        missing. A message for several people that some of them cannot get raises too, and a later try reaches the
        others again: send to one at a time.
        """
        ...


def require_headers(message: EmailMessage) -> None:
    """Raise ValueError for a message that nobody could trace or answer."""
    missing = [name for name in REQUIRED if not message[name]]
    if missing:
        raise ValueError(f"A message needs {', '.join(missing)}.")
