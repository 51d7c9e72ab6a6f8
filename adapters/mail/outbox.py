"""Mail as files in a folder that one person reads, and nobody else may: links in mail sign people in."""

import asyncio
import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import mkstemp

import structlog

from adapters.mail.port import require_headers
from core.errors import Unavailable

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}\.eml")
LARGEST = 10 * 1024 * 1024  # bytes of a file that is worth showing

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OutboxMessage:
    """One sent message as a page shows it. `name` is the file's; a part that the message lacks is empty."""

    name: str
    subject: str
    sender: str
    to: str
    date: datetime | None
    text: str
    html: str


class OutboxMail:
    """Writes each message to a file named after its Message-ID, so that sending it again changes nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self) -> None:
        await asyncio.to_thread(_make_private, self._folder)

    async def close(self) -> None:
        pass

    async def send(self, message: EmailMessage) -> None:
        require_headers(message)
        content = message.as_bytes(policy=policy.SMTPUTF8)
        try:
            await asyncio.to_thread(_write, self._folder / _file_name(message["Message-ID"]), content)
        except OSError as fault:
            log.warning("mail.outbox_not_written", fault=repr(fault))
            raise Unavailable(retry_after=10.0) from fault

    def messages(self, limit: int) -> list[OutboxMessage]:
        """The newest messages first, at most `limit`. Files that are no mail are passed over. Reads the disk."""
        written: list[tuple[int, str]] = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                with suppress(OSError):  # gone since it was listed
                    written.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        found: list[OutboxMessage] = []
        for _, name in sorted(written, reverse=True):
            if len(found) == limit:
                break
            if message := self.message(name):
                found.append(message)
        return found

    def message(self, name: str) -> OutboxMessage | None:
        """The message in the file `name`, or None when there is none. Reads the disk."""
        if not NAME.fullmatch(name):
            return None
        path = self._folder / name
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                return None
            return _parse(name, path.read_bytes())
        except Exception as fault:  # ruff: ignore[blind-except] -- email's parser can raise anything on a broken file
            log.info("mail.outbox_not_read", name=name, fault=repr(fault))
            return None


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _file_name(message_id: str) -> str:
    """Readable and safe on any file system; the digest keeps two ids apart that look alike."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", message_id).strip("-")[:60]
    return f"{readable}-{hashlib.sha256(message_id.encode(errors='surrogatepass')).hexdigest()[:16]}.eml"


def _write(path: Path, content: bytes) -> None:
    """All of the file or nothing of it, even when the machine stops in the middle."""
    handle, unfinished = mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def _parse(name: str, content: bytes) -> OutboxMessage | None:
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    if not message["Message-ID"]:
        return None
    date = message["Date"]
    return OutboxMessage(
        name=name,
        subject=str(message["Subject"] or ""),
        sender=str(message["From"] or ""),
        to=str(message["To"] or ""),
        date=date.datetime if date else None,
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    content: str = part.get_content()
    return content
