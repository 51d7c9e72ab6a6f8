"""Reading what a running server has sent."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from models import Job
from tests.porchlight import Porchlight
from tests.services.valkey import until


async def settled(porchlight: Porchlight) -> None:
    """Return once every job that is due has been done."""

    async def done() -> bool:
        with porchlight.app.database.bound():
            return (
                not await Job.filter(due_at__lte=porchlight.clock.now()).exists()
                and not await Job.filter(lease__isnull=False).exists()
            )

    await until(done, within=20)


async def letters_to(porchlight: Porchlight, address: str, subject: str = "") -> list[EmailMessage]:
    """The letters to an address whose subject begins so, the oldest first."""
    await settled(porchlight)
    letters = outbox(Path(porchlight.app.settings.mail_url.removeprefix("outbox://")))
    return [letter for letter in letters if letter["To"] == address and letter["Subject"].startswith(subject)]


def outbox(folder: Path) -> list[EmailMessage]:
    """What lies in a folder, the oldest first."""
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), EmailMessage, policy=policy.default) for file in files]


async def letter_to(porchlight: Porchlight, address: str, subject: str = "") -> str:
    """The text of the newest letter to an address."""
    return text_of((await letters_to(porchlight, address, subject))[-1])


def text_of(letter: EmailMessage) -> str:
    """What the letter says."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def link_in(text: str) -> str:
    """The address that a letter leads to."""
    found = re.search(r"^http\S+/links/\S+$", text, re.MULTILINE)
    assert found, text
    return found[0]


def token_in(text: str) -> str:
    """The token of a letter's link."""
    return link_in(text).partition("?token=")[2]


def code_in(text: str) -> str:
    """The six digits of a letter."""
    found = re.search(r"asked for it: (\d{3} \d{3})$", text, re.MULTILINE)
    assert found, text
    return found[1].replace(" ", "")
